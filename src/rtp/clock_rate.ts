/** How many RTP timestamp units a second has: by the payload type, or by what a sender's timestamps do. @module */

/** Static payload types (RFC 3551 §6) whose clock is not 8000 Hz; the unassigned ones have none. */
const STATIC_RATES: ReadonlyMap<number, number> = new Map([
  [6, 16_000],
  [10, 44_100],
  [11, 44_100],
  [14, 90_000],
  [16, 11_025],
  [17, 22_050],
]);
const FIRST_VIDEO = 24;
const FIRST_UNASSIGNED = 35;

/** Rates that payload formats have. */
const RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 90_000] as const;
/** A second is measured this well; 44,100 and 48,000 are 9 % apart. */
const TOLERANCE = 0.04;

/** The clock rate in Hz of a payload type; 0 if only the SDP would tell (a dynamic one). */
export function clockRate(payloadType: number): number {
  if (payloadType >= FIRST_UNASSIGNED || payloadType < 0) return 0;
  return STATIC_RATES.get(payloadType) ?? (payloadType >= FIRST_VIDEO ? 90_000 : 8_000);
}

/**
 * The clock rate in Hz of a sender whose timestamps have gone on by `units` in `durationMs`; 0 if that fits none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * assertEquals(inferredClockRate(48_300, 1003), 48_000);
 * assertEquals(inferredClockRate(0, 1000), 0); // an RFC 4733 event keeps its timestamp
 * ```
 */
export function inferredClockRate(units: number, durationMs: number): number {
  const measured = units / durationMs * 1000;
  return RATES.find((rate) => Math.abs(measured - rate) <= rate * TOLERANCE) ?? 0;
}
