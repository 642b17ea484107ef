import { assertEquals } from "../src/deps/assert.ts";
import { RecentSessions } from "./recent_sessions.ts";
import type { Session } from "./session.ts";

/** So many sessions, which ended one after the other. */
function ended(count: number): RecentSessions {
  const recent = new RecentSessions();
  for (let index = 0; index < count; index++) recent.add({ callId: `call-${index}` } as Session, index);
  return recent;
}

Deno.test("RecentSessions.find() finds the sessions that fit, the latest first", () => {
  const found = ended(12).find((callId) => callId.startsWith("call-1"));
  assertEquals(found.map(({ session, endedAtMs }) => [session.callId, endedAtMs]), [
    ["call-11", 11],
    ["call-10", 10],
    ["call-1", 1],
  ]);
});

for (const count of [50, 51, 125]) {
  Deno.test(`RecentSessions keeps the latest 50 of ${count}`, () => {
    const kept = ended(count).find(() => true).map(({ endedAtMs }) => endedAtMs);
    assertEquals(kept, Array.from({ length: 50 }, (_, index) => count - 1 - index));
  });
}
