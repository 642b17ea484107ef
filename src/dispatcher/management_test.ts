import { assertEquals } from "../deps/assert.ts";
import { FakeRelay } from "../../tests/support/fake_relay.ts";
import { FakeClock, RecordingLogger } from "../../tests/support/fakes.ts";
import { ManagementConnection } from "./management.ts";

/** An operator's connection to a dispatcher with some relays. */
class Bench {
  readonly clock = new FakeClock();
  readonly log = new RecordingLogger();
  readonly relays: FakeRelay[];
  /** What the operator sees: lines, and the end of the connection. */
  readonly seen: string[] = [];
  readonly connection: ManagementConnection;

  constructor(...hostnames: string[]) {
    this.relays = hostnames.map((hostname) => new FakeRelay(hostname));
    const links = this.relays.map((relay) => relay.connect(this.clock, this.log));
    this.connection = new ManagementConnection({
      version: "9.8.7",
      relays: () => links,
      send: (text) => this.seen.push(text),
      close: () => this.seen.push("<closed>"),
      log: this.log,
    });
  }

  type(text: string): void {
    this.connection.received(new TextEncoder().encode(text));
  }
}

Deno.test("ManagementConnection answers version (PROTOCOL 5)", () => {
  const bench = new Bench();
  bench.type("ver");
  bench.type("sion\r\n");
  assertEquals(bench.seen, ["9.8.7\r\n"]);
});

Deno.test("ManagementConnection answers `[]` without relays (events_management)", () => {
  const bench = new Bench();
  bench.type("summary\r\nsessions\r\n");
  assertEquals(bench.seen, ["[]\r\n", "[]\r\n"]);
});

Deno.test("ManagementConnection puts the relays' summaries into one line, in their order (PROTOCOL 5)", () => {
  const bench = new Bench("192.0.2.1", "192.0.2.2");
  bench.type("summary\r\n");
  bench.relays[1]!.answer("summary", '{"ip": "192.0.2.2"}');
  assertEquals(bench.seen, []);
  bench.relays[0]!.answer("summary", '{"ip": "192.0.2.1"}');
  assertEquals(bench.seen, ['[{"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}]\r\n']);
});

Deno.test("ManagementConnection joins the relays' sessions to one list (PROTOCOL 5)", () => {
  const bench = new Bench("192.0.2.1", "192.0.2.2", "192.0.2.3");
  bench.type("sessions\r\n");
  bench.relays[0]!.answer("sessions", '[{"call_id": "a"}, {"call_id": "b"}]');
  bench.relays[1]!.answer("sessions", "[]");
  bench.relays[2]!.answer("sessions", '[{"call_id": "c"}]');
  assertEquals(bench.seen, ['[{"call_id": "a"}, {"call_id": "b"}, {"call_id": "c"}]\r\n']);
});

Deno.test("ManagementConnection shows a relay that fails in a summary, and leaves it out of sessions", () => {
  const bench = new Bench("192.0.2.1", "192.0.2.2");
  bench.type("summary\r\nsessions\r\n");
  bench.relays[0]!.answer("summary", "error");
  bench.relays[1]!.answer("summary", '{"ip": "192.0.2.2"}');
  bench.relays[0]!.link.closed();
  bench.relays[1]!.answer("sessions", '[{"call_id": "a"}]');
  assertEquals(bench.seen, [
    '[{"status":"error","ip":"192.0.2.1"}, {"ip": "192.0.2.2"}]\r\n',
    '[{"call_id": "a"}]\r\n',
  ]);
});

Deno.test("ManagementConnection answers though a relay times out (PROTOCOL 3)", () => {
  const bench = new Bench("192.0.2.1");
  bench.type("sessions\r\n");
  bench.clock.advance(5000);
  bench.relays[0]!.link.handleTimeout();
  assertEquals(bench.seen, ["[]\r\n"]);
});

Deno.test("ManagementConnection answers pipelined commands in order", () => {
  const bench = new Bench("192.0.2.1");
  bench.type("summary\r\nversion\r\nsessions\r\nbogus\r\n");
  assertEquals(bench.relays[0]!.owes, ["summary"]);
  bench.relays[0]!.answer("summary", "{}");
  assertEquals(bench.seen, ["[{}]\r\n", "9.8.7\r\n"]);
  bench.relays[0]!.answer("sessions", "[]");
  assertEquals(bench.seen.slice(2), ["[]\r\n", "error\r\n"]);
});

for (const word of ["quit", "exit"]) {
  Deno.test(`ManagementConnection closes on ${word}, after the answers before it and without those behind it`, () => {
    const bench = new Bench("192.0.2.1");
    bench.type(`summary\r\n${word}\r\nversion\r\n`);
    assertEquals(bench.seen, []);
    bench.relays[0]!.answer("summary", "{}");
    assertEquals(bench.seen, ["[{}]\r\n", "<closed>"]);
  });
}

Deno.test("ManagementConnection answers `error` to what it does not know, and stays (events_management)", () => {
  const bench = new Bench();
  bench.type("bogus\r\nSUMMARY\r\n\r\n");
  bench.connection.received(Uint8Array.of(0xff, 13, 10));
  bench.type(`${"x".repeat(2000)}\r\nversion\r\n`);
  assertEquals(bench.seen, ["error\r\n", "error\r\n", "error\r\n", "error\r\n", "9.8.7\r\n"]);
  assertEquals(bench.log.messages("error").length, 4);
});

Deno.test("ManagementConnection asks the relays that can explain a call, and says what each knows", () => {
  const bench = new Bench("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4");
  for (const index of [0, 1, 3]) bench.relays[index]!.link.capabilities = new Set(["branches", "explain"]);
  bench.type("explain 3c26 \r\nversion\r\n");
  const [first, second, old, fourth] = bench.relays as [FakeRelay, FakeRelay, FakeRelay, FakeRelay];
  assertEquals([first.lastOrder?.name, first.lastOrder?.headers], ["explain", new Map([["call_id", "3c26"]])]);
  assertEquals(old.orders, []);
  second.answer("explain", '[{"call_id":"3c26a"},{"call_id":"3c26b"}]');
  first.answer("explain", "[]");
  assertEquals(bench.seen, []);
  fourth.link.closed();
  const relays = [
    { relay: "192.0.2.1", answer: "unknown" },
    { relay: "192.0.2.2", answer: "known" },
    { relay: "192.0.2.3", answer: "it does not know the command" },
    { relay: "192.0.2.4", answer: "disconnected" },
  ];
  const sessions = '[{"call_id":"3c26a"},{"call_id":"3c26b"}]';
  assertEquals(bench.seen, [
    `{"call_id":"3c26","relays":${JSON.stringify(relays)},"sessions":${sessions}}\r\n`,
    "9.8.7\r\n",
  ]);
});

Deno.test("ManagementConnection explains nothing without a relay or a Call-ID", () => {
  const bench = new Bench();
  bench.type('explain a"b\r\nexplain\r\nexplain  \r\n');
  assertEquals(bench.seen, ['{"call_id":"a\\"b","relays":[],"sessions":[]}\r\n', "error\r\n", "error\r\n"]);
});
