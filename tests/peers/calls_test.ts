/** Calls from set-up to end, through Kamailio's mediaproxy module in both its styles, between sipp phones. @module */
import { assert, assertEquals, assertMatch } from "../../src/deps/assert.ts";
import type { EndedSession } from "../../src/control/mod.ts";
import { sharedBench } from "./support/bench.ts";
import {
  AudioCall,
  Call,
  CALLEE_ADDRESS,
  calleeAudio,
  CALLER_ADDRESS,
  callerAudio,
  SIGNALLING_ADDRESS,
} from "./support/call.ts";
import { STYLES } from "./support/kamailio.ts";
import { exchange, MediaEndpoint } from "./support/media.ts";
import { PLAYED_PACKETS, playedCall, PLAYER_ADDRESS } from "./support/played_call.ts";
import { audioSdp } from "./support/sdp.ts";
import { until } from "./support/until.ts";

const PARALLEL_CALLS = 10;

// The player's SDP is believed: sipp's echo does not speak first, so the relay could not learn where it is.
const bench = sharedBench({ routable_private_ranges: `${PLAYER_ADDRESS}/32` });

for (const style of STYLES) {
  const module = `${style}_media_proxy()`;

  bench.test(`${module} carries a call that the caller ends`, async (bench) => {
    await using audio = await AudioCall.start(bench, style);
    await exchange(audio.callerSide, audio.calleeSide);
    await audio.hangUpAndCount("caller");
    if (style === "use") assertMatch(await bench.kamailio("use").removal(audio.call.id), / removed$/);
  });

  bench.test(`${module} carries a call that the callee ends`, async (bench) => {
    await using audio = await AudioCall.start(bench, style);
    await exchange(audio.callerSide, audio.calleeSide);
    // The callee's BYE has its tags the other way round (PROTOCOL 1); the statistics must not.
    await audio.hangUpAndCount("callee");
    if (style === "use") assertMatch(await bench.kamailio("use").removal(audio.call.id), / removed$/);
  });

  bench.test(`${module} releases the session of a call that is cancelled`, async (bench) => {
    using media = MediaEndpoint.open(CALLER_ADDRESS);
    const offer = callerAudio(media);
    await using call = await Call.start(bench, style, { offer });
    call.relayed(offer, (await call.callee.received("INVITE")).body);
    await call.caller.received("180 INVITE");
    assert((await bench.sessions()).some(({ call_id }) => call_id === call.id), "the session is not listed");
    call.caller.wish("GIVE-UP");
    await Promise.all([call.caller.finished(), call.callee.finished()]);
    await call.caller.received("487 INVITE");
    await bench.gone(call.id);
    if (style === "use") assertMatch(await bench.kamailio("use").removal(call.id), / removed$/);
    assertNeverAnswered(bench.accounted(call.id));
  });

  bench.test(`${module} releases the session of a call that is refused with 486`, async (bench) => {
    using media = MediaEndpoint.open(CALLER_ADDRESS);
    const offer = callerAudio(media);
    await using call = await Call.start(bench, style, { offer });
    call.relayed(offer, (await call.callee.received("INVITE")).body);
    await call.caller.received("180 INVITE");
    call.callee.wish("REFUSE");
    await Promise.all([call.caller.finished(), call.callee.finished()]);
    await call.caller.received("486 INVITE");
    await bench.gone(call.id);
    if (style === "use") assertMatch(await bench.kamailio("use").removal(call.id), / removed$/);
    assertNeverAnswered(bench.accounted(call.id));
  });

  bench.test(`${module} carries early media, and follows the callee to another port in the 200`, async (bench) => {
    using callerMedia = MediaEndpoint.open(CALLER_ADDRESS);
    using early = MediaEndpoint.open(CALLEE_ADDRESS);
    using calleeMedia = MediaEndpoint.open(CALLEE_ADDRESS);
    const offer = callerAudio(callerMedia);
    await using call = await Call.start(bench, style, { offer });
    const [towardsCallee] = call.relayed(offer, (await call.callee.received("INVITE")).body);
    await call.callee.sent("180 INVITE");
    call.callee.wish("PROGRESS", calleeAudio(early));
    const progress = await call.caller.received("183 INVITE");
    const [towardsCaller] = call.relayed(calleeAudio(early), progress.body);
    const hostname = bench.installation.relayAddress;
    const callerSide = { media: callerMedia, to: { hostname, port: towardsCaller! } };
    await exchange(callerSide, { media: early, to: { hostname, port: towardsCallee! } });

    await call.answer(calleeAudio(calleeMedia));
    const ok = await call.caller.received("200 INVITE");
    assertEquals(call.relayed(calleeAudio(calleeMedia), ok.body), [towardsCaller], "the caller's port moved");
    await exchange(callerSide, { media: calleeMedia, to: { hostname, port: towardsCallee! } });

    await call.hangUp();
    const { streams, timed_out: timedOut } = await call.statistics();
    assertEquals(timedOut, false);
    assertEquals(streams.map((stream) => stream.status), ["closed"]);
    assertEquals(streams[0]!.caller_packets, callerMedia.sentPackets);
    assertEquals(streams[0]!.callee_packets, early.sentPackets + calleeMedia.sentPackets);
    assertEquals(streams[0]!.callee_bytes, early.sentBytes + calleeMedia.sentBytes);
    assertEquals(streams[0]!.callee_remote, `${calleeMedia.address}:${calleeMedia.port}`);
  });

  bench.test(`${module} carries a call with a late offer: in the 200, answered in the ACK`, async (bench) => {
    using callerMedia = MediaEndpoint.open(CALLER_ADDRESS);
    using calleeMedia = MediaEndpoint.open(CALLEE_ADDRESS);
    await using call = await Call.start(bench, style, { ackAnswer: callerAudio(callerMedia) });
    assertEquals((await call.callee.received("INVITE")).body, "");
    await call.answer(calleeAudio(calleeMedia));
    const ok = await call.caller.received("200 INVITE");
    const [towardsCaller] = call.relayed(calleeAudio(calleeMedia), ok.body);
    const ack = await call.callee.received("ACK");
    const [towardsCallee] = call.relayed(callerAudio(callerMedia), ack.body);
    const audio = new AudioCall(call, callerMedia, calleeMedia, [towardsCaller!, towardsCallee!]);
    await exchange(audio.callerSide, audio.calleeSide);
    await audio.hangUpAndCount();
  });

  bench.test(`${module} connects parties whose SDP names addresses behind their NATs`, async (bench) => {
    // Media comes from where the signalling comes, as a NAT has one address for both.
    using callerMedia = MediaEndpoint.open(SIGNALLING_ADDRESS);
    using calleeMedia = MediaEndpoint.open(SIGNALLING_ADDRESS);
    const offer = audioSdp({ owner: "alice", address: "10.11.12.13", port: 4000 });
    const answer = audioSdp({ owner: "bob", address: "192.168.1.2", port: 5000 });
    await using call = await Call.start(bench, style, { offer });
    const [towardsCallee] = call.relayed(offer, (await call.callee.received("INVITE")).body);
    await call.answer(answer);
    const [towardsCaller] = call.relayed(answer, (await call.caller.received("200 INVITE")).body);
    const audio = new AudioCall(call, callerMedia, calleeMedia, [towardsCaller!, towardsCallee!]);
    await exchange(audio.callerSide, audio.calleeSide);
    await audio.hangUpAndCount();
  });

  bench.test(`${module} carries the RTP that sipp plays itself, and the other sipp's echo of it`, async (bench) => {
    await using call = await playedCall(bench, style);
    await until("the echo of what sipp plays", async () => {
      const [stream] = (await bench.sessions()).find(({ call_id }) => call_id === call.id)?.streams ?? [];
      return stream !== undefined && stream.callee_packets >= PLAYED_PACKETS;
    });
    call.caller.wish("HANG-UP");
    await Promise.all([call.caller.finished(), call.callee.finished()]);
    const { streams } = await bench.accounting(call.id);
    const [stream] = streams;
    assertEquals([stream?.status, stream?.caller_codec, stream?.callee_codec], ["closed", "G711u", "G711u"]);
    assertEquals(stream!.callee_packets, stream!.caller_packets, "packets that were not echoed");
    assertEquals(stream!.callee_bytes, stream!.caller_bytes);
  });

  bench.test(`${module} keeps ${PARALLEL_CALLS} calls at once apart`, async (bench) => {
    await Promise.all(Array.from({ length: PARALLEL_CALLS }, async (_, index) => {
      await using audio = await AudioCall.start(bench, style);
      await exchange(audio.callerSide, audio.calleeSide, 10 + index);
      await audio.hangUpAndCount(index % 2 === 0 ? "caller" : "callee");
    }));
  });
}

/** A call that nobody answered may be accounted for, but then as one without time and media. */
function assertNeverAnswered(sessions: EndedSession[]): void {
  for (const session of sessions) {
    assertEquals([session.start_time, session.duration, session.to_tag], [null, 0, null]);
    assertEquals(session.streams.map(({ caller_packets }) => caller_packets).filter(Boolean), []);
  }
}
