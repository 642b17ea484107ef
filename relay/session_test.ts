import { assert, assertEquals, assertThrows } from "../src/deps/assert.ts";
import { decodeUpdate } from "../src/control/commands.ts";
import { ControlSyntaxError } from "../src/control/errors.ts";
import { type UpdateFields, updateHeaders } from "../tests/support/control_messages.ts";
import { RelayEnvironment, TIMEOUTS } from "../tests/support/relay_environment.ts";
import { rtp } from "../tests/support/rtp_packets.ts";
import { PortsExhaustedError } from "./port_pool.ts";
import { Session } from "./session.ts";

const AUDIO = "audio:192.0.2.1:6000:sendrecv:ice=no";
const VIDEO = "video:192.0.2.1:6002:sendrecv:ice=no";
const AUDIO_ANSWER = "audio:192.0.2.2:7000:sendrecv:ice=no";
const VIDEO_ANSWER = "video:192.0.2.2:7002:sendrecv:ice=no";

/**
 * A call between `caller` and `callee`. A request carries the tags as its sender sees them; a reply those of the request
 * that it answers.
 */
class Call {
  readonly env: RelayEnvironment;
  readonly session: Session;
  nowMs = 0;

  constructor(endPort?: number) {
    this.env = new RelayEnvironment(endPort);
    const first = decodeUpdate(updateHeaders({}));
    this.session = new Session(this.env, this.env.log, "dispatcher", first, this.nowMs);
  }

  update(fields: UpdateFields): readonly number[] {
    return this.session.update(decodeUpdate(updateHeaders(fields)), this.nowMs).ports;
  }

  /** The caller's INVITE. */
  offer(cseq: number, media: string): readonly number[] {
    return this.update({ cseq, media, ...cseq > 1 && { toTag: "callee" } });
  }

  /** The callee's 200 to it. */
  answer(cseq: number, media: string, toTag = "callee"): readonly number[] {
    return this.update({ type: "reply", cseq, media, toTag });
  }

  /** The callee's re-INVITE. */
  calleeOffer(cseq: number, media: string): readonly number[] {
    return this.update({ cseq, media, fromTag: "callee", toTag: "caller" });
  }

  /** The caller's 200 to it. */
  callerAnswer(cseq: number, media: string): readonly number[] {
    return this.update({ type: "reply", cseq, media, fromTag: "callee", toTag: "caller" });
  }

  /** An audio call that is up. */
  static up(): Call {
    const call = new Call();
    call.offer(1, AUDIO);
    call.answer(1, AUDIO_ANSWER);
    return call;
  }

  statuses(): string[] {
    return this.session.answeredStreams.map(({ type, status }) => `${type} ${status}`);
  }
}

Deno.test("Session.update() tells each party the ports to which it sends (PROTOCOL §4)", () => {
  const call = new Call();
  assertEquals(call.offer(1, AUDIO), [40002]);
  assertEquals(call.answer(1, AUDIO_ANSWER), [40000]);
  assertEquals(call.statuses(), ["audio active"]);
});

Deno.test("Session.update() gives one port per stream, in the order of the SDP (RFC 3264 §6)", () => {
  const call = new Call();
  assertEquals(call.offer(1, `${AUDIO},${VIDEO}`), [40002, 40006]);
  assertEquals(call.answer(1, `${AUDIO_ANSWER},${VIDEO_ANSWER}`), [40000, 40004]);
});

Deno.test("Session.update() keeps the ports of what a re-INVITE does not change (RFC 3264 §8)", () => {
  const call = Call.up();
  assertEquals(call.offer(2, AUDIO), [40002]);
  assertEquals(call.answer(2, AUDIO_ANSWER), [40000]);
  assertEquals(call.statuses(), ["audio active"]);
});

Deno.test("Session.update() makes a new stream of one whose address changes, and ends the old with the answer (RFC 3264 §8.3.1)", () => {
  const call = Call.up();
  assertEquals(call.offer(2, "audio:192.0.2.1:6500:sendrecv:ice=no"), [40006]);
  assertEquals(call.session.liveStreams.length, 2, "until the answer, media may still follow the old offer");
  assertEquals(call.answer(2, AUDIO_ANSWER), [40004]);
  assertEquals(call.statuses(), ["audio closed", "audio active"]);
  assertEquals(call.env.ports.leasedPairs, 2);
});

Deno.test("Session.update() leaves the media alone when a re-INVITE is refused (RFC 3261 §14.1)", () => {
  const call = Call.up();
  call.offer(2, `audio:192.0.2.1:6500:sendrecv:ice=no,${VIDEO}`);
  assertEquals(call.statuses(), ["audio active"]);
  assertEquals(call.offer(3, AUDIO), [40002]);
  assertEquals(call.env.ports.leasedPairs, 2, "the refused offer's ports come back with the next offer");
  assertEquals(call.answer(3, AUDIO_ANSWER), [40000]);
  assertEquals(call.statuses(), ["audio active"]);
});

Deno.test("Session.update() takes an offer back into use that is repeated after a refusal (RFC 3261 §14.1)", () => {
  const call = Call.up();
  const ports = call.offer(2, `${AUDIO},${VIDEO}`);
  assertEquals(call.offer(3, `${AUDIO},${VIDEO}`), ports);
});

Deno.test("Session.update() adds a stream to a call (RFC 3264 §8.1)", () => {
  const call = Call.up();
  assertEquals(call.offer(2, `${AUDIO},${VIDEO}`), [40002, 40006]);
  assertEquals(call.answer(2, `${AUDIO_ANSWER},${VIDEO_ANSWER}`), [40000, 40004]);
  assertEquals(call.statuses(), ["audio active", "video active"]);
});

Deno.test("Session.update() removes a stream that an offer zeroes; it was closed, not rejected (RFC 3264 §8.2)", () => {
  const call = new Call();
  call.offer(1, `${AUDIO},${VIDEO}`);
  call.answer(1, `${AUDIO_ANSWER},${VIDEO_ANSWER}`);
  assertEquals(call.offer(2, `${AUDIO},video:192.0.2.1:0`), [40002, 0]);
  assertEquals(call.answer(2, `${AUDIO_ANSWER},video:192.0.2.2:0`), [40000, 0]);
  assertEquals(call.statuses(), ["audio active", "video closed"]);
});

Deno.test("Session.update() knows a refused stream from one that was offered disabled (RFC 3264 §6)", () => {
  const call = new Call();
  assertEquals(call.offer(1, `${AUDIO},video:192.0.2.1:0,image:192.0.2.1:6300`), [40002, 0, 40006]);
  assertEquals(call.answer(1, `${AUDIO_ANSWER},video:192.0.2.2:0,image:192.0.2.2:0`), [40000, 0, 0]);
  assertEquals(call.statuses(), ["audio active", "video closed", "image rejected"]);
  assertEquals(call.env.ports.leasedPairs, 2);
});

Deno.test("Session.update() gives ports to a disabled stream that is taken into use (RFC 3264 §8.1)", () => {
  const call = new Call();
  call.offer(1, `${AUDIO},video:192.0.2.1:0`);
  call.answer(1, `${AUDIO_ANSWER},video:192.0.2.2:0`);
  assertEquals(call.offer(2, `${AUDIO},${VIDEO}`), [40002, 40006]);
  call.answer(2, `${AUDIO_ANSWER},${VIDEO_ANSWER}`);
  assertEquals(call.statuses(), ["video closed", "audio active", "video active"]);
});

Deno.test("Session.update() gives a port that is 0 to a stream that a re-INVITE leaves disabled (RFC 3264 §8.2)", () => {
  const call = new Call();
  call.offer(1, "audio:192.0.2.1:0");
  assertEquals(call.answer(1, "audio:192.0.2.2:0"), [0]);
  assertEquals(call.offer(2, "audio:192.0.2.1:0"), [0]);
});

for (
  const [name, held] of [
    ["sendonly", "audio:192.0.2.1:6000:sendonly:ice=no"],
    ["inactive", "audio:192.0.2.1:6000:inactive:ice=no"],
    ["0.0.0.0", "audio:0.0.0.0:6000:sendrecv:ice=no"],
  ]
) {
  Deno.test(`Session.update() holds with ${name} and resumes on the same ports (RFC 3264 §8.4)`, () => {
    const call = Call.up();
    assertEquals(call.offer(2, held!), [40002]);
    assertEquals(call.answer(2, "audio:192.0.2.2:7000:recvonly:ice=no"), [40000]);
    assertEquals(call.statuses(), ["audio on hold"]);
    assertEquals(call.offer(3, AUDIO), [40002]);
    assertEquals(call.answer(3, AUDIO_ANSWER), [40000]);
    assertEquals(call.statuses(), ["audio active"]);
  });
}

Deno.test("Session.update() switches from audio to T.38 and back (ITU-T T.38 Annex D)", () => {
  const call = Call.up();
  call.calleeOffer(100, "image:192.0.2.2:7000:sendrecv:ice=no");
  call.callerAnswer(100, "image:192.0.2.1:6000:sendrecv:ice=no");
  assertEquals(call.statuses(), ["audio closed", "image active"]);
  call.calleeOffer(101, AUDIO_ANSWER);
  call.callerAnswer(101, AUDIO);
  assertEquals(call.statuses(), ["audio closed", "image closed", "audio active"]);
});

Deno.test("Session.update() answers a retransmission as the first time, and changes nothing (RFC 3261 §17)", () => {
  const call = new Call();
  assertEquals(call.offer(1, AUDIO), [40002]);
  assertEquals(call.offer(1, AUDIO), [40002]);
  assertEquals(call.answer(1, AUDIO_ANSWER), [40000]);
  assertEquals(call.answer(1, AUDIO_ANSWER), [40000]);
  assertEquals(call.offer(1, AUDIO), [40002]);
  assertEquals(call.statuses(), ["audio active"]);
  assertEquals(call.env.ports.leasedPairs, 2);
});

Deno.test("Session.update() ignores the SDP of an older CSeq, and tells the ports as they are (RFC 3261 §12.2.2)", () => {
  const call = new Call();
  call.offer(5, AUDIO);
  assertEquals(call.offer(3, `audio:192.0.2.1:6666:sendonly,${VIDEO}`), [40002]);
  assertEquals(call.answer(5, AUDIO_ANSWER), [40000]);
  assertEquals(call.answer(3, "audio:0.0.0.0:9"), [40000]);
  assertEquals(call.statuses(), ["audio active"]);
});

Deno.test("Session.update() counts the CSeq numbers of each party by themselves (RFC 3261 §12.2.1.1)", () => {
  const call = new Call();
  call.offer(50, AUDIO);
  call.answer(50, AUDIO_ANSWER);
  const held = "audio:192.0.2.2:7000:sendonly:ice=no";
  assertEquals(call.calleeOffer(1, held), [40000]);
  assertEquals(call.callerAnswer(1, AUDIO), [40002]);
  assertEquals(call.statuses(), ["audio on hold"]);
  assertEquals(call.offer(51, AUDIO), [40002]);
});

Deno.test("Session.update() takes the offer from the 200 and the answer from the ACK (RFC 3261 §13.2.1)", () => {
  const call = new Call();
  assertEquals(call.answer(1, AUDIO_ANSWER), [40000]);
  assertEquals(call.session.answeredStreams, []);
  assertEquals(call.update({ cseq: 1, toTag: "callee", media: AUDIO }), [40002]);
  assertEquals(call.statuses(), ["audio active"]);
});

Deno.test("Session.update() moves the callee when the 200 has another port than the early media (PROTOCOL §4)", () => {
  const call = new Call();
  call.offer(1, AUDIO);
  assertEquals(call.update({ type: "reply", media: "audio:192.0.2.2:6400:sendrecv:ice=no" }), [40000]);
  assertEquals([call.session.toTag, call.session.startedAtMs], [undefined, 0]);
  call.nowMs = 1000;
  assertEquals(call.answer(1, AUDIO_ANSWER), [40000]);
  assertEquals(call.session.toTag, "callee");
  assertEquals(call.session.startedAtMs, 0);
  const [stream] = call.session.answeredStreams;
  call.env.send(stream!, "caller", "192.0.2.1:6000", 1000);
  assertEquals(call.env.sockets.takeSent(), ["40002 > 192.0.2.2:7000"]);
});

Deno.test("Session.update() takes a 200 without SDP for the answer to what the early media offered (RFC 3261 §13.2.1)", () => {
  const call = new Call();
  call.offer(1, AUDIO);
  call.nowMs = 500;
  assertEquals(call.answer(1, ""), [40000]);
  assertEquals([call.session.startedAtMs, call.statuses()], [500, ["audio active"]]);
});

Deno.test("Session.update() removes the streams that an answer leaves out (PROTOCOL §4)", () => {
  const call = new Call();
  call.offer(1, `${AUDIO},${VIDEO}`);
  assertEquals(call.answer(1, AUDIO_ANSWER), [40000, 0]);
  assertEquals(call.statuses(), ["audio active", "video rejected"]);
});

Deno.test("Session.update() has no ports for streams that were not offered (RFC 3264 §6)", () => {
  const call = new Call();
  call.offer(1, AUDIO);
  assertEquals(call.answer(1, `${AUDIO_ANSWER},${VIDEO_ANSWER}`), [40000]);
  assertEquals(call.statuses(), ["audio active"]);
});

Deno.test("Session.update() refuses an answer of another media type, and changes nothing (RFC 3264 §6)", () => {
  const call = new Call();
  call.offer(1, AUDIO);
  assertThrows(() => call.answer(1, VIDEO_ANSWER), ControlSyntaxError, "its video stream answers none of that type");
  assertEquals([call.statuses(), call.session.toTag, call.session.startedAtMs], [[], undefined, Infinity]);
  assertEquals(call.answer(1, AUDIO_ANSWER), [40000]);
});

Deno.test("Session.update() takes no ports for an offer that it cannot serve, and leaves the call up", () => {
  const call = new Call(40006);
  call.offer(1, AUDIO);
  call.answer(1, AUDIO_ANSWER);
  assertThrows(() => call.offer(2, `audio:0.0.0.0:6000:sendrecv,${VIDEO}`), PortsExhaustedError);
  assertEquals([call.statuses(), call.env.ports.leasedPairs], [["audio active"], 2]);
});

Deno.test("Session.update() leaves the media with the first of several callees that answer (RFC 3261 §13.2.2.4)", () => {
  const call = Call.up();
  assertEquals(call.answer(1, "audio:192.0.2.3:8000:sendrecv:ice=no", "second"), [40000]);
  assertEquals(call.session.toTag, "callee");
  const [stream] = call.session.answeredStreams;
  call.env.send(stream!, "caller", "192.0.2.1:6000", 0);
  assertEquals(call.env.sockets.takeSent(), ["40002 > 192.0.2.2:7000"]);
});

Deno.test("Session.removeBranch() hands the media to the next callee when the first hangs up (RFC 3261 §13.2.2.4)", () => {
  const call = Call.up();
  call.answer(1, "audio:192.0.2.3:8000:sendrecv:ice=no", "second");
  call.answer(1, "audio:192.0.2.4:9000:sendrecv:ice=no", "third");
  assertEquals(call.session.removeBranch("third", 1000), true);
  assertEquals(call.session.toTag, "callee");
  assertEquals(call.session.removeBranch("callee", 1000), true);
  assertEquals(call.session.toTag, "second");
  const [stream] = call.session.answeredStreams;
  call.env.send(stream!, "caller", "192.0.2.1:6000", 1000);
  assertEquals(call.env.sockets.takeSent(), ["40002 > 192.0.2.3:8000"]);
  assertEquals(call.session.removeBranch("second", 1000), false);
});

Deno.test("Session.removeBranch() is false for a call that was not forked", () => {
  const call = Call.up();
  for (const tag of ["callee", "stranger", undefined]) assertEquals(call.session.removeBranch(tag, 0), false);
});

Deno.test("Session.expire() is over when the last stream has timed out (PROTOCOL §4)", () => {
  const call = new Call();
  call.offer(1, `${AUDIO},${VIDEO}`);
  call.answer(1, `${AUDIO_ANSWER},${VIDEO_ANSWER}`);
  const [audio] = call.session.answeredStreams;
  call.env.send(audio!, "caller", "192.0.2.1:6000", 1000, rtp());
  assertEquals(call.session.expire(TIMEOUTS.streamTimeoutMs - 1), false);
  assertEquals(call.session.expire(TIMEOUTS.streamTimeoutMs), false);
  assertEquals(call.statuses(), ["audio active", "video no-traffic timeout"]);
  assertEquals(call.session.expire(1000 + TIMEOUTS.idleTimeoutMs - 1), false);
  assertEquals(call.session.expire(1000 + TIMEOUTS.idleTimeoutMs), true);
  assertEquals(call.statuses(), ["audio conntrack timeout", "video no-traffic timeout"]);
});

Deno.test("Session.expire() ends a call that was never answered after twice stream_timeout (PROTOCOL §4)", () => {
  const call = new Call();
  call.offer(1, AUDIO);
  assertEquals(call.session.expire(2 * TIMEOUTS.streamTimeoutMs - 1), false);
  assertEquals(call.session.expire(2 * TIMEOUTS.streamTimeoutMs), true);
  assertEquals([call.session.answeredStreams, call.env.ports.leasedPairs], [[], 0]);
});

Deno.test("Session.expire() ends the new streams of a refused re-INVITE, not the call (RFC 3261 §14.1)", () => {
  const call = Call.up();
  call.offer(2, `${AUDIO},${VIDEO}`);
  const [audio] = call.session.answeredStreams;
  call.env.send(audio!, "caller", "192.0.2.1:6000", 2 * TIMEOUTS.streamTimeoutMs - 1);
  assertEquals(call.session.expire(2 * TIMEOUTS.streamTimeoutMs), false);
  assertEquals([call.statuses(), call.env.ports.leasedPairs], [["audio active"], 2]);
});

Deno.test("Session.expire() waits on_hold_timeout for a call whose streams were all refused", () => {
  const call = new Call();
  call.offer(1, AUDIO);
  call.answer(1, "audio:192.0.2.2:0");
  assertEquals(call.session.expire(TIMEOUTS.onHoldTimeoutMs - 1), false);
  assertEquals(call.session.expire(TIMEOUTS.onHoldTimeoutMs), true);
});

Deno.test("Session remembers at most 64 streams that ended while the call went on", () => {
  const call = Call.up();
  for (let cseq = 2; cseq < 100; cseq++) {
    call.offer(cseq, `audio:192.0.2.1:${6000 + cseq}`);
    call.answer(cseq, AUDIO_ANSWER);
  }
  assertEquals(call.session.answeredStreams.length, 65);
  assertEquals(call.env.ports.leasedPairs, 2);
});

Deno.test("Session.close() ends all streams, also those of an open offer, and gives all ports back; twice is harmless", () => {
  const call = Call.up();
  call.offer(2, `${AUDIO},${VIDEO}`);
  call.session.close(5);
  call.session.close(6);
  assertEquals([call.statuses(), call.env.ports.leasedPairs], [["audio closed"], 0]);
  assert(call.session.answeredStreams.every(({ endedAtMs }) => endedAtMs === 5));
});

Deno.test("Session.update() remembers who called whom with what, from the first message that says so (PROTOCOL §3)", () => {
  const call = new Call();
  call.update({ userAgent: "Caller/1" });
  call.update({ type: "reply", userAgent: "Callee/2", dialogId: "1:2", toTag: "callee" });
  const json = `{"signaling_ip":"192.0.2.9","username":"alice"}`;
  call.update({ type: "reply", userAgent: "Callee/3", dialogId: "3:4", toTag: "callee", signalingIp: json });
  const { callerUserAgent, calleeUserAgent, dialogId, username } = call.session;
  assertEquals([callerUserAgent, calleeUserAgent, dialogId, username], ["Caller/1", "Callee/2", "1:2", "alice"]);
});
