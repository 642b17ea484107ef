import { assertEquals } from "../../src/deps/assert.ts";
import { fc } from "../../src/deps/fast_check.ts";
import { portShares } from "./port_shares.ts";

Deno.test("portShares() divides a range among workers", () => {
  assertEquals(portShares({ start: 40000, end: 60000 }, 1), [{ start: 40000, end: 60000 }]);
  assertEquals(portShares({ start: 40000, end: 60000 }, 3), [
    { start: 40000, end: 46666 },
    { start: 46666, end: 53332 },
    { start: 53332, end: 60000 },
  ]);
});

Deno.test("portShares() makes fewer shares of few ports, so that each has room for large calls", () => {
  assertEquals(portShares({ start: 40000, end: 40100 }, 4), [{ start: 40000, end: 40100 }]);
  assertEquals(portShares({ start: 40000, end: 40300 }, 4).length, 2);
});

Deno.test("portShares() leaves no port out, and gives none to two workers", () => {
  const even = fc.integer({ min: 512, max: 32768 }).map((half) => half * 2);
  fc.assert(fc.property(even, even, fc.integer({ min: 1, max: 256 }), (a, b, workers) => {
    fc.pre(a !== b);
    const range = { start: Math.min(a, b), end: Math.max(a, b) };
    const shares = portShares(range, workers);
    assertEquals(shares[0]!.start, range.start);
    assertEquals(shares.at(-1)!.end, range.end);
    shares.forEach(({ start, end }, index) => {
      assertEquals([start % 2, end % 2, start < end], [0, 0, true]);
      if (index > 0) assertEquals(start, shares[index - 1]!.end);
    });
  }));
});
