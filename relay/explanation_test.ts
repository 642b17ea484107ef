import { assert, assertEquals } from "../src/deps/assert.ts";
import { decodeExplainAnswer, type Explanation, type PartyExplanation } from "../src/control/explanation.ts";
import { removeHeaders, type UpdateFields, updateHeaders } from "../tests/support/control_messages.ts";
import { relayAddress, RelayHost, type RelayHostOptions } from "../tests/support/relay_host.ts";
import { rtp } from "../tests/support/rtp_packets.ts";

const ANSWER: UpdateFields = { type: "reply", toTag: "callee", media: "audio:10.0.0.2:7000:sendrecv:ice=no" };

function update(host: RelayHost, fields: UpdateFields = {}): void {
  host.handle("update", updateHeaders(fields));
}

/** A call whose callee's SDP has a private address. */
function inCall(options: RelayHostOptions = {}): RelayHost {
  const host = new RelayHost({ isRoutable: (address) => !address.startsWith("10."), ...options });
  update(host);
  update(host, ANSWER);
  return host;
}

/** What the relay answers, as an operator gets it. */
function explain(host: RelayHost, callId = "c1"): readonly Explanation[] {
  const sessions = host.handle("explain", new Map([["call_id", callId]]));
  return decodeExplainAnswer(`{"call_id":"x","relays":[],"sessions":${sessions}}`).sessions;
}

function parties(host: RelayHost): readonly [PartyExplanation, PartyExplanation] {
  const [stream] = explain(host)[0]!.streams;
  return [stream!.caller!, stream!.callee!];
}

/** Packets of the caller, one a second. */
function speak(host: RelayHost, seconds: number): void {
  for (let index = 0; index < seconds; index++) {
    host.arrive(40000, "192.0.2.1:6000", rtp({ sequenceNumber: index }));
    host.advance(1000);
  }
}

Deno.test("Relay.explain() says of each party what it said, where it sends from, and what becomes of it", () => {
  const host = inCall();
  speak(host, 20);
  const [{ streams: [stream], ...session }] = explain(host) as [Explanation];
  assertEquals([session.age, session.answered, session.ended_ago, session.relay], [20, true, null, "192.0.2.100"]);
  assertEquals(session.problems.map(({ kind, causes }) => [kind, causes]), [["one-way", { callee: "nothing came" }]]);
  assertEquals([stream!.status, stream!.on_hold, stream!.learning, stream!.carried_by], [
    "active",
    false,
    "heuristic",
    "userspace",
  ]);
  assertEquals([stream!.ends_in, stream!.ends_as], [179, "conntrack timeout"]);
  const [caller, callee] = parties(host);
  assertEquals([caller.signalled, caller.signalled_routable, caller.told], [
    "192.0.2.1:6000",
    true,
    "192.0.2.100:40000",
  ]);
  assertEquals([caller.learnt, caller.learnt_how, caller.packets], ["192.0.2.1:6000", "learnt", 20]);
  assertEquals([caller.silent_for, caller.silence, caller.quality!.packets], [1, null, 20]);
  assertEquals(caller.dropped["no_destination"], 20);
  assertEquals([callee.signalled, callee.signalled_routable, callee.told], [
    "10.0.0.2:7000",
    false,
    "192.0.2.100:40002",
  ]);
  assertEquals([callee.learnt, callee.sent_to, callee.silent_for, callee.silence], [null, null, null, "nothing came"]);
});

Deno.test("Relay.explain() names the advertised address as the one that parties were told", () => {
  const [caller] = parties(inCall({ addresses: [relayAddress("192.0.2.100", "198.51.100.1")] }));
  assertEquals(caller.told, "198.51.100.1:40000");
});

Deno.test("Relay.explain() tells who was refused, why, and when", () => {
  const host = inCall();
  speak(host, 3);
  host.arrive(40000, "203.0.113.66:5", rtp({ ssrc: 666 }));
  host.advance(3000);
  const [caller] = parties(host);
  assertEquals(caller.refused, { ...caller.refused!, address: "203.0.113.66:5", reason: "wrong source" });
  assertEquals([caller.refused!.seconds_ago, caller.dropped["wrong_source"], caller.silence], [3, 1, null]);
  host.advance(1000);
  assertEquals(parties(host)[0].silence, "wrong source");
});

Deno.test("Relay.explain() tells hold, ICE, and where SIP messages come from", () => {
  const host = inCall();
  const media = "audio:192.0.2.1:6000:sendonly:ice=yes";
  update(host, { cseq: 2, toTag: "callee", media, signalingIp: "192.0.2.77" });
  const [caller, callee] = parties(host);
  assertEquals([caller.holds, caller.ice, caller.signaling_address], [true, true, "192.0.2.77"]);
  assertEquals([callee.holds, callee.ice], [false, false]);
  assertEquals(explain(host)[0]!.streams[0]!.on_hold, true);
});

Deno.test("Relay.explain() tells of an offer without an answer, and of a stream without ports", () => {
  const host = new RelayHost();
  update(host, { media: "audio:192.0.2.1:6000,video:192.0.2.1:0" });
  const [{ answered, streams }] = explain(host) as [Explanation];
  assertEquals([answered, streams.map(({ media_type, answered }) => [media_type, answered])], [false, [
    ["audio", false],
    ["video", false],
  ]]);
  assertEquals([streams[0]!.callee!.signalled, streams[1]!.caller, streams[1]!.callee], [null, null, null]);
});

Deno.test("Relay.explain() remembers a call that has ended as it was, and for how long", () => {
  const host = inCall();
  speak(host, 20);
  host.handle("remove", removeHeaders());
  host.advance(34_000);
  const [{ age, ended_ago, streams: [stream] }] = explain(host) as [Explanation];
  assertEquals([age, ended_ago], [20, 34]);
  assertEquals([stream!.status, stream!.ends_in, stream!.ends_as], ["closed", null, null]);
  assertEquals([stream!.caller!.learnt, stream!.caller!.silent_for], ["192.0.2.1:6000", 1]);
  assertEquals([stream!.callee!.silence, stream!.callee!.sent_to], ["nothing came", null]);
});

Deno.test("Relay.explain() remembers calls that timed out, and the latest fifty only", () => {
  const host = inCall();
  host.advance(90_000);
  assertEquals(explain(host)[0]!.streams[0]!.status, "no-traffic timeout");
  for (let index = 0; index < 50; index++) {
    update(host, { callId: `other${index}` });
    host.handle("remove", removeHeaders(`other${index}`));
  }
  assertEquals(explain(host), []);
  assertEquals(explain(host, "other0").length, 1);
});

Deno.test("Relay.explain() takes the beginning of a Call-ID, unless a whole one fits, and not too many", () => {
  const host = inCall();
  for (const callId of ["c10", "c11", "d"]) update(host, { callId });
  assertEquals(explain(host).map(({ call_id }) => call_id), ["c1"]);
  assertEquals(explain(host, "c").map(({ call_id }) => call_id), ["c1", "c10", "c11"]);
  assertEquals(explain(host, "nobody"), []);
  for (let index = 0; index < 20; index++) update(host, { callId: `e${index}` });
  assertEquals(explain(host, "e").length, 8);
  assertEquals(host.handle("explain"), "error");
  assert(host.log.messages("error")[0]!.includes("call_id is missing"));
});

Deno.test("Relay.explain() tells that bundled streams share ports; the ones that were left are not called silent (RFC 9143)", () => {
  const host = new RelayHost();
  update(host, { media: "video:192.0.2.1:6000,audio:192.0.2.1:6002" });
  update(host, { ...ANSWER, media: "video:192.0.2.2:7000,audio:192.0.2.2:7000" });
  for (let second = 0; second < 20; second++) {
    host.arrive(40000, "192.0.2.1:6000");
    host.arrive(40002, "192.0.2.2:7000");
    host.advance(1000);
  }
  const [{ streams, problems }] = explain(host) as [Explanation];
  assertEquals(streams.map(({ bundled, caller, callee }) => [bundled, caller!.packets, callee!.told]), [
    [false, 20, "192.0.2.100:40002"],
    [true, 20, "192.0.2.100:40002"],
  ]);
  assertEquals([problems, host.log.messages("warning")], [[], []]);
});
