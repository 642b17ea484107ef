/** The parameters of the module, under the names that OpenSIPS and Kamailio give them (PROTOCOL 2). @module */
import { quoted } from "../env/log.ts";
import type { IceCandidate } from "../sdp/mod.ts";

/** What the module is told. `MediaProxyConfig` of the configuration file is one. */
export interface MediaProxySettings {
  /** The functions change nothing, tell nobody, and return -1. */
  readonly disabled: boolean;
  /** Names of the AVPs that may hold the address that the signalling came from; the first with a value counts. */
  readonly signalingIpAvp: readonly string[];
  /** Names of the AVPs that may hold the address of the relay to prefer. */
  readonly mediaRelayAvp: readonly string[];
  /** Names of the AVPs that may hold what comes before `iceCandidate`. */
  readonly iceCandidateAvp: readonly string[];
  /** Names of the AVPs that may hold how the relay learns addresses in this call (`heuristic`, `strict`, `open`). */
  readonly learningAvp: readonly string[];
  /** Which candidate is added to streams that use ICE. */
  readonly iceCandidate: IceCandidate;
}

/** The defaults; AVPs under the names of today's manual, and of the old one. */
export const DEFAULT_SETTINGS: MediaProxySettings = {
  disabled: false,
  signalingIpAvp: ["mp_signaling_ip", "signaling_ip"],
  mediaRelayAvp: ["mp_media_relay", "media_relay"],
  iceCandidateAvp: ["mp_ice_candidate", "ice_candidate"],
  learningAvp: ["mp_learning"],
  iceCandidate: "none",
};

const AVP = /^(?:\$avp\((?:s:)?([\w.-]+)\)|([\w.-]+))$/;

/**
 * The name of an AVP, from the way in which a SIP server's script writes it: `$avp(name)`, `$avp(s:name)` or `name`.
 * @throws SyntaxError for anything else
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * assertEquals(parseAvpSpec("$avp(s:nat_ip)"), "nat_ip");
 * ```
 */
export function parseAvpSpec(text: string): string {
  const [, inner, bare] = AVP.exec(text.trim()) ?? [];
  const name = inner ?? bare;
  if (name === undefined) throw new SyntaxError(`Cannot parse ${quoted(text)} as $avp(name)`);
  return name;
}
