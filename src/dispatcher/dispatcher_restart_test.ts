// Relays that come, go and come back, and dispatchers that start anew among calls (PROTOCOL 3, 6.3).
import { assertEquals, assertStringIncludes } from "../deps/assert.ts";
import { bye, DispatcherBench, offer, PORTS, reply, statistics } from "../../tests/support/dispatcher_bench.ts";
import { FakeRelay } from "../../tests/support/fake_relay.ts";

const CLEANUP_MS = 7_200_000;
const STATISTICS = JSON.stringify(statistics());

/** A dispatcher that has just started, and the relay of `call()`, which has joined it. */
function restarted(fields: Parameters<typeof statistics>[0] = {}): { bench: DispatcherBench; relay: FakeRelay } {
  const bench = new DispatcherBench();
  return { bench, relay: bench.relay("192.0.2.10", [statistics({ dialog_id: "10:20", own: true, ...fields })]) };
}

Deno.test("Dispatcher ends a call from before its restart as asked (PROTOCOL 6.3)", () => {
  for (const headers of [bye(), bye({ from_tag: "callee", to_tag: "caller" })]) {
    const { bench, relay } = restarted();
    const removed = bench.ask("remove", headers);
    assertEquals(relay.lastOrder?.headers, headers);
    relay.answer("remove", STATISTICS);
    assertEquals(removed, ["removed"]);
    assertEquals(bench.accounted.length, 1);
  }
});

Deno.test("Dispatcher answers `removed` to a BYE before any relay has said what it carries (PROTOCOL 6.3)", () => {
  for (const headers of [bye(), bye({ from_tag: "callee", to_tag: "caller" })]) {
    const bench = new DispatcherBench();
    assertEquals(bench.ask("remove", headers), ["removed"]);
    const relay = new FakeRelay();
    relay.join(bench.dispatcher, [statistics()]);
    assertEquals(relay.owes, ["remove"], "the relay must hear of it when it is back");
    relay.answer("remove", STATISTICS);
    assertEquals([bench.dispatcher.sessionCount, bench.accounted.length], [0, 1]);
  }
});

Deno.test("Dispatcher answers `removed` to a BYE between a relay's connection and its list (PROTOCOL 6.3)", () => {
  const bench = new DispatcherBench();
  const relay = new FakeRelay();
  relay.connectTo(bench.dispatcher);
  assertEquals(bench.ask("remove", bye()), ["removed"]);
  relay.introduce();
  relay.answer("sessions", JSON.stringify([statistics()]));
  assertEquals(relay.owes, ["remove"]);
});

Deno.test("Dispatcher ends the call of an early BYE when the second relay turns out to have it (PROTOCOL 6.3)", () => {
  const bench = new DispatcherBench();
  bench.relay("192.0.2.1");
  assertEquals(bench.ask("remove", bye()), ["error"], "a relay has spoken, so this one may well be unknown");
  const relay = bench.relay("192.0.2.2", [statistics()]);
  assertEquals(relay.owes, ["remove"]);
});

Deno.test("Dispatcher remembers early BYEs for a minute", () => {
  const bench = new DispatcherBench();
  bench.ask("remove", bye());
  bench.advance(60_000);
  assertEquals(bench.ask("remove", bye({ call_id: "other" })), ["error"]);
  assertEquals(bench.relay("192.0.2.10", [statistics()]).owes, []);
});

Deno.test("Dispatcher ends no other call under the Call-ID of an early BYE (PROTOCOL 6.8)", () => {
  const bench = new DispatcherBench();
  bench.ask("remove", bye({ from_tag: "x", to_tag: "y" }));
  assertEquals(bench.relay("192.0.2.10", [statistics()]).owes, []);
  assertEquals(bench.dispatcher.sessionCount, 1);
});

Deno.test("Dispatcher sends a call from before its restart to its relay (PROTOCOL 6.3)", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const bench = new DispatcherBench(seed);
    const own = bench.relay("192.0.2.1", [statistics()]);
    const other = bench.relay("192.0.2.2");
    const answers = bench.ask("update", offer({ cseq: "2", from_tag: "callee", to_tag: "caller" }));
    assertEquals([own.owes, other.owes], [["update"], []]);
    own.answer("update", PORTS);
    assertEquals(answers, [PORTS]);
  }
});

Deno.test("Dispatcher has the dialog id from the relay's statistics (PROTOCOL 6.3)", () => {
  const { bench, relay } = restarted();
  relay.say(`expired ${JSON.stringify(statistics({}, ["no-traffic timeout"]))}`);
  assertEquals(bench.paramsOfEndedDialogs, [[10, 20]]);
  assertEquals(bench.accounted[0]?.dialog_id, "10:20");
});

Deno.test("Dispatcher learns the dialog id of a known call from its relay", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay, { dialog_id: "" });
  bench.dispatcher.removeRelay(relay.link, "test");
  const again = bench.relay("192.0.2.10", [statistics({ dialog_id: "10:20" })]);
  bench.dispatcher.removeRelay(again.link, "test");
  bench.relay("192.0.2.10");
  assertEquals(bench.paramsOfEndedDialogs, [[10, 20]]);
});

Deno.test("Dispatcher adopts the sessions of an old relay, which does not say whose they are", () => {
  const bench = new DispatcherBench();
  bench.relay("192.0.2.10", [statistics(), statistics({ call_id: "ringing", to_tag: null })]);
  assertEquals(bench.dispatcher.sessionCount, 2);
});

Deno.test("Dispatcher does not adopt the sessions of another dispatcher", () => {
  const { bench, relay } = restarted({ own: false });
  assertEquals(bench.dispatcher.sessionCount, 0);
  bench.dispatcher.removeRelay(relay.link, "test");
  bench.advance(CLEANUP_MS + 1);
  assertEquals(bench.endedDialogs, []);
});

Deno.test("Dispatcher forgets in silence a call that another dispatcher has taken over", () => {
  const { bench, relay } = restarted();
  bench.dispatcher.removeRelay(relay.link, "test");
  bench.relay("192.0.2.10", [statistics({ own: false })]);
  assertEquals([bench.dispatcher.sessionCount, bench.endedDialogs.length], [0, 0]);
  assertEquals(bench.log.messages("warning"), []);
});

Deno.test("Dispatcher takes a list of sessions that comes after the time limit", () => {
  const bench = new DispatcherBench();
  const relay = new FakeRelay();
  relay.connectTo(bench.dispatcher);
  bench.advance(5000);
  relay.introduce({ capabilities: ["branches"] });
  relay.answer("sessions", JSON.stringify([statistics()]));
  relay.say("ping");
  assertEquals(bench.dispatcher.sessionCount, 1);
  assertEquals(relay.link.capabilities.has("branches"), true);
});

Deno.test("Dispatcher goes on with a relay whose list it cannot read", () => {
  for (const body of ["{}", "error", '[{"call_id": 5}]']) {
    const bench = new DispatcherBench();
    const relay = new FakeRelay();
    relay.connectTo(bench.dispatcher);
    relay.answer("summary", body);
    relay.answer("sessions", body);
    const answers = bench.ask("update", offer());
    relay.answer("update", PORTS);
    assertEquals(answers, [PORTS]);
  }
});

Deno.test("Dispatcher finds its calls on a relay that comes back with them (PROTOCOL 3)", () => {
  const { bench, relay } = restarted();
  bench.dispatcher.removeRelay(relay.link, "test");
  assertEquals(bench.ask("update", offer({ cseq: "2" })), ["error"]);
  const again = bench.relay("192.0.2.10", [statistics()]);
  bench.ask("update", offer({ cseq: "2" }));
  assertEquals(again.owes, ["update"]);
  bench.advance(CLEANUP_MS + 1);
  assertEquals([bench.dispatcher.sessionCount, bench.endedDialogs.length], [1, 0]);
});

Deno.test("Dispatcher ends the dialog of a call that its relay has come back without (events_lifecycle 1)", () => {
  const { bench, relay } = restarted();
  bench.dispatcher.removeRelay(relay.link, "test");
  assertEquals(bench.endedDialogs, []);
  bench.relay("192.0.2.10");
  assertEquals(bench.paramsOfEndedDialogs, [[10, 20]]);
  assertEquals(bench.dispatcher.sessionCount, 0);
  assertStringIncludes(bench.log.messages("warning").at(-1) ?? "", "session lost");
});

Deno.test("Dispatcher ends no dialog of a lost call that was never answered, or that was hung up", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.ask("update", offer({ call_id: "ringing" }));
  relay.answer("update", PORTS);
  bench.call(relay);
  const removed = bench.ask("remove", bye());
  bench.dispatcher.removeRelay(relay.link, "test");
  assertEquals(removed, ["error"]);
  bench.relay("192.0.2.10");
  assertEquals([bench.dispatcher.sessionCount, bench.endedDialogs.length], [0, 0]);
});

Deno.test("Dispatcher removes a call that was hung up while its relay was away, when it is back", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  bench.dispatcher.removeRelay(relay.link, "test");
  assertEquals(bench.ask("remove", bye()), ["error"]);
  const again = bench.relay("192.0.2.10", [statistics()]);
  assertEquals(again.lastOrder?.headers, bye());
  again.answer("remove", STATISTICS);
  assertEquals([bench.dispatcher.sessionCount, bench.accounted.length], [0, 1]);
});

Deno.test("Dispatcher removes a call whose remove timed out, when its relay has connected again", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  bench.ask("remove", bye());
  bench.advance(5000);
  bench.dispatcher.removeRelay(relay.link, "test");
  assertEquals(bench.relay("192.0.2.10", [statistics()]).owes, ["remove"]);
});

Deno.test("Dispatcher takes a relay's second connection for the relay, though the first seems up (PROTOCOL 3)", () => {
  const bench = new DispatcherBench();
  const old = bench.relay();
  bench.call(old);
  const removed = bench.ask("remove", bye());
  const again = bench.relay("192.0.2.10", [statistics()]);
  assertEquals(old.closeReasons, ["the relay has connected again"]);
  assertEquals(removed, ["error"]);
  assertEquals(again.owes, ["remove"], "what was asked on the old connection is asked again");
  again.answer("remove", STATISTICS);
  assertEquals(bench.dispatcher.relays, [again.link]);
  bench.dispatcher.removeRelay(old.link, "test");
  assertEquals(bench.dispatcher.relays, [again.link]);
  assertEquals([bench.dispatcher.sessionCount, bench.accounted.length], [0, 1]);
});

Deno.test("Dispatcher keeps two relays behind one address, and the calls of each (PROTOCOL 6.11)", () => {
  const bench = new DispatcherBench();
  const one = bench.relay("192.0.2.1", [statistics({ call_id: "one" })], { port_range: "40000:49999" });
  const two = bench.relay("192.0.2.1", [statistics({ call_id: "two" })], { port_range: "50000:59999" });
  assertEquals([...one.closeReasons, ...two.closeReasons], []);
  assertEquals([bench.dispatcher.sessionCount, bench.dispatcher.relays.length], [2, 2]);
  bench.dispatcher.removeRelay(two.link, "test");
  bench.relay("192.0.2.1", [statistics({ call_id: "two" })], { port_range: "50000:59999" });
  assertEquals([bench.dispatcher.sessionCount, bench.endedDialogs.length], [2, 0]);
});

Deno.test("Dispatcher leaves a call where it was placed anew, when its first relay comes back with it", () => {
  const bench = new DispatcherBench();
  const relays = [bench.relay("192.0.2.1"), bench.relay("192.0.2.2")];
  bench.ask("update", offer({ media_relay: "192.0.2.1" }));
  bench.advance(200);
  relays[1]!.answer("update", "192.0.2.2 1000");
  bench.dispatcher.removeRelay(relays[0]!.link, "test");
  const again = bench.relay("192.0.2.1", [statistics({ to_tag: null })]);
  assertEquals(again.owes, ["remove"]);
  assertEquals(again.lastOrder?.headers, bye({ to_tag: "" }));
  again.answer("remove", JSON.stringify(statistics({ to_tag: null })));
  assertEquals([bench.dispatcher.sessionCount, bench.accounted.length], [1, 0]);
  bench.ask("update", reply());
  assertEquals(relays[1]!.owes, ["update"]);
});

Deno.test("Dispatcher takes an expired session from a relay that has just come back", () => {
  const { bench, relay } = restarted();
  bench.dispatcher.removeRelay(relay.link, "test");
  const again = new FakeRelay();
  again.connectTo(bench.dispatcher);
  again.say(`expired ${JSON.stringify(statistics({}, ["no-traffic timeout"]))}`);
  again.introduce();
  again.answer("sessions", "[]");
  assertEquals([bench.accounted.length, bench.endedDialogs.length], [1, 1]);
  assertEquals(bench.ask("remove", bye()), ["removed"]);
});

Deno.test("Dispatcher forgets a lost relay's calls after cleanup_dead_relays_after, and ends their dialogs (PROTOCOL 3)", () => {
  const { bench, relay } = restarted();
  bench.dispatcher.removeRelay(relay.link, "test");
  bench.dispatcher.removeRelay(relay.link, "test");
  bench.advance(CLEANUP_MS);
  assertEquals([bench.dispatcher.sessionCount, bench.endedDialogs.length], [1, 0]);
  bench.advance(1);
  assertEquals([bench.dispatcher.sessionCount, bench.endedDialogs.length], [0, 1]);
  bench.advance(CLEANUP_MS);
  assertEquals(bench.endedDialogs.length, 1);
});

Deno.test("Dispatcher drops a relay that does not recover from a time-out, and places calls elsewhere (PROTOCOL 3)", () => {
  const bench = new DispatcherBench();
  const silent = bench.relay("192.0.2.1");
  bench.ask("update", offer());
  bench.advance(5000);
  const good = bench.relay("192.0.2.2");
  bench.ask("update", offer({ call_id: "next", media_relay: "192.0.2.1" }));
  assertEquals(good.owes, ["update"]);
  bench.advance(60_000);
  assertEquals(silent.closeReasons, ["the relay did not recover from a time-out"]);
});
