/** Descriptions that change, or that are not one plain audio stream, through Kamailio in both styles. @module */
import { assertEquals } from "../../src/deps/assert.ts";
import type { StreamStatistics } from "../../src/control/mod.ts";
import { type Bench, sharedBench } from "./support/bench.ts";
import { AudioCall, Call, CALLEE_ADDRESS, calleeAudio, CALLER_ADDRESS, callerAudio } from "./support/call.ts";
import { STYLES } from "./support/kamailio.ts";
import { exchange, MediaEndpoint, type Side, talk } from "./support/media.ts";
import { assertPorts, audioSdp, mediaPorts, sdpText, sessionLines } from "./support/sdp.ts";
import { until } from "./support/until.ts";

const VIDEO_PAYLOAD_TYPE = 96;

const bench = sharedBench();

for (const style of STYLES) {
  const module = `${style}_media_proxy()`;

  bench.test(`${module} keeps the streams of a call through hold and resume with sendonly`, async (bench) => {
    await using audio = await AudioCall.start(bench, style);
    await exchange(audio.callerSide, audio.calleeSide);
    await holdAndResume(audio, {
      hold: callerAudio(audio.callerMedia, 2, ["a=sendonly"]),
      held: calleeAudio(audio.calleeMedia, 2, ["a=recvonly"]),
    });
    await audio.hangUpAndCount();
  });

  bench.test(`${module} keeps the streams of a call through hold and resume with 0.0.0.0`, async (bench) => {
    await using audio = await AudioCall.start(bench, style);
    await exchange(audio.callerSide, audio.calleeSide);
    await holdAndResume(audio, {
      hold: audioSdp({ owner: "alice", address: "0.0.0.0", port: audio.callerMedia.port, version: 2 }),
      held: calleeAudio(audio.calleeMedia, 2, ["a=recvonly"]),
    });
    await audio.hangUpAndCount();
  });

  bench.test(`${module} keeps the streams of a call that the callee puts on hold and resumes`, async (bench) => {
    await using audio = await AudioCall.start(bench, style);
    await exchange(audio.callerSide, audio.calleeSide);
    const { call, callerMedia, calleeMedia } = audio;
    for (const [round, [offered, answered]] of [["a=sendonly", "a=recvonly"], ["a=sendrecv", "a=sendrecv"]].entries()) {
      const offer = calleeAudio(calleeMedia, 2 + round, [offered!]);
      const answer = callerAudio(callerMedia, 2 + round, [answered!]);
      call.callee.wish("OFFER", offer);
      const invite = await call.caller.received("INVITE", 1 + round);
      assertEquals(call.relayed(offer, invite.body), [audio.callerSide.to.port]);
      call.caller.wish("ANSWER", answer);
      const ok = await call.callee.received("200 INVITE", 1 + round);
      assertEquals(call.relayed(answer, ok.body), [audio.calleeSide.to.port]);
      await call.caller.received("ACK", 1 + round);
      await streamStatus(bench, call.id, round === 0 ? "on hold" : "active");
    }
    await exchange(audio.callerSide, audio.calleeSide);
    await audio.hangUpAndCount();
  });

  bench.test(`${module} carries audio and video, and leaves a stream over TCP alone`, async (bench) => {
    await using streams = new DisposableStack();
    const [callerAudioMedia, callerVideo] = openTwo(streams, CALLER_ADDRESS);
    const [calleeAudioMedia, calleeVideo] = openTwo(streams, CALLEE_ADDRESS);
    const offer = (session: string[], connection: string[], [audio, rtcp, video]: Target[], msrp: string[]) =>
      sdpText([
        ...session,
        `m=audio ${audio!.port} RTP/AVP 0`,
        ...connection,
        "a=rtpmap:0 PCMU/8000",
        `a=rtcp:${rtcp!.port} IN IP4 ${rtcp!.hostname}`,
        `m=video ${video!.port} RTP/SAVPF ${VIDEO_PAYLOAD_TYPE}`,
        `c=IN IP4 ${video!.hostname}`,
        `a=rtpmap:${VIDEO_PAYLOAD_TYPE} H264/90000`,
        "m=message 7394 TCP/MSRP *",
        ...msrp,
        "a=accept-types:text/plain",
      ]);
    const sent = offer(sessionLines("alice", CALLER_ADDRESS), [], [
      target(CALLER_ADDRESS, callerAudioMedia.port),
      target(CALLER_ADDRESS, callerAudioMedia.port + 1),
      target(CALLER_ADDRESS, callerVideo.port),
    ], []);
    await using call = await Call.start(bench, style, { offer: sent });
    const { relayAddress, portRange } = bench.installation;
    const relayLine = `c=IN IP4 ${relayAddress}`;
    const seen = (await call.callee.received("INVITE")).body;
    const [audioPort, videoPort] = mediaPorts(seen) as [number, number];
    assertPorts([audioPort, videoPort], portRange);
    // The session's address goes: each stream that relied on it says for itself where it is (PROTOCOL 2).
    assertEquals(
      seen,
      offer(withoutConnection(sessionLines("alice", CALLER_ADDRESS)), [relayLine], [
        target(relayAddress, audioPort),
        target(relayAddress, audioPort + 1),
        target(relayAddress, videoPort),
      ], [`c=IN IP4 ${CALLER_ADDRESS}`]),
    );

    const answer = (session: string[], connection: string[], audio: number, video: number, msrp: string[]) =>
      sdpText([
        ...session,
        `m=audio ${audio} RTP/AVP 0`,
        ...connection,
        `m=video ${video} RTP/SAVPF ${VIDEO_PAYLOAD_TYPE}`,
        ...connection,
        "m=message 0 TCP/MSRP *",
        ...msrp,
      ]);
    await call.answer(answer(sessionLines("bob", CALLEE_ADDRESS), [], calleeAudioMedia.port, calleeVideo.port, []));
    const ok = (await call.caller.received("200 INVITE")).body;
    const [audioBack, videoBack] = mediaPorts(ok) as [number, number];
    assertPorts([audioBack, videoBack], portRange);
    const session = withoutConnection(sessionLines("bob", CALLEE_ADDRESS));
    assertEquals(ok, answer(session, [relayLine], audioBack, videoBack, [`c=IN IP4 ${CALLEE_ADDRESS}`]));

    const side = (media: MediaEndpoint, port: number): Side => ({ media, to: target(relayAddress, port) });
    await Promise.all([
      exchange(side(callerAudioMedia, audioBack), side(calleeAudioMedia, audioPort)),
      exchange(side(callerVideo, videoBack), side(calleeVideo, videoPort)),
    ]);
    await call.hangUp();
    const { streams: accounted } = await call.statistics();
    assertEquals(accounted.map(counted), [
      expected("audio", "G711u", callerAudioMedia, calleeAudioMedia),
      expected("video", `Dynamic(${VIDEO_PAYLOAD_TYPE})`, callerVideo, calleeVideo),
    ]);
  });

  bench.test(`${module} adds a video stream in a re-INVITE, and leaves the audio where it is`, async (bench) => {
    await using audio = await AudioCall.start(bench, style);
    await exchange(audio.callerSide, audio.calleeSide);
    using callerVideo = MediaEndpoint.open(CALLER_ADDRESS, VIDEO_PAYLOAD_TYPE);
    using calleeVideo = MediaEndpoint.open(CALLEE_ADDRESS, VIDEO_PAYLOAD_TYPE);
    const { call, callerMedia, calleeMedia } = audio;
    const videoLine = (media: MediaEndpoint) => `m=video ${media.port} RTP/AVP ${VIDEO_PAYLOAD_TYPE}`;
    const offer = callerAudio(callerMedia, 2, [videoLine(callerVideo)]);
    const answer = calleeAudio(calleeMedia, 2, [videoLine(calleeVideo)]);
    call.caller.wish("OFFER", offer);
    const invite = await call.callee.received("INVITE", 2);
    const [audioPort, videoPort] = call.relayed(offer, invite.body);
    assertEquals(audioPort, audio.calleeSide.to.port);
    await call.answer(answer, 2);
    const ok = await call.caller.received("200 INVITE", 2);
    const [audioBack, videoBack] = call.relayed(answer, ok.body);
    assertEquals(audioBack, audio.callerSide.to.port);

    const { relayAddress } = bench.installation;
    await Promise.all([
      exchange(audio.callerSide, audio.calleeSide),
      exchange({ media: callerVideo, to: target(relayAddress, videoBack!) }, {
        media: calleeVideo,
        to: target(relayAddress, videoPort!),
      }),
    ]);
    await call.hangUp();
    const { streams } = await call.statistics();
    assertEquals(streams.map(counted), [
      expected("audio", "G711u", callerMedia, calleeMedia),
      expected("video", `Dynamic(${VIDEO_PAYLOAD_TYPE})`, callerVideo, calleeVideo),
    ]);
  });

  bench.test(`${module} offers the relay as an ICE candidate, and passes STUN without counting it`, async (bench) => {
    await using ice = await IceCall.start(bench, style);
    await exchange(ice.audio.callerSide, ice.audio.calleeSide);
    const { callerMedia, calleeMedia, callerSide } = ice.audio;
    const check = callerMedia.rtp.sendUncounted(stunBindingRequest(), callerSide.to);
    await until("the STUN message at the callee", () => calleeMedia.rtp.arrived.some(({ bytes }) => bytes[0] === 0));
    await check;
    await ice.audio.hangUpAndCount();
  });

  bench.test(`${module} leaves the offer that ends an ICE negotiation alone`, async (bench) => {
    await using ice = await IceCall.start(bench, style);
    const { call, callerMedia, calleeMedia, callerSide, calleeSide } = ice.audio;
    await exchange(callerSide, calleeSide);
    const offer = iceSdp("alice", callerMedia, 1, 2) +
      `a=remote-candidates:1 ${CALLEE_ADDRESS} ${calleeMedia.port}\r\n`;
    const answer = iceSdp("bob", calleeMedia, 1, 2);
    call.caller.wish("OFFER", offer);
    assertEquals((await call.callee.received("INVITE", 2)).body, offer);
    await call.answer(answer, 2);
    const ok = (await call.caller.received("200 INVITE", 2)).body;
    // use_media_proxy() in the reply route knows nothing of the request, so the relay sees a reply without an offer.
    if (style === "engage") assertEquals(ok, answer);
    else assertEquals(ok, withRelayCandidates(answer, bench, callerSide.to.port, 1));
    await exchange(callerSide, calleeSide);
    await ice.audio.hangUpAndCount();
  });
}

type Target = Side["to"];

function target(hostname: string, port: number): Target {
  return { hostname, port };
}

function openTwo(stack: DisposableStack, address: string): [MediaEndpoint, MediaEndpoint] {
  return [
    stack.use(MediaEndpoint.open(address)),
    stack.use(MediaEndpoint.open(address, VIDEO_PAYLOAD_TYPE)),
  ];
}

function withoutConnection(lines: string[]): string[] {
  return lines.filter((line) => !line.startsWith("c="));
}

/** The caller holds the call, talks alone (music), and resumes; the relay's ports stay, and all of it arrives. */
async function holdAndResume(audio: AudioCall, { hold, held }: { hold: string; held: string }): Promise<void> {
  const { call, callerSide, calleeSide, callerMedia, calleeMedia } = audio;
  const renegotiate = async (offer: string, answer: string, nth: number) => {
    call.caller.wish("OFFER", offer);
    const invite = await call.callee.received("INVITE", nth);
    assertEquals(call.relayed(offer, invite.body), [calleeSide.to.port]);
    await call.answer(answer, nth);
    const ok = await call.caller.received("200 INVITE", nth);
    assertEquals(call.relayed(answer, ok.body), [callerSide.to.port]);
  };
  await renegotiate(hold, held, 2);
  await streamStatus(call.bench, call.id, "on hold");
  const arrived = calleeMedia.rtp.arrived.length;
  const music = 5;
  await talk(callerSide, music);
  await until("the music on hold", () => calleeMedia.rtp.arrived.length >= arrived + music);
  const resumed = (owner: "caller" | "callee") =>
    owner === "caller" ? callerAudio(callerMedia, 3, ["a=sendrecv"]) : calleeAudio(calleeMedia, 3, ["a=sendrecv"]);
  await renegotiate(resumed("caller"), resumed("callee"), 3);
  await streamStatus(call.bench, call.id, "active");
  await exchange(callerSide, calleeSide);
}

/** Waits until the call has exactly one stream, with this status. */
async function streamStatus(bench: Bench, callId: string, status: string): Promise<void> {
  let seen: string[] | undefined;
  await until(() => `the stream to be "${status}" (it is ${JSON.stringify(seen)})`, async () => {
    const session = (await bench.sessions()).find(({ call_id }) => call_id === callId);
    seen = session?.streams.map((stream) => stream.status);
    return seen?.length === 1 && seen[0] === status;
  });
}

/** A call with ICE attributes whose offer has candidates for two components, its answer for one. */
class IceCall implements AsyncDisposable {
  readonly audio: AudioCall;

  private constructor(audio: AudioCall) {
    this.audio = audio;
  }

  static async start(bench: Bench, style: "use" | "engage"): Promise<IceCall> {
    await using undo = new AsyncDisposableStack();
    const callerMedia = undo.use(MediaEndpoint.open(CALLER_ADDRESS));
    const calleeMedia = undo.use(MediaEndpoint.open(CALLEE_ADDRESS));
    const offer = iceSdp("alice", callerMedia, 2);
    const answer = iceSdp("bob", calleeMedia, 1);
    const call = undo.use(await Call.start(bench, style, { offer }));
    const seen = (await call.callee.received("INVITE")).body;
    const [towardsCallee] = mediaPorts(seen);
    assertEquals(seen, withRelayCandidates(offer, bench, towardsCallee!, 2));
    await call.answer(answer);
    const ok = (await call.caller.received("200 INVITE")).body;
    const [towardsCaller] = mediaPorts(ok);
    assertEquals(ok, withRelayCandidates(answer, bench, towardsCaller!, 1));
    assertPorts([towardsCallee!, towardsCaller!], bench.installation.portRange);
    undo.move();
    return new IceCall(new AudioCall(call, callerMedia, calleeMedia, [towardsCaller!, towardsCallee!]));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.audio[Symbol.asyncDispose]();
  }
}

function iceSdp(owner: "alice" | "bob", { address, port }: MediaEndpoint, components: number, version = 1): string {
  const candidates = Array.from(
    { length: components },
    (_, index) => `a=candidate:1 ${index + 1} UDP ${2130706431 - index} ${address} ${port + index} typ host`,
  );
  const secrets = [`a=ice-ufrag:${owner}`, `a=ice-pwd:${owner.repeat(5)}0123456789`];
  return audioSdp({ owner, address, port, version, attributes: [...secrets, ...candidates] });
}

/** What the module makes of a description with ICE: a low-priority pair for the relay before the first candidate. */
function withRelayCandidates(sdp: string, bench: Bench, port: number, components: number): string {
  const { relayAddress } = bench.installation;
  // The module prints the address as its machine keeps it: a little-endian number.
  const foundation = relayAddress.split(".").reduceRight((sum, byte) => sum * 256 + Number(byte), 0).toString(16);
  const candidates = Array.from(
    { length: components },
    (_, index) =>
      `a=candidate:R${foundation} ${index + 1} UDP ${16777215 - index} ${relayAddress} ${port + index} typ relay\r\n`,
  );
  return sdp
    .replace(/^c=.*\r\n/m, `c=IN IP4 ${relayAddress}\r\n`)
    .replace(/^m=audio \d+/m, `m=audio ${port}`)
    .replace("a=candidate:", `${candidates.join("")}a=candidate:`);
}

/** A binding request without attributes (RFC 8489 §5). */
function stunBindingRequest(): Uint8Array {
  const message = crypto.getRandomValues(new Uint8Array(20));
  message.set([0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42]);
  return message;
}

type Counted = ReturnType<typeof expected>;

function counted(stream: StreamStatistics): Counted {
  return {
    type: stream.media_type,
    status: stream.status,
    codecs: [stream.caller_codec, stream.callee_codec],
    packets: [stream.caller_packets, stream.callee_packets],
    bytes: [stream.caller_bytes, stream.callee_bytes],
  };
}

function expected(type: string, codec: string, caller: MediaEndpoint, callee: MediaEndpoint) {
  return {
    type,
    status: "closed",
    codecs: [codec, codec],
    packets: [caller.sentPackets, callee.sentPackets],
    bytes: [caller.sentBytes, callee.sentBytes],
  };
}
