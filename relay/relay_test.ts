import { assert, assertEquals, assertMatch } from "../src/deps/assert.ts";
import { fc } from "../src/deps/fast_check.ts";
import type { MediaProblem } from "../src/control/problem.ts";
import type { SessionStatistics } from "../src/control/statistics.ts";
import { removeHeaders, type UpdateFields, updateHeaders } from "../tests/support/control_messages.ts";
import { FakeClock } from "../tests/support/fakes.ts";
import { TIMEOUTS } from "../tests/support/relay_environment.ts";
import { DISPATCHER, relayAddress, RelayHost } from "../tests/support/relay_host.ts";
import { receiverReport, senderReport } from "../tests/support/rtcp_packets.ts";
import { rtcp, rtp, stun } from "../tests/support/rtp_packets.ts";

const ANSWER: UpdateFields = { type: "reply", toTag: "callee", media: "audio:192.0.2.2:7000:sendrecv:ice=no" };

function update(host: RelayHost, fields: UpdateFields = {}): string {
  return host.handle("update", updateHeaders(fields));
}

/** A relay with an audio call that is up. */
function inCall(): RelayHost {
  const host = new RelayHost();
  update(host);
  update(host, ANSWER);
  return host;
}

Deno.test("Relay.handle() answers update with its address and a port per stream (PROTOCOL §1)", () => {
  const host = new RelayHost();
  assertEquals(update(host, { media: "audio:192.0.2.1:6000,video:192.0.2.1:0" }), "192.0.2.100 40002 0");
  assertEquals(host.relay.sessionCount, 1);
});

for (
  const [configured, header, becomes] of [
    ["heuristic", "", "undecided"],
    ["heuristic", "strict", "unvouched source"],
    ["heuristic", "open", "forward"],
    ["strict", "", "unvouched source"],
    ["strict", "heuristic", "undecided"],
  ] as const
) {
  Deno.test(`Relay learns ${header || "as configured"} in a call where ${configured} is configured`, () => {
    const host = new RelayHost({ learning: configured });
    update(host, { learning: header });
    update(host, ANSWER);
    assertEquals(host.arrive(40000, "203.0.113.66:5"), becomes);
  });
}

Deno.test("Relay.handle() refuses a way to learn that does not exist: a typing error must not make a call less safe", () => {
  const host = new RelayHost();
  assertEquals(update(host, { learning: "stricter" }), "error");
  assertMatch(host.log.messages("error")[0]!, /learning: "stricter" is not heuristic, strict, open/);
});

/** A relay with both families, and a network of its own. */
function dualStack(): RelayHost {
  const inside = { address: "10.0.0.5", advertised: undefined, networks: [{ address: "10.0.0.0", prefixLength: 8 }] };
  return new RelayHost({ addresses: [relayAddress("192.0.2.100"), relayAddress("2001:db8::100"), inside] });
}

/** What each party is told: the callee in the offer, the caller in the answer. */
function addressesTold(caller: UpdateFields, callee: UpdateFields, host = dualStack()): string[] {
  return [update(host, caller), update(host, { ...ANSWER, ...callee })].map((answer) => answer.split(" ")[0]!);
}

const V4: UpdateFields = { media: "audio:192.0.2.1:6000", signalingIp: "192.0.2.9" };
const V6: UpdateFields = { media: "audio:2001:db8::1:6000", signalingIp: "2001:db8::1" };
const INSIDE: UpdateFields = { media: "audio:10.0.0.9:6000", signalingIp: "10.0.0.9" };
const to = (fields: UpdateFields, destination_ip: string): UpdateFields => ({
  ...fields,
  signalingIp: JSON.stringify({ signaling_ip: fields.signalingIp, destination_ip }),
});

Deno.test("Relay.handle() serves each party on an address of its family (RFC 6157 §3.4)", () => {
  assertEquals(addressesTold(V4, V4), ["192.0.2.100", "192.0.2.100"]);
  assertEquals(addressesTold(V6, V6), ["2001:db8::100", "2001:db8::100"]);
  assertEquals(addressesTold(to(V4, "2001:db8::1"), V6), ["2001:db8::100", "192.0.2.100"]);
  assertEquals(addressesTold(to(V6, "192.0.2.9"), V4), ["192.0.2.100", "2001:db8::100"]);
});

Deno.test("Relay.handle() serves each party on the address of its network", () => {
  assertEquals(addressesTold(to(V4, "10.0.0.9"), INSIDE), ["10.0.0.5", "192.0.2.100"]);
  assertEquals(addressesTold(to(INSIDE, "192.0.2.9"), V4), ["192.0.2.100", "10.0.0.5"]);
  assertEquals(addressesTold(INSIDE, INSIDE), ["10.0.0.5", "10.0.0.5"]);
});

Deno.test("Relay carries media between an IPv4 and an IPv6 party, on ports of each address's own", () => {
  const host = dualStack();
  addressesTold(to(V4, "2001:db8::1"), V6, host);
  const six = host.otherSockets["2001:db8::100"]!;
  assertEquals(host.arrive(40000, "192.0.2.1:6000"), "forward");
  assertEquals(six.arrive(40000, rtp(), "2001:db8::1", 6000, 0), "forward");
  assertEquals(six.takeSent(), ["40000 > 2001:db8::1:6000"]);
  assertEquals(host.sockets.takeSent(), ["40000 > 192.0.2.1:6000"]);
  const { streams } = JSON.parse(host.handle("remove", removeHeaders())) as SessionStatistics;
  assertEquals(
    [streams[0]!.caller_local, streams[0]!.callee_local, streams[0]!.callee_remote],
    ["192.0.2.100:40000", "[2001:db8::100]:40000", "[2001:db8::1]:6000"],
  );
});

Deno.test("Relay.handle() keeps its addresses while streams stay, and chooses anew when all are new", () => {
  const host = dualStack();
  addressesTold(V4, V4, host);
  const again = (media: string, cseq: number) => update(host, { ...V6, cseq, toTag: "callee", media }).split(" ")[0];
  assertEquals(again("video:2001:db8::1:6002,audio:192.0.2.1:6000", 2), "192.0.2.100");
  const video = "video:192.0.2.2:7002,audio:192.0.2.2:7000";
  assertEquals(update(host, { ...ANSWER, media: video, cseq: 2 }).split(" ")[0], "192.0.2.100");
  assertEquals(again("audio:2001:db8::1:6000", 3), "192.0.2.100"); // it is the callee who is told
  assertEquals(update(host, { ...ANSWER, ...V4, cseq: 3 }).split(" ")[0], "2001:db8::100");
});

Deno.test("Relay sends nothing to an SDP address of a family that it does not serve the party by", () => {
  const host = new RelayHost();
  addressesTold(V4, V6, host);
  assertEquals(host.arrive(40000, "192.0.2.1:6000"), "no destination");
});

Deno.test("Relay.handle() tells parties the advertised address, and statistics its own", () => {
  const host = new RelayHost({ addresses: [relayAddress("192.0.2.100", "198.51.100.1")] });
  assertEquals(update(host), "198.51.100.1 40002");
  update(host, ANSWER);
  assertEquals(statistics(host).streams[0]!.callee_local, "192.0.2.100:40002");
});

Deno.test("Relay.handle() needs no signaling_ip (PROTOCOL §6.2)", () => {
  assertEquals(update(new RelayHost(), { signalingIp: "" }), "192.0.2.100 40002");
});

Deno.test("Relay.handle() takes IPv6 with and without brackets, and shows it in brackets (PROTOCOL §6.7)", () => {
  const host = new RelayHost({ addresses: [relayAddress("2001:db8::100")] });
  assertEquals(update(host, { media: "audio:2001:db8::1:6000:sendrecv:ice=no" }), "2001:db8::100 40002");
  update(host, { ...ANSWER, media: "audio:[2001:db8::2]:7000:sendrecv:ice=no" });
  host.arrive(40000, "2001:db8::1:6000");
  const [stream] = statistics(host).streams;
  assertEquals([stream!.caller_local, stream!.caller_remote], ["[2001:db8::100]:40000", "[2001:db8::1]:6000"]);
  assertEquals(host.sockets.takeSent(), ["40002 > 2001:db8::2:7000"]);
});

const BAD_UPDATES: [string, UpdateFields][] = [
  ["a bad port in the media header", { media: "audio:192.0.2.1:xx:sendrecv:ice=no" }],
  ["a host name in the media header", { media: "audio:phone.example:6000:sendrecv:ice=no" }],
  ["a request that begins a call without media", { media: "" }],
  ["a reply that begins a call without media", { type: "reply", toTag: "callee", media: "" }],
  ["a cseq that is no number", { cseq: "abc" }],
  ["a signaling_ip that is none", { signalingIp: "5" }],
];
for (const [name, fields] of BAD_UPDATES) {
  Deno.test(`Relay.handle() answers error to ${name}, says so, and leaves no session (PROTOCOL §6.7)`, () => {
    const host = new RelayHost();
    assertEquals(update(host, fields), "error");
    assertEquals([host.relay.sessionCount, host.sockets.open.size], [0, 0]);
    assertEquals(host.log.lines.map(({ level, fields }) => [level, fields.callId]), [["error", "c1"]]);
  });
}

Deno.test("Relay.handle() answers error to commands that it does not know, and to headers that are missing", () => {
  const host = new RelayHost();
  assertEquals(host.handle("frobnicate", updateHeaders()), "error");
  assertEquals(host.handle("update"), "error");
  assertEquals(host.handle("remove", new Map([["call_id", "c1"]])), "error");
  assertEquals(host.log.messages("error").length, 3);
});

Deno.test("Relay.handle() keeps the call when a later message of it is bad", () => {
  const host = inCall();
  assertEquals(update(host, { cseq: 2, toTag: "callee", media: "audio:x" }), "error");
  assertEquals(host.relay.sessionCount, 1);
  assertEquals(update(host, { cseq: 2, toTag: "callee" }), "192.0.2.100 40002");
});

Deno.test("Relay.handle() finds the call by either tag (PROTOCOL §4)", () => {
  const host = inCall();
  const fromCallee = { fromTag: "callee", toTag: "caller", media: "audio:192.0.2.2:7000:sendrecv:ice=no" };
  assertEquals(update(host, { cseq: 9, ...fromCallee }), "192.0.2.100 40000");
  assertEquals(host.relay.sessionCount, 1);
  assertMatch(host.handle("remove", removeHeaders("c1", "callee", "caller")), /^\{"call_id":"c1","from_tag":"caller"/);
  assertEquals(host.relay.sessionCount, 0);
});

Deno.test("Relay.handle() keeps two callers under one Call-ID apart (PROTOCOL §6.8)", () => {
  const host = inCall();
  assertEquals(update(host, { fromTag: "other" }), "192.0.2.100 40006");
  assertEquals(host.relay.sessionCount, 2);
  assertMatch(host.handle("remove", removeHeaders("c1", "other", "x")), /^\{"call_id":"c1","from_tag":"other"/);
  assertMatch(host.handle("remove", removeHeaders("c1", "caller", "callee")), /"from_tag":"caller"/);
  assertEquals(host.relay.sessionCount, 0);
});

Deno.test("Relay.handle() answers error to the removal of what it does not have (PROTOCOL §3)", () => {
  const host = inCall();
  assertEquals(host.handle("remove", removeHeaders("c1", "zz", "yy")), "error");
  assertEquals(host.handle("remove", removeHeaders("c2")), "error");
  assertEquals(host.relay.sessionCount, 1);
});

Deno.test("Relay.handle() ends one of several callees that answered, and the session with the last (RFC 3261 §13.2.2.4)", () => {
  const host = inCall();
  update(host, { ...ANSWER, toTag: "second", media: "audio:192.0.2.3:8000:sendrecv:ice=no" });
  assertEquals(host.handle("remove", removeHeaders("c1", "callee", "caller")), "error");
  assertEquals(host.relay.sessionCount, 1);
  assertMatch(host.handle("remove", removeHeaders("c1", "second", "caller")), /"to_tag":"second"/);
  assertEquals(host.relay.sessionCount, 0);
});

Deno.test("Relay.drain() refuses new calls with halting, and serves those that are up (PROTOCOL §4)", () => {
  const host = inCall();
  host.relay.drain();
  assertEquals(update(host, { callId: "c2" }), "halting");
  assertEquals(update(host, { cseq: 2, toTag: "callee" }), "192.0.2.100 40002");
  assertEquals(host.relay.summary().status, "halting");
  host.handle("remove", removeHeaders());
  assertEquals(host.relay.sessionCount, 0);
});

Deno.test("Relay.handle() says which ports are exhausted, and gives back what it has taken", () => {
  const host = new RelayHost({ endPort: 40006 });
  const headers = updateHeaders({ media: "audio:192.0.2.1:6000,video:192.0.2.1:6002" });
  assertEquals(host.relay.handle(DISPATCHER, "update", headers), {
    text: "error",
    exhausted:
      "Cannot lease a pair of ports: of 3 pairs in port_range 40000:40006 3 are in use, 0 rest for port_rest_time, " +
      "0 could not be bound",
  });
  assertEquals(update(host), "192.0.2.100 40000");
});

function statistics(host: RelayHost): SessionStatistics {
  return host.relay.statistics(DISPATCHER)[0]!;
}

Deno.test("Relay.handle() answers remove with the statistics: the keys in the original's order, additions last (PROTOCOL §3)", () => {
  const host = new RelayHost({}, new FakeClock(10_000));
  update(host, { dialogId: "10:20", userAgent: "Test UA/1.0 (caller)" });
  host.clock.advance(2000);
  update(host, { ...ANSWER, userAgent: "TestUAS/2.0 (callee)", signalingIp: "203.0.113.2" });
  host.clock.advance(500);
  host.arrive(40000, "192.0.2.1:6000");
  host.arrive(40001, "192.0.2.1:6001", rtcp());
  host.arrive(40002, "203.0.113.2:7100", rtp({ payloadType: 8 }));
  host.arrive(40002, "203.0.113.2:7100", rtp({ payloadType: 8 }));
  host.arrive(40002, "203.0.113.66:5", rtp({ ssrc: 666 }));
  host.arrive(40000, "192.0.2.1:6000", stun());
  host.clock.advance(3400);
  const answer = host.handle("remove", removeHeaders());
  const { streams: [{ caller_quality, callee_quality }] } = JSON.parse(answer);
  assertEquals([caller_quality.packets, callee_quality.packets, callee_quality.duplicates], [1, 1, 1]);
  assertEquals(
    answer,
    JSON.stringify({
      call_id: "c1",
      from_tag: "caller",
      from_uri: "alice@example.com",
      to_tag: "callee",
      to_uri: "bob@example.net",
      start_time: 1_700_000_012,
      duration: 3,
      caller_ua: "Test UA/1.0 (caller)",
      callee_ua: "TestUAS/2.0 (callee)",
      username: null,
      streams: [{
        media_type: "audio",
        status: "closed",
        timeout_wait: 0,
        caller_codec: "G711u",
        callee_codec: "G711a",
        start_time: 0,
        end_time: 3,
        post_dial_delay: 2.5,
        caller_bytes: 172 + 8,
        callee_bytes: 344,
        caller_packets: 2,
        callee_packets: 2,
        caller_local: "192.0.2.100:40000",
        callee_local: "192.0.2.100:40002",
        caller_remote: "192.0.2.1:6000",
        callee_remote: "203.0.113.2:7100",
        carried_by: "userspace",
        kernel_packets: 0,
        dropped: {
          not_media: 0,
          wrong_source: 1,
          obsolete_source: 0,
          unvouched_source: 0,
          undecided: 0,
          loop: 0,
          no_destination: 0,
          too_fast: 0,
        },
        caller_quality,
        callee_quality,
      }],
      dialog_id: "10:20",
      problems: [],
    }),
  );
});

Deno.test("Relay.handle() tells in the statistics how a party's media arrive, with what RTCP on either port says", () => {
  const host = inCall();
  for (let index = 0; index < 60; index++) {
    if (index !== 30) host.arrive(40000, "192.0.2.1:6000", rtp({ sequenceNumber: index }));
    host.clock.advance(20);
  }
  host.arrive(40001, "192.0.2.1:6001", senderReport({ ntpMiddle: 7 }));
  host.clock.advance(80);
  const report = receiverReport({ about: 0x11223344, fractionLost: 0.125, lastSenderReport: 7 });
  host.arrive(40002, "192.0.2.2:7000", report); // rtcp-mux
  const { caller_quality, callee_quality } = statistics(host).streams[0]!;
  const { packets, lost, loss_percent, jitter_ms, reported_loss_percent } = caller_quality!;
  assertEquals([packets, lost, loss_percent, jitter_ms, reported_loss_percent], [59, 1, 1.67, 0, 12.5]);
  assertEquals(callee_quality, null); // it has sent no RTP
  host.arrive(40002, "192.0.2.2:7000");
  host.arrive(40002, "192.0.2.2:7000", senderReport({ ntpMiddle: 9 }));
  host.clock.advance(30);
  host.arrive(40001, "192.0.2.1:6001", receiverReport({ lastSenderReport: 9 }));
  const both = statistics(host).streams[0]!;
  assertEquals([both.caller_quality!.round_trip_ms, both.callee_quality!.round_trip_ms], [30, 80]);
});

Deno.test("Relay.handleTimeout() notices a party that is not heard once the call is answered, while it is up and in its statistics", () => {
  const host = new RelayHost();
  update(host);
  update(host, { ...ANSWER, toTag: "" }); // early media: who rings need not speak
  const speak = (seconds: number) => {
    for (let left = seconds; left > 0; left--) {
      host.arrive(40000, "192.0.2.1:6000");
      host.advance(1000);
    }
  };
  speak(30);
  update(host, { ...ANSWER, media: "" }); // a 200 without SDP after a 183 with it
  speak(9);
  assertEquals([host.log.messages("warning"), host.relay.summary().problem_count], [[], 0]);
  speak(5);
  const [line, ...others] = host.log.messages("warning");
  assertMatch(line!, /^one-way audio: nothing has come from the callee for 10 s \(callee: nothing came\): \(audio\) /);
  assertEquals([others, host.relay.summary().problem_count], [[], 1]);
  const problem: MediaProblem = {
    stream: 0,
    kind: "one-way",
    causes: { callee: "nothing came" },
    "start_time": 30,
    "end_time": null,
  };
  assertEquals(statistics(host).problems, [problem]);
  host.arrive(40002, "192.0.2.2:7000");
  speak(1);
  assertEquals(host.log.messages("info").filter((message) => message.startsWith("one-way audio is over")).length, 1);
  assertEquals(host.relay.summary().problem_count, 0);
  host.advance(30_000);
  const all = (JSON.parse(host.handle("remove", removeHeaders())) as SessionStatistics).problems!;
  assertEquals(all.map(({ kind, ...times }) => [kind, times.start_time, times.end_time]), [
    ["one-way", 30, 45],
    ["silent", 44, 75],
  ]);
});

Deno.test("Relay.handleTimeout() expects nobody to speak on hold, in video, or if one_way_after is 0", () => {
  const held = inCall();
  update(held, { cseq: 2, toTag: "callee", media: "audio:192.0.2.1:6000:sendonly:ice=no" });
  update(held, { ...ANSWER, cseq: 2 });
  const video = new RelayHost();
  update(video, { media: "video:192.0.2.1:6000" });
  update(video, { ...ANSWER, media: "video:192.0.2.2:7000" });
  const off = new RelayHost({ timeouts: { ...TIMEOUTS, oneWayAfterMs: 0 } });
  update(off);
  update(off, ANSWER);
  for (const host of [held, video, off]) {
    host.advance(60_000);
    assertEquals([host.log.messages("warning"), host.relay.summary().problem_count], [[], 0]);
  }
});

Deno.test("Relay.handle() reports a call that was never answered without start and streams (PROTOCOL §6.6)", () => {
  const host = new RelayHost();
  update(host);
  host.clock.advance(5000);
  const { start_time, duration, to_tag, streams, callee_ua } = JSON.parse(host.handle("remove", removeHeaders()));
  assertEquals([start_time, duration, to_tag, streams, callee_ua], [null, 0, null, [], "Unknown"]);
});

Deno.test("Relay.handle() counts stream times from the start of the session (PROTOCOL §3)", () => {
  const host = inCall();
  host.clock.advance(2000);
  update(host, { cseq: 2, toTag: "callee", media: "audio:192.0.2.1:6000,video:192.0.2.1:6002" });
  host.clock.advance(1000);
  update(host, { ...ANSWER, cseq: 2, media: "audio:192.0.2.2:7000,video:192.0.2.2:0" });
  host.clock.advance(4000);
  const { streams } = JSON.parse(host.handle("remove", removeHeaders())) as SessionStatistics;
  assertEquals(streams.map(({ status, start_time, end_time }) => [status, start_time, end_time]), [
    ["closed", 0, 7],
    ["rejected", 3, 3],
  ]);
});

Deno.test("Relay.handle() lists in sessions what it carries, and whether the asking dispatcher set it up (PROTOCOL §3)", () => {
  const host = inCall();
  host.relay.handle("other:25060", "update", updateHeaders({ callId: "c2" }));
  const list = (dispatcher: string) =>
    (JSON.parse(host.handle("sessions", new Map(), dispatcher)) as SessionStatistics[])
      .map(({ call_id, own, streams }) => [call_id, own, streams.map(({ status }) => status)]);
  assertEquals(list(DISPATCHER), [["c1", true, ["active"]], ["c2", false, []]]);
  assertEquals(list("other:25060"), [["c1", false, ["active"]], ["c2", true, []]]);
  assertEquals(new RelayHost().handle("sessions"), "[]");
});

Deno.test("Relay.handle() answers summary: the keys in the original's order, additions last (PROTOCOL §3)", () => {
  const host = inCall();
  update(host, { callId: "c2", media: "audio:192.0.2.1:6000,video:192.0.2.1:6002" });
  host.clock.advance(90_900);
  assertEquals(
    host.handle("summary"),
    '{"ip":"192.0.2.100","version":"1.0","status":"active","uptime":90,"session_count":2,' +
      '"stream_count":{"audio":2,"video":1},"bps_relayed":0,"port_range":"40000:40100",' +
      '"refused":{"max_streams_per_session":0,"loop":0},"problem_count":0,"kernel_stream_count":0,"capabilities":["branches","explain"]}',
  );
});

Deno.test("Relay.sampleTraffic() averages the bits relayed since the last sample, of ended calls too (PROTOCOL §3)", () => {
  const host = inCall();
  update(host, { callId: "c2" });
  update(host, { ...ANSWER, callId: "c2" });
  host.arrive(40000, "192.0.2.1:6000");
  host.arrive(40004, "192.0.2.1:6000");
  host.handle("remove", removeHeaders());
  host.clock.advance(1000);
  host.relay.sampleTraffic();
  assertEquals(host.relay.summary().bps_relayed, 2 * 172 * 8);
  host.clock.advance(1000);
  host.relay.sampleTraffic();
  assertEquals(host.relay.summary().bps_relayed, 0);
});

Deno.test("Relay.handleTimeout() reports an expired session to the dispatcher that commanded it last (PROTOCOL §4)", () => {
  const host = inCall();
  host.relay.handle("other:25060", "update", updateHeaders({ cseq: 2, toTag: "callee" }));
  host.advance(TIMEOUTS.streamTimeoutMs - 1000);
  assertEquals(host.expired, []);
  host.advance(1000);
  assertEquals(host.relay.sessionCount, 0);
  const [report] = host.expired;
  assertEquals([report!.dispatcher, host.expired.length], ["other:25060", 1]);
  const [stream] = report!.statistics.streams;
  assertEquals([stream!.status, stream!.timeout_wait, stream!.end_time], ["no-traffic timeout", 90, 90]);
  assertEquals(host.handle("remove", removeHeaders()), "error");
});

Deno.test("Relay.handleTimeout() lets calls with media live, however long", () => {
  const host = inCall();
  for (let hours = 0; hours < 10 * 3600; hours += 100) {
    host.arrive(40000, "192.0.2.1:6000");
    host.advance(100_000);
  }
  assertEquals([host.relay.sessionCount, host.expired.length], [1, 0]);
});

Deno.test("Relay.close() reports all sessions as expired, closes all sockets, and takes no more calls (PROTOCOL §4)", () => {
  const host = inCall();
  update(host, { callId: "c2" });
  host.relay.close();
  host.relay.close();
  assertEquals(host.expired.map(({ statistics }) => statistics.call_id), ["c1", "c2"]);
  assertEquals(host.expired[0]!.statistics.streams[0]!.status, "closed");
  assertEquals([host.relay.sessionCount, host.sockets.open.size], [0, 0]);
  assertEquals(update(host), "halting");
});

Deno.test("Relay.handle() names the Call-ID in every line about a call", () => {
  const host = inCall();
  host.arrive(40000, "192.0.2.1:6000");
  host.handle("remove", removeHeaders());
  assert(host.log.lines.every(({ fields }) => fields.callId === "c1"));
  const learnt = host.log.messages("info").find((message) => message.startsWith("learnt"));
  assertMatch(learnt ?? "", /^learnt the address of the caller, 192\.0\.2\.1:6000: \(audio\) /);
});

Deno.test("Relay.handle() answers any headers with a line, never throws, and leaks no ports", () => {
  const word = fc.oneof(
    fc.constantFrom("caller", "callee", "1", "2", "request", "reply"),
    fc.string({ maxLength: 12 }),
  );
  const stream = fc.constantFrom("audio:192.0.2.1:6000", "audio:192.0.2.1:0", "video:0.0.0.0:6002:sendonly", "x");
  const media = fc.array(stream, { minLength: 1, maxLength: 4 }).map((streams) => streams.join(","));
  const headers = fc.record({
    type: fc.oneof({ weight: 9, arbitrary: fc.constantFrom("request", "reply") }, { weight: 1, arbitrary: word }),
    call_id: fc.constantFrom("c1", "c2"),
    cseq: fc.oneof({ weight: 9, arbitrary: fc.constantFrom("1", "2", "3") }, { weight: 1, arbitrary: word }),
    from_tag: fc.constantFrom("caller", "callee", "third"),
    to_tag: fc.constantFrom("caller", "callee", "third"),
    media,
  }, { requiredKeys: ["call_id", "from_tag"] });
  const command = fc.oneof(
    { weight: 8, arbitrary: fc.constant("update") },
    { weight: 2, arbitrary: fc.constantFrom("remove", "sessions", "summary", "x") },
  );
  fc.assert(fc.property(fc.array(fc.tuple(command, headers, fc.nat(60_000)), { maxLength: 40 }), (commands) => {
    const host = new RelayHost({ endPort: 40020 });
    for (const [name, fields, waitMs] of commands) {
      assertMatch(host.handle(name, new Map(Object.entries(fields))), /^[^\r\n]+$/);
      host.clock.advance(waitMs);
      host.relay.handleTimeout();
    }
    host.relay.close();
    assertEquals(host.sockets.open.size, 0);
  }));
});

Deno.test("Relay.handleTimeout() contains a fault in one session: it ends, and the others are looked at", () => {
  let faults = 1;
  const timeouts = {
    ...TIMEOUTS,
    get streamTimeoutMs() {
      if (faults-- > 0) throw new TypeError("a fault");
      return TIMEOUTS.streamTimeoutMs;
    },
  };
  const host = new RelayHost({ timeouts });
  for (const callId of ["c1", "c2"]) {
    update(host, { callId });
    update(host, { ...ANSWER, callId });
  }
  host.clock.advance(1000);
  faults = 1;
  host.relay.handleTimeout();
  assertEquals(host.expired.map(({ statistics }) => statistics.call_id), ["c1"]);
  assertEquals([host.relay.sessionCount, host.log.messages("error").length], [1, 1]);
  host.advance(TIMEOUTS.streamTimeoutMs);
  assertEquals(host.expired.map(({ statistics }) => statistics.call_id), ["c1", "c2"]);
});

Deno.test("Relay.handleTimeout() tells what an update has changed, and of each session every minute", () => {
  const host = new RelayHost();
  for (const callId of ["c1", "c2", "c3"]) update(host, { callId });
  const recorded = (durationMs: number) => {
    host.advance(durationMs);
    return host.recorded.splice(0).map(({ callId }) => callId);
  };
  assertEquals([recorded(1000), recorded(59_000)].map((ids) => ids.sort()), [["c1", "c2", "c3"], []]);
  update(host, { ...ANSWER, callId: "c2" });
  host.handle("remove", removeHeaders("c1"));
  assertEquals([recorded(1000), recorded(59_000)].map((ids) => ids.sort()), [["c2", "c3"], []]);
  assertEquals(recorded(1000).sort(), ["c2", "c3"]);
});

Deno.test("Relay.handleTimeout() looks at each session once a second, at its own time also after all were late", () => {
  const host = new RelayHost();
  for (const callId of ["c1", "c2"]) {
    update(host, { callId });
    host.clock.advance(300);
  }
  host.clock.advance(10_000);
  host.relay.handleTimeout();
  const nextMs = [0, 0].map(() => {
    const { nextDeadlineMs } = host.relay;
    host.clock.advance(nextDeadlineMs - host.clock.nowMs());
    host.relay.handleTimeout();
    return nextDeadlineMs % 1000;
  });
  assertEquals(nextMs, [0, 300]);
});
