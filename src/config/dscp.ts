/** Differentiated services code points by name (RFC 2474, RFC 2597, RFC 3246). @module */
import { quoted } from "../env/log.ts";

const MAX_DSCP = 63;

/**
 * `EF`, `CS0` to `CS7`, `AF11` to `AF43`, or a number from 0 to 63; `undefined` for `None` and nothing.
 * @throws SyntaxError
 */
export function parseDscp(text: string): number | undefined {
  const name = text.trim().toUpperCase();
  if (name === "" || name === "NONE") return undefined;
  if (name === "EF") return 46;
  const selector = /^CS([0-7])$/.exec(name);
  if (selector !== null) return 8 * Number(selector[1]);
  const assured = /^AF([1-4])([1-3])$/.exec(name);
  if (assured !== null) return 8 * Number(assured[1]) + 2 * Number(assured[2]);
  const value = /^\d{1,2}$/.test(name) ? Number(name) : NaN;
  if (value <= MAX_DSCP) return value;
  throw new SyntaxError(`${quoted(text)} is not EF, CS0 to CS7, AF11 to AF43, None or a number from 0 to 63`);
}
