import { assertEquals } from "../../src/deps/assert.ts";
import { RecordingLogger } from "../../tests/support/fakes.ts";
import { Admission } from "./admission.ts";

function admission(maxSessions: number, maxNewSessionsPerSecond: number) {
  const log = new RecordingLogger();
  const made = new Admission({ maxSessions, maxNewSessionsPerSecond }, log, 0);
  const admits = (nowMs: number, sessions = 0) => made.admits(sessions, nowMs, { callId: "c1" });
  return { made, log, admits };
}

Deno.test("Admission.admits() has no limits with 0", () => {
  const { made, admits } = admission(0, 0);
  for (let call = 0; call < 10_000; call++) assertEquals(admits(0, call), true);
  assertEquals(made.refused, { max_sessions: 0, max_new_sessions_per_second: 0 });
});

Deno.test("Admission.admits() takes a second's worth at once, and then as many as the rate allows", () => {
  const { made, admits } = admission(0, 4);
  assertEquals([0, 0, 0, 0, 0].map((nowMs) => admits(nowMs)), [true, true, true, true, false]);
  assertEquals([249, 250, 250, 499, 500].map((nowMs) => admits(nowMs)), [false, true, false, false, true]);
  assertEquals([9000, 9000, 9000, 9000, 9000].map((nowMs) => admits(nowMs)), [true, true, true, true, false]);
  assertEquals(made.refused.max_new_sessions_per_second, 5);
});

Deno.test("Admission.admits() says one line in ten seconds for each reason, with the number of those left unsaid", () => {
  const { made, log, admits } = admission(1, 0);
  for (const nowMs of [0, 1, 9999, 10_000, 10_001]) assertEquals(admits(nowMs, 1), false);
  assertEquals(log.messages("warning"), [
    "refusing a new session: 1 sessions are up (max_sessions)",
    "refusing a new session: 1 sessions are up (max_sessions); 2 others were refused since this was last said",
  ]);
  assertEquals(log.lines[0]!.fields, { callId: "c1" });
  assertEquals(made.refused.max_sessions, 5);
});
