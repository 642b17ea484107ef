/** The `signaling_ip` header: where the SIP message came from, in its three forms (PROTOCOL 1). @module */
import * as v from "../deps/valibot.ts";
import { ControlSyntaxError } from "./errors.ts";
import { canonicalAddress } from "./media_header.ts";

export interface SignalingIp {
  /** Where the message came from. */
  readonly source: string;
  /** Where it goes next, if the SIP server said so. */
  readonly destination?: string;
  /** The account that the call is charged to, if the SIP server said so. */
  readonly username?: string;
}

const SignalingIpJson = v.object({
  signaling_ip: v.string(),
  destination_ip: v.optional(v.string()),
  username: v.optional(v.string()),
});

/**
 * Parses `192.0.2.1`, `192.0.2.1_198.51.100.2` (source and destination), or a JSON object with `signaling_ip`,
 * `destination_ip` and `username`.
 * @throws ControlSyntaxError for anything else.
 */
export function parseSignalingIp(value: string): SignalingIp {
  const refuse = (): never => {
    throw new ControlSyntaxError(`Cannot parse signaling_ip: ${JSON.stringify(value.slice(0, 80))} holds no address`);
  };
  if (value.startsWith("{")) {
    const { success, output } = v.safeParse(SignalingIpJson, parseJson(value));
    if (!success) return refuse();
    const source = canonicalAddress(output.signaling_ip) ?? refuse();
    const destination = output.destination_ip && (canonicalAddress(output.destination_ip) ?? refuse());
    return { source, ...destination && { destination }, ...output.username && { username: output.username } };
  }
  const [first = "", second, ...others] = value.split("_");
  const source = canonicalAddress(first) ?? refuse();
  if (second === undefined) return { source };
  const destination = canonicalAddress(second);
  return destination === undefined || others.length > 0 ? refuse() : { source, destination };
}

/** `undefined` for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller's schema refuses it, and says so
  }
}
