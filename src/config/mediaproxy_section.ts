/** `[MediaProxy]`: the parameters of OpenSIPS's and Kamailio's mediaproxy module, under the names that they have there. @module */

import { quoted } from "../env/log.ts";
import { suggestion } from "./nearest.ts";
import { key, section } from "./section.ts";
import { parseBoolean, parsePath, parseWholeNumber } from "./values.ts";

/** Which candidate is added to SDP that offers ICE: none, or one that is tried last or first. */
export type IceCandidateChoice = "none" | "low-priority" | "high-priority";

const ICE_CANDIDATES: readonly IceCandidateChoice[] = ["none", "low-priority", "high-priority"];

/** A caller waits for no longer than this, whatever the dispatcher does. */
const MAX_TIMEOUT_MS = 60_000;

/** What the proxy's mediaproxy module is told. */
export interface MediaProxyConfig {
  /** The module's functions do nothing. */
  readonly disabled: boolean;
  /** The dispatcher's socket; relative to the runtime directory. */
  readonly socketPath: string;
  /** How long the dispatcher may take to answer; 1 to 60000. */
  readonly timeoutMs: number;
  /** Names, without `$avp()`, of the variables with the signaling address; the first that has a value counts. */
  readonly signalingIpAvp: readonly string[];
  /** The same for the relay to prefer. */
  readonly mediaRelayAvp: readonly string[];
  /** What is added unless a variable says otherwise. */
  readonly iceCandidate: IceCandidateChoice;
  /** Names of the variables with a call's own choice of candidate. */
  readonly iceCandidateAvp: readonly string[];
  /** Names of the variables with the way in which the relay learns addresses in a call. */
  readonly learningAvp: readonly string[];
}

export const MEDIAPROXY_SECTION = section(
  {
    disable: key("no", parseBoolean),
    mediaproxy_socket: key("dispatcher.sock", parsePath),
    mediaproxy_timeout: key("500", parseTimeout),
    signaling_ip_avp: key("$avp(mp_signaling_ip), $avp(signaling_ip)", parseAvpNames),
    media_relay_avp: key("$avp(mp_media_relay), $avp(media_relay)", parseAvpNames),
    ice_candidate: key("none", parseIceCandidate),
    ice_candidate_avp: key("$avp(mp_ice_candidate), $avp(ice_candidate)", parseAvpNames),
    learning_avp: key("$avp(mp_learning)", parseAvpNames),
  },
  (values): MediaProxyConfig => ({
    disabled: values.disable,
    socketPath: values.mediaproxy_socket,
    timeoutMs: values.mediaproxy_timeout,
    signalingIpAvp: values.signaling_ip_avp,
    mediaRelayAvp: values.media_relay_avp,
    iceCandidate: values.ice_candidate,
    iceCandidateAvp: values.ice_candidate_avp,
    learningAvp: values.learning_avp,
  }),
);

/** Milliseconds, as in the original; the other sections have seconds. */
function parseTimeout(text: string): number {
  return parseWholeNumber(text, 1, MAX_TIMEOUT_MS, "a whole number of milliseconds");
}

function parseIceCandidate(text: string): IceCandidateChoice {
  const choice = ICE_CANDIDATES.find((candidate) => candidate === text.toLowerCase());
  if (choice === undefined) {
    const hint = suggestion(text, ICE_CANDIDATES);
    throw new SyntaxError(`${quoted(text)} is not none, low-priority or high-priority${hint}`);
  }
  return choice;
}

/** Names of variables: `$avp(name)`, Kamailio's and old OpenSIPS's `$avp(s:name)`, or the bare name. At least one. */
function parseAvpNames(text: string): string[] {
  const names = text.split(",").map((entry) => {
    const [, inner, bare] = /^\s*(?:\$avp\((?:s:)?([\w.-]+)\)|([\w.-]+))\s*$/.exec(entry) ?? [];
    const name = inner ?? bare;
    if (name === undefined) {
      throw new SyntaxError(`${quoted(entry.trim())} is not $avp(name), with letters, digits, _, - and . in the name`);
    }
    return name;
  });
  return [...new Set(names)];
}
