import { assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import type { Headers } from "../control/headers.ts";
import { offer, PORTS } from "../../tests/support/dispatcher_bench.ts";
import { FakeRelay } from "../../tests/support/fake_relay.ts";
import { FakeClock, RecordingLogger } from "../../tests/support/fakes.ts";
import { Placement } from "./placement.ts";

const SLOW_MS = 200;

/** Relays `a`, `b` and `c`, tried in that order, and what came of it. */
class Bench {
  readonly clock = new FakeClock();
  readonly log = new RecordingLogger();
  readonly a = new FakeRelay("192.0.2.1");
  readonly b = new FakeRelay("192.0.2.2");
  readonly c = new FakeRelay("192.0.2.3");
  readonly relays = [this.a, this.b, this.c];
  readonly news: string[] = [];
  readonly placement: Placement;

  constructor(headers: Headers = offer(), relayCount = 3) {
    const links = this.relays.slice(0, relayCount).map((relay) => relay.connect(this.clock, this.log));
    this.placement = new Placement(
      headers,
      links,
      {
        placed: (relay, ports) => this.news.push(`placed ${relay.transport.hostname}: ${ports}`),
        failed: () => this.news.push("failed"),
        unwanted: (relay) => this.news.push(`unwanted ${relay.transport.hostname}`),
      },
      this.clock,
      this.log,
    );
    this.placement.tryNext();
  }

  /** How many relays have been asked. */
  get asked(): number {
    return this.relays.filter(({ orders }) => orders.length > 0).length;
  }

  advance(durationMs: number): void {
    this.clock.advance(durationMs);
    for (const relay of this.relays) if (relay.orders.length > 0) relay.link.handleTimeout();
    this.placement.handleTimeout();
  }
}

Deno.test("Placement takes the first relay that answers with ports, and asks no other (PROTOCOL 3)", () => {
  const bench = new Bench();
  assertEquals(bench.a.lastOrder?.headers, offer());
  bench.a.answer("update", PORTS);
  bench.advance(SLOW_MS);
  assertEquals(bench.news, [`placed 192.0.2.1: ${PORTS}`]);
  assertEquals(bench.asked, 1);
  assertEquals(bench.placement.settled, true);
});

for (const word of ["error", "halting"]) {
  Deno.test(`Placement tries the next relay at once when one says ${word} (PROTOCOL 3)`, () => {
    const bench = new Bench();
    bench.a.answer("update", word);
    assertEquals(bench.b.owes, ["update"]);
    bench.b.answer("update", PORTS);
    assertEquals(bench.news, [`placed 192.0.2.2: ${PORTS}`]);
  });
}

Deno.test("Placement tries the next relay when one disconnects (PROTOCOL 3)", () => {
  const bench = new Bench();
  bench.a.link.closed();
  bench.b.link.closed();
  bench.c.answer("update", PORTS);
  assertEquals(bench.news, [`placed 192.0.2.3: ${PORTS}`]);
});

Deno.test("Placement asks a second relay when the first is slow, and the first good answer wins (PROTOCOL 1)", () => {
  const bench = new Bench();
  bench.advance(SLOW_MS - 1);
  assertEquals(bench.asked, 1);
  bench.advance(1);
  assertEquals(bench.asked, 2);
  bench.b.answer("update", PORTS);
  assertEquals(bench.news, [`placed 192.0.2.2: ${PORTS}`]);
  bench.advance(SLOW_MS);
  assertEquals(bench.asked, 2);
  bench.a.answer("update", "192.0.2.1 50000");
  assertEquals(bench.news, [`placed 192.0.2.2: ${PORTS}`, "unwanted 192.0.2.1"]);
});

Deno.test("Placement takes the slow relay if it answers first after all, and sends the second one away", () => {
  const bench = new Bench();
  bench.advance(SLOW_MS);
  bench.a.answer("update", PORTS);
  bench.b.answer("update", PORTS);
  assertEquals(bench.news, [`placed 192.0.2.1: ${PORTS}`, "unwanted 192.0.2.2"]);
});

Deno.test("Placement asks one more relay for each 200 ms, and waits for the last", () => {
  const bench = new Bench();
  for (const asked of [2, 3, 3]) {
    bench.advance(SLOW_MS);
    assertEquals(bench.asked, asked);
  }
  bench.c.answer("update", "error");
  bench.a.answer("update", "error");
  assertEquals(bench.news, []);
  bench.b.answer("update", PORTS);
  assertEquals(bench.news, [`placed 192.0.2.2: ${PORTS}`]);
});

Deno.test("Placement tries the next relay when one times out, and fails once when all do (PROTOCOL 3)", () => {
  const bench = new Bench(offer(), 2);
  bench.advance(SLOW_MS);
  bench.advance(4800);
  assertEquals(bench.news, []);
  bench.advance(SLOW_MS);
  bench.advance(5000);
  assertEquals(bench.news, ["failed"]);
});

Deno.test("Placement fails when no relay would have the call, or there is none", () => {
  const bench = new Bench(offer(), 2);
  bench.a.answer("update", "error");
  bench.b.answer("update", "halting");
  assertEquals(bench.news, ["failed"]);
  assertEquals(new Bench(offer(), 0).news, ["failed"]);
});

Deno.test('Placement takes "None" of an old relay as a refusal, and has the session removed (PROTOCOL 6.7)', () => {
  const bench = new Bench();
  bench.a.answer("update", "None");
  assertEquals(bench.news, ["unwanted 192.0.2.1"]);
  bench.b.answer("update", PORTS);
  assertEquals(bench.news.at(-1), `placed 192.0.2.2: ${PORTS}`);
});

Deno.test('Placement has the session removed from a loser that says "None", but not from one that has none', () => {
  const bench = new Bench();
  bench.advance(SLOW_MS);
  bench.advance(SLOW_MS);
  bench.c.answer("update", PORTS);
  bench.a.answer("update", "None");
  bench.b.answer("update", "error");
  assertEquals(bench.news, [`placed 192.0.2.3: ${PORTS}`, "unwanted 192.0.2.1"]);
});

Deno.test("Placement stops after the first relay when the request cannot be read", () => {
  for (const fields of [{ media: "foo:bar" }, { cseq: "abc" }, { type: "" }, { signaling_ip: "5" }]) {
    const bench = new Bench(offer(fields));
    bench.a.answer("update", "error");
    assertEquals(bench.news, ["failed"]);
    assertEquals(bench.asked, 1);
  }
});

Deno.test("Placement still takes an unreadable request's good answer from another relay that was asked", () => {
  const bench = new Bench(offer({ media: "foo:bar" }));
  bench.advance(SLOW_MS);
  bench.b.answer("update", "error");
  assertEquals(bench.news, []);
  bench.a.answer("update", PORTS);
  assertEquals(bench.news, [`placed 192.0.2.1: ${PORTS}`]);
  assertEquals(bench.asked, 2);
});

Deno.test("Placement has one outcome, and keeps one session at most, whatever the relays do", () => {
  const step = fc.oneof(
    fc.record({ relay: fc.nat({ max: 2 }), body: fc.constantFrom(PORTS, "error", "halting", "None") }),
    fc.constantFrom(100, 200, 4000),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const bench = new Bench();
    const holders = new Set<string>();
    for (const next of steps) {
      if (typeof next === "number") {
        bench.advance(next);
      } else {
        const relay = bench.relays[next.relay]!;
        if (relay.owes.length === 0 || relay.link.state === "timed out") continue;
        relay.answer("update", next.body);
        if (next.body === PORTS) holders.add(relay.hostname);
      }
    }
    for (let count = 0; count < 4; count++) bench.advance(5000);
    const outcomes = bench.news.filter((line) => !line.startsWith("unwanted"));
    assertEquals(outcomes.length, 1);
    for (const line of bench.news) holders.delete(line.replace("unwanted ", ""));
    assertEquals([...holders], outcomes.flatMap((line) => /^placed (.*?):/.exec(line)?.[1] ?? []));
  }));
});
