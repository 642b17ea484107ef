/** Comparing what nobody may guess piece by piece. @module */
import { timingSafeEqual } from "../deps/hash.ts";
import { encodeOctets } from "../sip/octets.ts";

/** Whether two octet strings are the same, in a time that depends on their lengths only. */
export function isSameSecret(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(encodeOctets(one), encodeOctets(other));
}
