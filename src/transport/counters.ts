/** What transports have counted. @module */

/** Numbers that only grow, but for `connections`. */
export interface TransportCounters {
  received: number;
  sent: number;
  /** Neither SIP nor a keepalive. */
  malformed: number;
  /** CRLF, STUN and empty datagrams. */
  keepalives: number;
  /** Messages that could not be sent. */
  failed: number;
  /** Messages that waited behind too many others. */
  overflowed: number;
  /** Connections that were not accepted, because there were too many. */
  refused: number;
  /** Connections whose peer did not finish a message, or did not read. */
  stalled: number;
  /** Connections that are open. */
  connections: number;
}

/** Counters at zero. */
export function newTransportCounters(): TransportCounters {
  return {
    received: 0,
    sent: 0,
    malformed: 0,
    keepalives: 0,
    failed: 0,
    overflowed: 0,
    refused: 0,
    stalled: 0,
    connections: 0,
  };
}
