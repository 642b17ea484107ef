import { assertEquals } from "../deps/assert.ts";
import { FailureLimit } from "./failure_limit.ts";

function limit(maxEntries = 10): FailureLimit {
  return new FailureLimit({ maxFailures: 3, windowMs: 60, blockMs: 60, maxBlockMs: 200, maxEntries });
}

Deno.test("FailureLimit shuts out who fails too often within the window, and nobody else", () => {
  const failures = limit();
  assertEquals([1, 2, 3].map((nowMs) => failures.fail("a", nowMs)), [false, false, true]);
  assertEquals([failures.isBlocked("a", 62), failures.isBlocked("a", 63), failures.isBlocked("b", 3)], [
    true,
    false,
    false,
  ]);
});

Deno.test("FailureLimit lets who fails now and then alone", () => {
  const failures = limit();
  for (let nowMs = 0; nowMs < 1000; nowMs += 31) assertEquals(failures.fail("a", nowMs), false);
});

Deno.test("FailureLimit shuts out for twice as long each time, up to a limit, and forgets in time", () => {
  const failures = limit();
  const blockFor = (nowMs: number) => {
    for (let count = 0; count < 3; count++) failures.fail("a", nowMs);
    let durationMs = 0;
    while (failures.isBlocked("a", nowMs + durationMs)) durationMs++;
    return durationMs;
  };
  assertEquals([blockFor(0), blockFor(100), blockFor(300), blockFor(600)], [60, 120, 200, 200]);
  assertEquals(blockFor(800 + 200), 60);
});

Deno.test("FailureLimit remembers so many and no more, and forgives", () => {
  const failures = limit(2);
  for (const who of ["a", "a", "a", "b", "c"]) failures.fail(who, 0);
  assertEquals([failures.size, failures.isBlocked("a", 1)], [2, false]);
  failures.fail("b", 0);
  failures.forgive("b");
  assertEquals([1, 2].map((nowMs) => failures.fail("b", nowMs)), [false, false]);
});
