/** Branches of our Via, which name transactions (RFC 3261 §8.1.1.7). @module */
import type { RandomSource } from "../env/random.ts";
import type { SipRequest } from "../sip/message.ts";
import { serializeVia } from "../sip/via.ts";

/** With it begins every branch that is unique in space and time. */
export const BRANCH_COOKIE = "z9hG4bK";

/** Whether a branch names one transaction: the cookie alone does not (RFC 4475 §3.2.1). */
export function isUnique(branch: string): boolean {
  return branch.length > BRANCH_COOKIE.length && branch.startsWith(BRANCH_COOKIE);
}

const RANDOM_BYTES = 12;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** A branch that nobody can guess: 12 random bytes in hexadecimal, and ".suffix" where loops are to be seen (§16.6). */
export function createBranch(random: RandomSource, suffix?: string): string {
  const bytes = random.fill(new Uint8Array(RANDOM_BYTES));
  let branch = BRANCH_COOKIE;
  for (let index = 0; index < RANDOM_BYTES; index++) branch += HEX[bytes[index]!]!;
  return suffix === undefined ? branch : `${branch}.${suffix}`;
}

/**
 * The branch for a request that is forwarded without a transaction: the same when it comes again (RFC 3261 §16.11).
 * `request` still has the Via of the hop before as its first.
 */
export function stableBranch(request: SipRequest): string {
  return `${BRANCH_COOKIE}s${requestHash(request)}`;
}

/**
 * 16 hexadecimal digits that are the same when the request comes again, and for the ACK of a final response to it that
 * is not a 2xx; no secret. Of the request only the topmost Via has to be readable.
 */
export function requestHash(request: SipRequest): string {
  const branch = request.topVia.params.get("branch") ?? "";
  if (isUnique(branch)) return hash64(`${branch} ${serializeSentBy(request)}`);
  const sequence = /^\d*/.exec(request.header("cseq") ?? "")![0];
  const ids = `${request.header("call-id")} ${sequence} ${request.header("from")} ${request.requestUri}`;
  return hash64(`${serializeVia(request.topVia)} ${ids}`);
}

function serializeSentBy(request: SipRequest): string {
  const { host, port } = request.topVia;
  return `${host}:${port ?? ""}`;
}

/** FNV-1a, twice from different starts. */
function hash64(text: string): string {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x01000193) ^ (high >>> 15);
  }
  return hex32(low) + hex32(high);
}

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
