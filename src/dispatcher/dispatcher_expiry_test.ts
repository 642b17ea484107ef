// Sessions that end by themselves on their relay (PROTOCOL 3, 5).
import { assertEquals, assertStringIncludes } from "../deps/assert.ts";
import type { SessionStatistics, StreamStatistics } from "../control/statistics.ts";
import { bye, DispatcherBench, offer, PORTS, reply, statistics } from "../../tests/support/dispatcher_bench.ts";
import type { FakeRelay } from "../../tests/support/fake_relay.ts";

const DAY_MS = 86_400_000;
const TIMED_OUT: StreamStatistics["status"][] = ["no-traffic timeout"];

function expire(relay: FakeRelay, fields: Partial<SessionStatistics> = {}, statuses = TIMED_OUT): void {
  relay.say(`expired ${JSON.stringify(statistics(fields, statuses))}`);
}

/** A call that was set up with these headers, and has expired. */
function expiredCall(headers: Record<string, string> = {}, statuses = TIMED_OUT): DispatcherBench {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay, headers);
  expire(relay, {}, statuses);
  return bench;
}

Deno.test("Dispatcher has OpenSIPS end the dialog of an expired call (PROTOCOL 5)", () => {
  const bench = expiredCall({ dialog_id: "3277108413379" });
  const [{ id, ...request }] = bench.endedDialogs.map((json) => JSON.parse(json)) as [Record<string, unknown>];
  assertEquals(request, { jsonrpc: "2.0", method: "dlg_end_dlg", params: ["3277108413379"] });
  assertEquals(/^[0-9a-f]{8}$/.test(String(id)), true);
});

Deno.test("Dispatcher has Kamailio end the dialog of an expired call (PROTOCOL 5)", () => {
  const bench = expiredCall({ dialog_id: "763:2543" });
  assertEquals(bench.paramsOfEndedDialogs, [[763, 2543]]);
});

Deno.test("Dispatcher gives each request to end a dialog an id of its own", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  for (const call of ["a", "b"]) {
    bench.call(relay, { call_id: call });
    expire(relay, { call_id: call });
  }
  const ids = bench.endedDialogs.map((json) => JSON.parse(json).id);
  assertEquals(new Set(ids).size, 2);
});

Deno.test("Dispatcher accounts for an expired call as timed out (PROTOCOL 3)", () => {
  const bench = expiredCall();
  assertEquals(bench.accounted, [{
    ...statistics({}, TIMED_OUT),
    dialog_id: "10:20",
    timed_out: true,
    all_streams_ice: false,
  }]);
});

Deno.test("Dispatcher ends no dialog that was never answered (events_expiry A)", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.ask("update", offer());
  relay.answer("update", PORTS);
  expire(relay, { to_tag: null, start_time: null });
  assertEquals(bench.endedDialogs, []);
  assertEquals(bench.accounted.length, 1);
});

Deno.test("Dispatcher does not call an offer without an answer ICE (PROTOCOL 6.6)", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.ask("update", offer());
  relay.answer("update", PORTS);
  expire(relay, { to_tag: null, start_time: null }, []);
  assertEquals(bench.accounted.map((session) => session.all_streams_ice), [false]);
  assertEquals(bench.log.messages("info").filter((message) => message.includes("ICE")), []);
});

Deno.test("Dispatcher ends no dialog whose streams all went another way by ICE (events_expiry C)", () => {
  const bench = expiredCall({}, ["unselected ICE candidate", "unselected ICE candidate"]);
  assertEquals(bench.endedDialogs, []);
  assertEquals(bench.accounted.map((session) => [session.timed_out, session.all_streams_ice]), [[false, true]]);
});

Deno.test("Dispatcher ends the dialog when only some streams went another way by ICE", () => {
  const bench = expiredCall({}, ["unselected ICE candidate", "conntrack timeout"]);
  assertEquals(bench.paramsOfEndedDialogs, [[10, 20]]);
  assertEquals(bench.accounted.map((session) => [session.timed_out, session.all_streams_ice]), [[true, false]]);
});

Deno.test("Dispatcher ends no dialog whose streams were all refused", () => {
  assertEquals(expiredCall({}, ["rejected"]).endedDialogs, []);
});

Deno.test("Dispatcher ends no dialog that has no dialog id, which is use_media_proxy (PROTOCOL 1)", () => {
  const bench = expiredCall({ dialog_id: "" });
  assertEquals(bench.endedDialogs, []);
  assertEquals(bench.accounted.map((session) => [session.timed_out, session.dialog_id]), [[true, null]]);
});

Deno.test("Dispatcher learns the dialog id from a later message of the call", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.ask("update", offer({ dialog_id: "" }));
  relay.answer("update", PORTS);
  bench.ask("update", reply({ dialog_id: "1:2" }));
  relay.answer("update", PORTS);
  expire(relay);
  assertEquals(bench.paramsOfEndedDialogs, [[1, 2]]);
});

Deno.test("Dispatcher logs a dialog id that no SIP server writes", () => {
  const bench = expiredCall({ dialog_id: "junk" });
  assertEquals(bench.endedDialogs, []);
  assertStringIncludes(bench.log.messages("error").at(-1) ?? "", 'cannot end the dialog: "junk"');
});

Deno.test("Dispatcher goes on with its relay after a time-out that no SIP server hears of (PROTOCOL 6.1)", () => {
  const bench = expiredCall();
  const [link] = bench.dispatcher.relays;
  assertEquals(link?.state, "active");
  const relay = link?.transport as FakeRelay;
  const answers = bench.ask("update", offer({ call_id: "next" }));
  relay.answer("update", PORTS);
  assertEquals(answers, [PORTS]);
  assertEquals(relay.closeReasons, []);
});

Deno.test("Dispatcher answers a remove after expiry `removed` once, then `error` (PROTOCOL 3)", () => {
  const bench = expiredCall();
  assertEquals(bench.ask("remove", bye({ from_tag: "callee", to_tag: "caller" })), ["removed"]);
  assertEquals(bench.ask("remove", bye()), ["error"]);
  assertEquals(bench.accounted.length, 1);
});

Deno.test("Dispatcher answers `removed` to a remove that crosses the expiry (PROTOCOL 3)", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  const removed = bench.ask("remove", bye());
  expire(relay);
  relay.answer("remove", "error");
  assertEquals(removed, ["removed"]);
  assertEquals([bench.accounted.length, bench.dispatcher.sessionCount], [1, 0]);
});

Deno.test("Dispatcher forgets expired sessions after cleanup_expired_sessions_after", () => {
  const bench = expiredCall();
  bench.advance(DAY_MS);
  assertEquals(bench.dispatcher.sessionCount, 1);
  bench.advance(1);
  assertEquals(bench.dispatcher.sessionCount, 0);
  assertEquals(bench.ask("remove", bye()), ["error"]);
});

Deno.test("Dispatcher places an expired call anew when it goes on, from whichever side", () => {
  for (const headers of [offer({ cseq: "2" }), offer({ cseq: "1", from_tag: "callee", to_tag: "caller" })]) {
    const bench = expiredCall();
    const relay = bench.dispatcher.relays[0]?.transport as FakeRelay;
    const answers = bench.ask("update", headers);
    relay.answer("update", PORTS);
    assertEquals(answers, [PORTS]);
    assertEquals(bench.dispatcher.sessionCount, 1);
    const removed = bench.ask("remove", bye());
    assertEquals(relay.owes, ["remove"], "its BYE must reach the relay");
    relay.answer("remove", JSON.stringify(statistics()));
    assertEquals(removed, ["removed"]);
  }
});

Deno.test("Dispatcher accounts for a call that it does not know, and ends its dialog (PROTOCOL 6.3)", () => {
  const bench = new DispatcherBench();
  expire(bench.relay(), { dialog_id: "10:20" });
  assertEquals(bench.paramsOfEndedDialogs, [[10, 20]]);
  assertEquals(bench.accounted.length, 1);
});

Deno.test("Dispatcher ignores the end of a session on a relay that does not carry the call", () => {
  const bench = new DispatcherBench();
  const relays = [bench.relay("192.0.2.1"), bench.relay("192.0.2.2")];
  bench.ask("update", offer({ media_relay: "192.0.2.1" }));
  bench.advance(200);
  relays[1]!.answer("update", "192.0.2.2 1000");
  bench.ask("update", reply());
  relays[1]!.answer("update", "192.0.2.2 1002");
  expire(relays[0]!);
  assertEquals([bench.accounted.length, bench.endedDialogs.length], [0, 0], "the call is up");
  bench.ask("update", offer({ cseq: "2" }));
  assertEquals(relays[1]!.owes, ["update"]);
});

Deno.test("Dispatcher ignores statistics that it cannot read, and keeps the relay", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  for (const json of ["", "{", "{}", '{"call_id": "call"}', "null"]) relay.say(`expired ${json}`);
  assertEquals([bench.accounted.length, bench.dispatcher.sessionCount], [0, 1]);
  assertEquals(relay.closeReasons, []);
});
