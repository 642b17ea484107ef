/**
 * What loss and delay do to speech: the E-model of ITU-T G.107, everything that is not known at its default value.
 *
 * R = 93.2 - Idd - Ie,eff, where 93.2 is R0 - Is with all defaults (G.107 §7.7, table 2), Idd the impairment by delay
 * with perfect echo cancellation (§7.4), and Ie,eff that by the codec and by lost packets (§7.5, with Ie and Bpl of G.113
 * appendix I). MOS follows from R (annex B).
 * @module
 */

/** How a codec sounds without loss, and how it bears loss. */
export interface CodecImpairment {
  /** Whose values they are. */
  readonly name: string;
  readonly ie: number;
  readonly bpl: number;
}

/** G.113 appendix I; G.711 with the packet loss concealment that phones have (G.711 appendix I). */
const G711: CodecImpairment = { name: "G.711", ie: 0, bpl: 25.1 };
const IMPAIRMENTS: ReadonlyMap<number, CodecImpairment> = new Map([
  [0, G711],
  [4, { name: "G.723.1", ie: 15, bpl: 16.1 }],
  [8, G711],
  [18, { name: "G.729A", ie: 11, bpl: 19 }],
]);
/** Wideband codecs (G.722, Opus) have no place on the narrowband scale, and of a dynamic payload type nothing is known. */
const ASSUMED: CodecImpairment = { ...G711, name: "assumed like G.711" };

/** The impairment of a payload type; that of G.711 where nothing better is known, which its name says then. */
export function codecImpairment(payloadType: number): CodecImpairment {
  return IMPAIRMENTS.get(payloadType) ?? ASSUMED;
}

/** R0 - Is with all other parameters at their defaults. */
const DEFAULT_R = 93.2;

export interface Transmission {
  /** From mouth to ear, one way. */
  readonly delayMs: number;
  /** 0 to 1. */
  readonly loss: number;
  /** Mean length of a run of lost packets beside that of random loss of the same share; 1 for random loss. */
  readonly burstRatio: number;
  readonly codec: CodecImpairment;
}

/** The transmission rating R, 0 to 93.2. */
export function transmissionRating({ delayMs, loss, burstRatio, codec }: Transmission): number {
  const lossPercent = loss * 100;
  const effective = codec.ie + (95 - codec.ie) * lossPercent / (lossPercent / Math.max(1, burstRatio) + codec.bpl);
  return Math.max(0, DEFAULT_R - delayImpairment(delayMs) - effective);
}

/** Idd (G.107 §7.4): nothing up to 100 ms. */
function delayImpairment(delayMs: number): number {
  if (delayMs <= 100) return 0;
  const x = Math.log2(delayMs / 100);
  return 25 * ((1 + x ** 6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2);
}

/**
 * The mean opinion score, 1 to 4.5, that a rating corresponds to (G.107 annex B).
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "../deps/assert.ts";
 *
 * assertAlmostEquals(meanOpinionScore(93.2), 4.41, 0.005);
 * ```
 */
export function meanOpinionScore(rating: number): number {
  if (rating <= 6.52) return 1; // below it the polynomial falls under 1
  if (rating >= 100) return 4.5;
  return 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6;
}
