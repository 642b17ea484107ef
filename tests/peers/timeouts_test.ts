/** Media that stops: sessions that expire, and what the SIP side hears of it. @module */
import { assert, assertEquals, assertMatch } from "../../src/deps/assert.ts";
import type { EndedSession } from "../../src/control/mod.ts";
import { sharedBench } from "./support/bench.ts";
import { AudioCall, calleeAudio, callerAudio } from "./support/call.ts";
import { STYLES } from "./support/kamailio.ts";
import { exchange } from "./support/media.ts";

const IDLE_TIMEOUT_S = 2;
const STREAM_TIMEOUT_S = 3;
const ON_HOLD_TIMEOUT_S = 5;

/** The relay looks at its streams now and then, and two sipp hang up after it. */
const EXPIRY_DEADLINE_MS = 15_000;

const bench = sharedBench({
  idle_timeout: IDLE_TIMEOUT_S,
  stream_timeout: STREAM_TIMEOUT_S,
  on_hold_timeout: ON_HOLD_TIMEOUT_S,
});

for (const style of STYLES) {
  const module = `${style}_media_proxy()`;
  const ending = style === "engage" ? "its dialog ends at both phones" : "a later BYE finds it removed";

  bench.test(`${module} and media that stops: the session expires, and ${ending}`, async (bench) => {
    await using audio = await AudioCall.start(bench, style);
    await exchange(audio.callerSide, audio.calleeSide);
    const stoppedAtMs = performance.now();
    const session = await expired(audio);
    const waitedMs = performance.now() - stoppedAtMs;
    assert(waitedMs > (IDLE_TIMEOUT_S - 0.5) * 1000, `expired after ${waitedMs} ms, before its time`);
    assertMatch(session.streams[0]!.status, /timeout$/);
    audio.assertCounted(session, session.streams[0]!.status);
  });

  bench.test(`${module} and no media at all: the session expires, and ${ending}`, async (bench) => {
    await using audio = await AudioCall.start(bench, style);
    const session = await expired(audio);
    const [stream] = session.streams;
    assertEquals(stream?.status, "no-traffic timeout");
    assertEquals([stream?.caller_packets, stream?.callee_packets], [0, 0]);
    assertEquals([stream?.caller_remote, stream?.callee_remote], ["Unknown", "Unknown"]);
  });

  bench.test(`${module} and a silent hold: it lasts as long as on_hold_timeout says, not as idle media`, async (bench) => {
    await using audio = await AudioCall.start(bench, style);
    const { call, callerMedia, calleeMedia } = audio;
    await exchange(audio.callerSide, audio.calleeSide);
    const heldAtMs = performance.now();
    call.caller.wish("OFFER", callerAudio(callerMedia, 2, ["a=inactive"]));
    await call.answer(calleeAudio(calleeMedia, 2, ["a=inactive"]), 2);
    const session = await expired(audio);
    const heldMs = performance.now() - heldAtMs;
    assert(heldMs > (ON_HOLD_TIMEOUT_S - 1) * 1000, `expired after ${heldMs} ms on hold, before its time`);
    audio.assertCounted(session, "on hold timeout");
  });
}

/** Waits until the call's media has timed out, and ends the call as its style does; returns the session's statistics. */
async function expired({ call }: AudioCall): Promise<EndedSession> {
  const session = await call.bench.accounting(call.id, EXPIRY_DEADLINE_MS);
  assertEquals(session.timed_out, true);
  call.assertDialogId(session.dialog_id);
  if (call.style === "engage") {
    await call.ended();
  } else {
    await call.hangUp();
    assertMatch(await call.bench.kamailio("use").removal(call.id), / removed$/);
  }
  const sessions = call.bench.accounted(call.id);
  assertEquals(sessions.length, 1, "the session was accounted for more than once");
  await call.bench.gone(call.id);
  return session;
}
