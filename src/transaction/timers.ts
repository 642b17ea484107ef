/** The timers' values (RFC 3261 §17, table 4; RFC 6026 §8). @module */

/** Durations of the transaction machines, in milliseconds. */
export interface Timers {
  /** An estimate of the round trip; what is sent again waits this long first. Default 500. */
  readonly t1Ms: number;
  /** The longest wait between two retransmissions, INVITE apart. Default 4000. */
  readonly t2Ms: number;
  /** The longest that a message stays in the network. Default 5000. */
  readonly t4Ms: number;
  /** Timer D over UDP: at least 32 s, as the server repeats a final response for 64*T1 of its own. Default 32000. */
  readonly timerDMs: number;
  /** An INVITE is answered 100 if its user has not responded for so long. RFC 3261 allows 200; default 0: at once. */
  readonly sendTryingAfterMs: number;
  /**
   * A transaction ends that waits for its user or, after a provisional response, for its peer, and has heard nothing for
   * so long. No RFC has it: timer C and the users see to that; it bounds what a fault of theirs costs. Default 600000.
   */
  readonly abandonAfterMs: number;
}

/** The values that RFC 3261 recommends. */
export const DEFAULT_TIMERS: Timers = {
  t1Ms: 500,
  t2Ms: 4000,
  t4Ms: 5000,
  timerDMs: 32_000,
  sendTryingAfterMs: 0,
  abandonAfterMs: 600_000,
};

/** Timers B, F, H, L and M, J over UDP, and the wait after a CANCEL: 64*T1. */
export function transactionTimeoutMs(timers: Timers): number {
  return 64 * timers.t1Ms;
}
