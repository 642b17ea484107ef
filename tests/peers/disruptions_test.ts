/** Programs that end, come back or drain in the middle of calls. @module */
import { assert, assertEquals, assertMatch } from "../../src/deps/assert.ts";
import { type Bench, sharedBench } from "./support/bench.ts";
import { AudioCall, Call, CALLEE_ADDRESS, calleeAudio, CALLER_ADDRESS, callerAudio } from "./support/call.ts";
import { STYLES } from "./support/kamailio.ts";
import { exchange, MediaEndpoint } from "./support/media.ts";
import { until } from "./support/until.ts";

const bench = sharedBench();

for (const style of STYLES) {
  const module = `${style}_media_proxy()`;

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    bench.test(`${module}: media flows on while the dispatcher restarts after ${signal}, and the BYE finds the call`, async (bench) => {
      await using audio = await AudioCall.start(bench, style);
      await exchange(audio.callerSide, audio.calleeSide);
      const restarted = bench.restartDispatcher(signal);
      await until("the dispatcher to end", () => bench.dispatcher.status !== undefined);
      await exchange(audio.callerSide, audio.calleeSide);
      await restarted;
      await exchange(audio.callerSide, audio.calleeSide);
      await audio.hangUpAndCount();
      if (style === "use") assertMatch(await bench.kamailio("use").removal(audio.call.id), / removed$/);
    });
  }

  const oldCall = style === "use" ? "the old call's BYE hurts nothing" : "the old call, which has no media, is ended";

  bench.test(`${module}: after the relay was killed and started again the next call works, and ${oldCall}`, async (bench) => {
    await using lost = await AudioCall.start(bench, style);
    await exchange(lost.callerSide, lost.calleeSide);
    await bench.restartRelay("SIGKILL");
    await using next = await AudioCall.start(bench, style);
    await exchange(next.callerSide, next.calleeSide);
    if (style === "use") await lost.call.hangUp();
    else await lost.call.ended();
    await bench.gone(lost.call.id);
    await exchange(next.callerSide, next.calleeSide);
    await next.hangUpAndCount();
  });

  bench.test(`${module}: a draining relay carries its call to the end, takes no other, and exits`, async (bench) => {
    // What a failed test left behind would keep it from ending.
    if ((await bench.sessions()).length > 0) await bench.restartRelay("SIGTERM");
    await using audio = await AudioCall.start(bench, style);
    await exchange(audio.callerSide, audio.calleeSide);
    const { relay } = bench;
    relay.signal("SIGHUP");
    await until("the relay to be halting", async () => {
      return (await bench.summary()).every(({ status }) => status === "halting");
    });
    await refusedByTheRelay(bench, style);
    await exchange(audio.callerSide, audio.calleeSide);
    assertEquals(relay.status, undefined, "the relay ended before its last call");
    await audio.hangUpAndCount();
    assertEquals((await relay.ended()).code, 0);
    await bench.restartRelay("SIGTERM"); // it has ended: this starts it
    await using next = await AudioCall.start(bench, style);
    await exchange(next.callerSide, next.calleeSide);
    await next.hangUpAndCount();
  });
}

/** Calls while no relay takes calls. With use_media_proxy() the script knows, and refuses; with engage_media_proxy() it
 * does not, and the parties' own descriptions go through. */
async function refusedByTheRelay(bench: Bench, style: "use" | "engage"): Promise<void> {
  using callerMedia = MediaEndpoint.open(CALLER_ADDRESS);
  using calleeMedia = MediaEndpoint.open(CALLEE_ADDRESS);
  const offer = callerAudio(callerMedia);
  await using call = await Call.start(bench, style, { offer });
  if (style === "use") {
    await call.caller.received("503 INVITE");
    await call.caller.finished();
    assertEquals(call.callee.messages(), [], "the INVITE reached the callee");
    return;
  }
  assertEquals((await call.callee.received("INVITE")).body, offer);
  await call.answer(calleeAudio(calleeMedia));
  assertEquals((await call.caller.received("200 INVITE")).body, calleeAudio(calleeMedia));
  await call.hangUp();
  assert(bench.accounted(call.id).length === 0, "a call without a relay was accounted for");
}
