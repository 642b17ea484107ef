// deno-lint-ignore-file camelcase -- the keys of a summary are the wire's
import { assertEquals, assertNotEquals, assertStrictEquals } from "../deps/assert.ts";
import type { RelaySummary } from "../control/statistics.ts";
import { FakeRelay } from "../../tests/support/fake_relay.ts";
import { FakeClock, RecordingLogger, seededRandom } from "../../tests/support/fakes.ts";
import type { RelayLink } from "./relay_link.ts";
import { RelayTable } from "./relay_table.ts";

const clock = new FakeClock();

class Bench {
  readonly log = new RecordingLogger();
  readonly table: RelayTable;

  constructor(seed = 1) {
    this.table = new RelayTable(seededRandom(seed), this.log);
  }

  /** A relay that has connected and, if `summary` is given, said who it is. */
  relay(hostname: string, summary?: Partial<RelaySummary>): FakeRelay {
    const relay = new FakeRelay(hostname);
    this.table.add(relay.connect(clock, this.log));
    if (summary !== undefined) this.table.identify(relay.link, { ...SUMMARY, ip: hostname, ...summary });
    return relay;
  }

  order(preferred?: string): string[] {
    return this.table.candidates(preferred, "call").map(({ transport }) => transport.hostname);
  }
}

const SUMMARY: RelaySummary = {
  ip: "192.0.2.1",
  version: "1",
  status: "active",
  uptime: 1,
  session_count: 0,
  stream_count: {},
  bps_relayed: 0,
};
const HOSTS = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"];

function halt(relay: FakeRelay): void {
  relay.link.send("update", new Map(), () => {});
  relay.answer("update", "halting");
}

Deno.test("RelayTable.candidates() gives every active relay, in an order that the seed decides (PROTOCOL 3)", () => {
  const orders = Array.from({ length: 50 }, (_, index) => {
    const bench = new Bench(index + 1);
    for (const host of HOSTS) bench.relay(host);
    return bench.order();
  });
  for (const order of orders) assertEquals([...order].sort(), HOSTS);
  assertEquals(new Set(orders.map(([first]) => first)).size, HOSTS.length, "each must be first at times");
  const again = new Bench(1);
  for (const host of HOSTS) again.relay(host);
  assertEquals(again.order(), orders[0]);
});

Deno.test("RelayTable.candidates() spreads calls evenly (PROTOCOL 3)", () => {
  const bench = new Bench();
  for (const host of HOSTS) bench.relay(host);
  const firsts = Array.from({ length: 4000 }, () => bench.order()[0]);
  for (const host of HOSTS) {
    const share = firsts.filter((first) => first === host).length / 1000;
    assertEquals(Math.round(share), 1, `${host} is first ${share} times as often as it should`);
  }
});

Deno.test("RelayTable.candidates() puts the preferred relay first if it is active (PROTOCOL 3)", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const bench = new Bench(seed);
    for (const host of HOSTS) bench.relay(host);
    const order = bench.order("192.0.2.3");
    assertEquals(order[0], "192.0.2.3");
    assertEquals([...order].sort(), HOSTS);
    assertEquals(bench.log.lines, []);
  }
});

Deno.test("RelayTable.candidates() knows the preferred relay by the address that it calls its own, too", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const bench = new Bench(seed);
    bench.relay("192.0.2.1", {});
    bench.relay("192.0.2.2", { ip: "203.0.113.2" });
    assertEquals(bench.order("203.0.113.2"), ["192.0.2.2", "192.0.2.1"]);
  }
});

Deno.test("RelayTable.candidates() prefers the relay that calls the address its own to one that only connects from it", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const bench = new Bench(seed);
    bench.relay("127.0.0.1", { ip: "127.0.0.5" });
    bench.relay("127.0.0.1", { ip: "127.0.0.1" });
    assertEquals(bench.table.candidates("127.0.0.1", "call").map(({ ip }) => ip), ["127.0.0.1", "127.0.0.5"]);
  }
});

Deno.test("RelayTable.candidates() takes others, and says so, when the preferred relay is missing or halting", () => {
  const bench = new Bench();
  bench.relay("192.0.2.1");
  halt(bench.relay("192.0.2.2"));
  assertEquals(bench.order("192.0.2.2"), ["192.0.2.1"]);
  assertEquals(bench.order("192.0.2.99"), ["192.0.2.1"]);
  assertEquals(bench.log.messages("warning").length, 2);
});

Deno.test("RelayTable.candidates() leaves out relays that are halting, timed out or closed (PROTOCOL 3)", () => {
  const bench = new Bench();
  halt(bench.relay("192.0.2.1"));
  bench.relay("192.0.2.2").link.closed();
  const slow = bench.relay("192.0.2.3");
  slow.link.send("update", new Map(), () => {});
  clock.advance(5000);
  slow.link.handleTimeout();
  assertEquals(bench.order(), []);
  slow.say("ping");
  assertEquals(bench.order(), ["192.0.2.3"]);
});

Deno.test("RelayTable.identify() takes a reconnecting relay's old connection for gone (PROTOCOL 3)", () => {
  const bench = new Bench();
  const old = bench.relay("192.0.2.1", { port_range: "40000:60000" });
  const pending: string[] = [];
  old.link.send("update", new Map(), (result) => pending.push(result.kind));
  const again = new FakeRelay("192.0.2.1");
  bench.table.add(again.connect(clock, bench.log));
  assertEquals(bench.table.identify(again.link, { ...SUMMARY, port_range: "40000:60000" }), [old.link]);
  assertEquals(old.closeReasons, ["the relay has connected again"]);
  assertEquals(pending, ["failed"], "what is pending must be settled before its sessions are looked through");
  assertEquals(again.closeReasons, []);
  assertEquals(bench.table.candidates(undefined, "call"), [again.link]);
});

Deno.test("RelayTable.identify() gives back connections that the relay has lost, until they are forgotten", () => {
  const bench = new Bench();
  const old = bench.relay("192.0.2.1", {});
  bench.table.lose(old.link, 1000);
  const again = bench.relay("192.0.2.1");
  assertEquals(bench.table.identify(again.link, SUMMARY), [old.link]);
  assertEquals(old.closeReasons, []);
  bench.table.forget(old.link);
  assertEquals(bench.table.identify(again.link, SUMMARY), []);
});

/** Two relays that connect from one address. */
const NEIGHBOURS: [string, Partial<RelaySummary>, Partial<RelaySummary>][] = [
  ["port ranges", { port_range: "40000:49999" }, { port_range: "50000:59999" }],
  ["addresses of their own", { ip: "10.0.0.1" }, { ip: "10.0.0.2" }],
];

for (const [what, one, two] of NEIGHBOURS) {
  Deno.test(`RelayTable.identify() keeps two relays behind one address apart by their ${what} (PROTOCOL 6.11)`, () => {
    const bench = new Bench();
    const first = bench.relay("192.0.2.1", one);
    const second = bench.relay("192.0.2.1", two);
    assertNotEquals(first.link.identity, second.link.identity);
    assertEquals([...first.closeReasons, ...second.closeReasons], []);
    assertEquals(bench.order().length, 2);
  });
}

Deno.test("RelayTable.identify() cuts nobody for a relay that does not say who it is", () => {
  const bench = new Bench();
  const good = bench.relay("192.0.2.1", {});
  const silent: RelayLink[] = [bench.relay("192.0.2.1").link, bench.relay("192.0.2.1").link];
  for (const link of silent) assertEquals(bench.table.identify(link, undefined), []);
  assertEquals(good.closeReasons, []);
  assertEquals(bench.order().length, 3);
});

Deno.test("RelayTable.identify() notes what the relay can do beyond the original's commands", () => {
  const bench = new Bench();
  assertEquals(bench.relay("192.0.2.1", { capabilities: ["branches"] }).link.capabilities, new Set(["branches"]));
  assertEquals(bench.relay("192.0.2.2", {}).link.capabilities, new Set());
});

Deno.test("RelayTable.lostBefore() gives the relays lost before an instant, and none that is connected", () => {
  const bench = new Bench();
  const [one, two] = [bench.relay("192.0.2.1").link, bench.relay("192.0.2.2").link];
  bench.relay("192.0.2.3");
  bench.table.lose(one, 1000);
  bench.table.lose(one, 9000);
  bench.table.lose(two, 2000);
  assertEquals(bench.table.connected.length, 1);
  assertEquals(bench.table.lostBefore(1000), []);
  assertStrictEquals(bench.table.lostBefore(2000)[0], one);
  assertEquals(bench.table.lostBefore(Infinity), [one, two]);
  bench.table.forget(one);
  bench.table.forget(one);
  assertEquals(bench.table.lostBefore(Infinity), [two]);
});
