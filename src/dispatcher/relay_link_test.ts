import { assertEquals, assertStringIncludes } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import type { Headers } from "../control/headers.ts";
import { FakeRelay, LINK_OPTIONS } from "../../tests/support/fake_relay.ts";
import { FakeClock, RecordingLogger } from "../../tests/support/fakes.ts";
import type { RelayCommand, RelayResult } from "./relay_link.ts";

const { relayTimeoutMs, relayRecoverIntervalMs } = LINK_OPTIONS;
const HEADERS: Headers = new Map([["call_id", "call"], ["from_tag", "caller"]]);

/** A relay on a link, and what comes out of it. */
class Bench {
  readonly clock = new FakeClock();
  readonly log = new RecordingLogger();
  readonly relay = new FakeRelay();
  readonly expired: string[] = [];
  readonly late: string[] = [];
  readonly link = this.relay.connect(this.clock, this.log, {
    expired: (_link, json) => this.expired.push(json),
    answeredLate: (_link, command, headers, body) => this.late.push(`${command} ${headers.get("call_id")} ${body}`),
  });

  /** Sends a command; the array gets its results: one, if all is well. */
  readonly send = (command: RelayCommand = "update"): RelayResult[] => {
    const results: RelayResult[] = [];
    this.link.send(command, HEADERS, (result) => results.push(result));
    return results;
  };

  advance(durationMs: number): void {
    this.clock.advance(durationMs);
    this.link.handleTimeout();
  }
}

const TIMED_OUT: RelayResult = { kind: "failed", reason: "timed out" };
const DISCONNECTED: RelayResult = { kind: "failed", reason: "disconnected" };

Deno.test("RelayLink numbers its commands and matches answers in any order (PROTOCOL 3)", () => {
  const { relay, send } = new Bench();
  const first = send("update");
  const second = send("remove");
  assertEquals(relay.orders.map(({ name, sequence }) => `${name} ${sequence}`), ["update 0", "remove 1"]);
  assertEquals(relay.orders[0]?.headers, HEADERS);
  relay.say("1 {}");
  assertEquals([first, second], [[], [{ kind: "answer", body: "{}" }]]);
  relay.say("0 192.0.2.10 40000");
  assertEquals(first, [{ kind: "answer", body: "192.0.2.10 40000" }]);
});

Deno.test("RelayLink passes on error and halting as failures (PROTOCOL 3)", () => {
  const { relay, link, send } = new Bench();
  const refused = send();
  relay.answer("update", "error");
  assertEquals(refused, [{ kind: "failed", reason: "error" }]);
  assertEquals(link.state, "active");
  const halting = send();
  relay.answer("update", "halting");
  assertEquals(halting, [{ kind: "failed", reason: "halting" }]);
  assertEquals(link.state, "halting");
});

Deno.test("RelayLink stays halting, whatever comes, until it is closed (PROTOCOL 3)", () => {
  const bench = new Bench();
  bench.send();
  bench.relay.answer("update", "halting");
  bench.relay.say("ping");
  assertEquals(bench.link.state, "halting");
  const removed = bench.send("remove");
  bench.relay.answer("remove", "{}");
  assertEquals(removed, [{ kind: "answer", body: "{}" }], "its calls go on");
  bench.send();
  bench.advance(relayTimeoutMs);
  assertEquals(bench.link.state, "halting");
});

Deno.test("RelayLink.handleTimeout() fails a command at its limit, once (PROTOCOL 3)", () => {
  const bench = new Bench();
  const first = bench.send();
  bench.advance(1000);
  const second = bench.send();
  bench.advance(relayTimeoutMs - 1001);
  assertEquals([first, second], [[], []]);
  bench.advance(1);
  assertEquals([first, second], [[TIMED_OUT], []]);
  assertEquals(bench.link.state, "timed out");
  bench.advance(1000);
  bench.advance(1000);
  assertEquals([first, second], [[TIMED_OUT], [TIMED_OUT]]);
});

Deno.test("RelayLink reports an answer that comes after the limit as late, with its command (PROTOCOL 3)", () => {
  const bench = new Bench();
  const results = bench.send();
  bench.advance(relayTimeoutMs);
  bench.relay.answer("update", "192.0.2.10 40000");
  assertEquals(results, [TIMED_OUT]);
  assertEquals(bench.late, ["update call 192.0.2.10 40000"]);
  bench.relay.say("0 192.0.2.10 40000");
  assertEquals(bench.late.length, 1, "a second answer to one command is garbage");
  assertEquals(bench.link.state, "timed out", "only a ping shows that the relay is back");
});

Deno.test("RelayLink answers each ping, and one makes a timed-out relay active (PROTOCOL 3)", () => {
  const bench = new Bench();
  bench.relay.say("ping");
  bench.send();
  bench.advance(relayTimeoutMs);
  assertEquals(bench.link.state, "timed out");
  bench.relay.say("ping");
  assertEquals(bench.link.state, "active");
  assertEquals(bench.relay.pongs, 2);
  bench.advance(relayRecoverIntervalMs * 2);
  assertEquals(bench.relay.closeReasons, []);
});

Deno.test("RelayLink drops a relay that does not recover from a time-out (PROTOCOL 3)", () => {
  const bench = new Bench();
  bench.send();
  bench.advance(relayTimeoutMs);
  bench.send();
  bench.advance(relayTimeoutMs);
  bench.advance(relayRecoverIntervalMs - relayTimeoutMs - 1);
  assertEquals(bench.relay.closeReasons, []);
  bench.advance(1);
  assertEquals(bench.relay.closeReasons, ["the relay did not recover from a time-out"]);
});

Deno.test("RelayLink does not drop a relay that halts after a time-out but pings: its calls go on", () => {
  const bench = new Bench();
  bench.send();
  bench.advance(relayTimeoutMs);
  bench.relay.answer("update", "halting");
  assertEquals(bench.link.state, "halting");
  bench.relay.say("ping");
  bench.advance(relayRecoverIntervalMs * 2);
  assertEquals(bench.relay.closeReasons, []);
  assertEquals(bench.link.state, "halting");
});

Deno.test("RelayLink.closed() fails each pending command exactly once", () => {
  const bench = new Bench();
  const results = [bench.send("update"), bench.send("remove"), bench.send("sessions")];
  bench.link.closed();
  bench.link.closed();
  bench.relay.say("0 192.0.2.10 40000");
  bench.advance(relayTimeoutMs);
  assertEquals(results, [[DISCONNECTED], [DISCONNECTED], [DISCONNECTED]]);
  assertEquals(bench.late, []);
  assertEquals(bench.link.state, "closed");
});

Deno.test("RelayLink.closed() does not fail again what has timed out", () => {
  const bench = new Bench();
  const results = bench.send();
  bench.advance(relayTimeoutMs);
  bench.link.closed();
  assertEquals(results, [TIMED_OUT]);
  bench.advance(relayRecoverIntervalMs);
  assertEquals(bench.relay.closeReasons, []);
});

Deno.test("RelayLink.send() fails at once when the relay is gone, also from within closed()", () => {
  const { relay, link, send } = new Bench();
  let again: RelayResult[] = [];
  link.send("update", HEADERS, () => again = send());
  link.closed();
  assertEquals(again, [DISCONNECTED]);
  assertEquals(send(), [DISCONNECTED]);
  assertEquals(relay.orders.length, 1);
});

Deno.test("RelayLink.send() refuses more once 10,000 answers are owed", () => {
  const { relay, send } = new Bench();
  for (let count = 0; count < 10_000; count++) send();
  assertEquals(send(), [TIMED_OUT]);
  assertEquals(relay.orders.length, 10_000);
});

Deno.test("RelayLink ignores garbage, and reads the next line (PROTOCOL 6.9)", () => {
  const bench = new Bench();
  const results = bench.send();
  bench.link.received(Uint8Array.of(0xff, 0xfe, 13, 10));
  for (const line of ["", "hello", "999 never asked", "-1 x"]) bench.relay.say(line);
  assertEquals(results, []);
  assertEquals(bench.log.messages("error").length, 4);
  assertStringIncludes(bench.log.messages("error").at(2) ?? "", '"999 never asked"');
  bench.relay.say('expired {"call_id": "call"}');
  bench.relay.answer("update", "192.0.2.10 40000");
  assertEquals(bench.expired, ['{"call_id": "call"}']);
  assertEquals(results, [{ kind: "answer", body: "192.0.2.10 40000" }]);
});

Deno.test("RelayLink gives each command one result, whatever the relay and time do", () => {
  const step = fc.oneof(
    fc.constant("send" as const),
    fc.nat({ max: 5 }).map((sequence) => `${sequence} x`),
    fc.constantFrom("0 halting", "1 error", "ping", "garbage"),
    fc.integer({ min: 1, max: 6000 }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const bench = new Bench();
    const results: RelayResult[][] = [];
    for (const next of steps) {
      if (next === "send") results.push(bench.send());
      else if (typeof next === "string") bench.relay.say(next);
      else bench.advance(next);
    }
    bench.link.closed();
    assertEquals(results.map(({ length }) => length), results.map(() => 1));
  }));
});
