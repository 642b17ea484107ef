/** Names of codecs as the original's statistics spell them, which accounting systems know. @module */

/** Static payload types (RFC 3551 §6). */
const STATIC_NAMES: ReadonlyMap<number, string> = new Map([
  [0, "G711u"],
  [1, "1016"],
  [2, "G721"],
  [3, "GSM"],
  [4, "G723"],
  [5, "DVI4"],
  [6, "DVI4"],
  [7, "LPC"],
  [8, "G711a"],
  [9, "G722"],
  [10, "L16"],
  [11, "L16"],
  [14, "MPA"],
  [15, "G728"],
  [18, "G729"],
  [25, "CelB"],
  [26, "JPEG"],
  [28, "nv"],
  [31, "H261"],
  [32, "MPV"],
  [33, "MP2T"],
  [34, "H263"],
]);

/** The name for an RTP payload type, 0 to 127; a negative number means that no packet has come yet. */
export function codecName(payloadType: number): string {
  if (payloadType < 0) return "Unknown";
  if (payloadType > 95) return `Dynamic(${payloadType})`;
  return STATIC_NAMES.get(payloadType) ?? `Unknown(${payloadType})`;
}
