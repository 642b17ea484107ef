import { assert, assertAlmostEquals, assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { codecImpairment, meanOpinionScore, type Transmission, transmissionRating } from "./e_model.ts";

/** Of sums in another order. */
const ROUNDING = 1e-9;
const PERFECT: Transmission = { delayMs: 0, loss: 0, burstRatio: 1, codec: codecImpairment(0) };

Deno.test("meanOpinionScore() gives the table's scores (G.107 annex B, table B.1)", () => {
  for (const [rating, score] of [[90, 4.34], [80, 4.03], [70, 3.6], [60, 3.1], [50, 2.58]] as const) {
    assertAlmostEquals(meanOpinionScore(rating), score, 0.0065); // the table rounds up
  }
});

Deno.test("meanOpinionScore() stays between 1 and 4.5 (G.107 annex B)", () => {
  assertEquals([-1, 0, 6].map(meanOpinionScore), [1, 1, 1]);
  assertEquals([100, 120].map(meanOpinionScore), [4.5, 4.5]);
  assertAlmostEquals(meanOpinionScore(6.52), 1, 0.001);
});

Deno.test("transmissionRating() of a perfect call is the default, 93.2, a score of 4.41 (G.107 §7.7)", () => {
  assertEquals(transmissionRating(PERFECT), 93.2);
  assertAlmostEquals(meanOpinionScore(transmissionRating(PERFECT)), 4.41, 0.005);
});

Deno.test("transmissionRating() takes off a codec's impairment (G.113 appendix I)", () => {
  assertAlmostEquals(transmissionRating({ ...PERFECT, codec: codecImpairment(18) }), 82.2, 1e-9);
  assertAlmostEquals(transmissionRating({ ...PERFECT, codec: codecImpairment(4) }), 78.2, 1e-9);
});

Deno.test("transmissionRating() takes nothing off up to 100 ms, and what the formula says beyond (G.107 §7.4)", () => {
  assertEquals(transmissionRating({ ...PERFECT, delayMs: 100 }), 93.2);
  // at 200 ms: 25 (2^(1/6) - 3 (1 + 3^-6)^(1/6) + 2); at 400 ms: 25 (65^(1/6) - 3 (1 + (2/3)^6)^(1/6) + 2)
  assertAlmostEquals(transmissionRating({ ...PERFECT, delayMs: 200 }), 93.2 - 3.0449, 0.001);
  assertAlmostEquals(transmissionRating({ ...PERFECT, delayMs: 400 }), 93.2 - 24.07, 0.01);
});

Deno.test("transmissionRating() takes off for loss by the codec's robustness (G.107 §7.5)", () => {
  const loss = { ...PERFECT, loss: 0.02 };
  assertAlmostEquals(transmissionRating(loss), 93.2 - 95 * 2 / (2 + 25.1), 1e-9);
  assertAlmostEquals(
    transmissionRating({ ...loss, codec: codecImpairment(18) }),
    93.2 - (11 + 84 * 2 / (2 + 19)),
    1e-9,
  );
  assert(transmissionRating({ ...loss, burstRatio: 3 }) < transmissionRating(loss));
  assertEquals(transmissionRating({ ...PERFECT, loss: 1, delayMs: 1000 }), 0);
});

Deno.test("codecImpairment() says what it assumes of codecs without values of their own", () => {
  for (const payloadType of [9, 96, 111]) {
    assertEquals(codecImpairment(payloadType), { name: "assumed like G.711", ie: 0, bpl: 25.1 });
  }
  assertEquals(codecImpairment(8).name, "G.711");
});

Deno.test("transmissionRating() never improves with more loss or delay", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(
      share,
      share,
      fc.double({ min: 0, max: 2000, noNaN: true }),
      fc.integer({ min: 0, max: 127 }),
      (a, b, ms, type) => {
        const base = { ...PERFECT, delayMs: ms, codec: codecImpairment(type) };
        const [worse, better] = [Math.max(a, b), Math.min(a, b)].map((loss) => transmissionRating({ ...base, loss }));
        assert(worse! <= better! + ROUNDING && better! <= 93.2 + ROUNDING && worse! >= 0);
        assert(transmissionRating({ ...base, delayMs: ms + 10 }) <= transmissionRating(base) + ROUNDING);
      },
    ),
  );
});
