/**
 * Max-Breadth (RFC 5393 §5): how many copies of a request may be on their way at once, in all branches of all proxies
 * together. Max-Forwards bounds how deep a request goes; without a bound to its breadth a few proxies that fork to each
 * other make 2^70 requests of one.
 *
 * Deviation: from §5.3.1, where every request gets the header: an ACK, which nobody forks, goes without.
 * @module
 */
import type { SipRequest } from "../sip/message.ts";

/** Of a request that does not say (§5.3.1). */
const DEFAULT_BREADTH = 60;
const DIGITS = /^\d{1,9}$/;

/** How many copies of `request` may be on their way at once. What is no number counts as absent. */
export function breadthOf(request: SipRequest): number {
  const text = request.header("max-breadth");
  return text !== undefined && DIGITS.test(text) ? Number(text) : DEFAULT_BREADTH;
}

/**
 * Destinations that would go at once, in parts that may: when one part has failed, the next is tried (§5.3.3.1). Each copy
 * of a part gets an equal share.
 */
export function splitByBreadth<T>(
  destinations: readonly T[],
  breadth: number,
): { readonly part: readonly T[]; readonly share: number }[] {
  const parts: { part: readonly T[]; share: number }[] = [];
  for (let index = 0; index < destinations.length; index += breadth) {
    const part = destinations.slice(index, index + breadth);
    parts.push({ part, share: Math.floor(breadth / part.length) });
  }
  return parts;
}
