/** Why no server is found. @module */

/**
 * - `unknown-host`: the name has no address, or offers no SIP.
 * - `unsupported`: the transport is not known, not secure although the URI is, or not one that we listen on for the
 *   address's family.
 * - `dns-failure`: the DNS did not answer; another time it may.
 */
export type NotLocatedReason = "unknown-host" | "unsupported" | "dns-failure";

const STATUS_HINTS: Readonly<Record<NotLocatedReason, number>> = {
  "unknown-host": 404,
  "unsupported": 500,
  "dns-failure": 504,
};

/** A URI leads to no server that we can reach. */
export class NotLocatedError extends Error {
  override name = "NotLocatedError";
  readonly reason: NotLocatedReason;
  /** The status that answers the request: 404, 500 or 504. */
  readonly statusHint: number;

  constructor(reason: NotLocatedReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.statusHint = STATUS_HINTS[reason];
  }
}
