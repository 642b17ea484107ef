/**
 * The signature in our Record-Route. Whoever is in a call comes back by the route that we recorded for it, and is relayed
 * wherever the call is; without a signature anybody could write that route himself, and be relayed like a party to a call.
 *
 * ```text
 * sig = first 8 bytes of HMAC-SHA-256(key, Call-ID), hex
 * ```
 * It needs no memory, and holds after a restart as long as the key is kept. It does not bind the other party's address,
 * which may change within a call: who has a call through us may send any request with that Call-ID.
 * @module
 */
import { isSameSecret } from "../registrar/same_secret.ts";
import { HmacSha256 } from "../sip/hmac.ts";

/** The URI parameter that holds it. */
export const SIGNATURE_PARAMETER = "sig";

const SIGNATURE_DIGITS = 16;
/** An HMAC takes some 4 us (Deno 2.9.6), and the ACK comes soon after the INVITE: so many of the last are remembered. */
const MAX_REMEMBERED = 4096;

/** See the module comment. */
export class RouteSignature {
  readonly #hmac: HmacSha256;
  readonly #remembered = new Map<string, string>();

  /** 32 bytes that nobody else knows. */
  constructor(key: Uint8Array) {
    this.#hmac = new HmacSha256(key);
  }

  /** The parameter of a route recorded in the call of that Call-ID: `;sig=0123456789abcdef`. */
  parameterFor(callId: string): string {
    return `;${SIGNATURE_PARAMETER}=${this.#of(callId)}`;
  }

  /** Whether `signature` is ours for that Call-ID. */
  isGenuine(signature: string | undefined, callId: string): boolean {
    return signature?.length === SIGNATURE_DIGITS && isSameSecret(signature, this.#of(callId));
  }

  #of(callId: string): string {
    const known = this.#remembered.get(callId);
    if (known !== undefined) return known;
    const signature = this.#hmac.hex(callId).slice(0, SIGNATURE_DIGITS);
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!);
    this.#remembered.set(callId, signature);
    return signature;
  }
}
