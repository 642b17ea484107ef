/** The relay as an ICE candidate (RFC 8839 §5.1). @module */
import { ipaddr } from "../deps/ipaddr.ts";

/** Whether a candidate for the relay is added to streams that use ICE, and which rank it has among the others. */
export type IceCandidate = "none" | "low-priority" | "high-priority";

/** The values of {@linkcode IceCandidate}. */
export const ICE_CANDIDATES: readonly IceCandidate[] = ["none", "low-priority", "high-priority"];

/**
 * Above 126, that of host candidates (RFC 8445 §5.1.2.1), as in the original.
 *
 * Interop: Chromium goes by the lower priority of a pair (§6.1.2.3), and sees itself behind a relay as peer reflexive, so
 * that it prefers a direct way if there is one.
 */
const HIGH_TYPE_PREFERENCE = 130;
/** The greatest local preference, and component 1 (RFC 8445 §5.1.2.1). */
const RTP_PRIORITY = 2 ** 24 - 1;
/** RFC 8839 §5.1 allows a foundation 32 characters; an IPv6 address has 32 digits, and the R comes before. */
const MAX_FOUNDATION_DIGITS = 31;

/**
 * One a=candidate line, without its end.
 *
 * Deviation: raddr and rport, which RFC 8839 §5.1 wants for a relayed candidate, are the relay's own: what the other party
 * may know of the party behind it is in its own candidates.
 */
export function relayCandidate(
  address: string,
  port: number,
  component: 1 | 2,
  rank: Exclude<IceCandidate, "none">,
): string {
  const preference = rank === "high-priority" ? HIGH_TYPE_PREFERENCE : 0;
  const priority = preference * 2 ** 24 + RTP_PRIORITY - (component - 1);
  return `a=candidate:${
    foundation(address)
  } ${component} UDP ${priority} ${address} ${port} typ relay raddr ${address} ` +
    `rport ${port}`;
}

/**
 * The same for all candidates of one relay (RFC 8445 §5.1.1.3).
 *
 * Interop: the original prints an IPv4 address as a number of the machine's byte order, without zeros in front
 * (transcript use_ice: R100007f for 127.0.0.1).
 */
function foundation(address: string): string {
  const bytes = address.includes(":") ? ipaddr.parse(address).toByteArray() : address.split(".").map(Number).reverse();
  const digits = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `R${digits.replace(/^0+/, "").slice(-MAX_FOUNDATION_DIGITS)}`;
}
