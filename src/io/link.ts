/** A connection that carries lines between two programs, whether over TLS or plain TCP. @module */

/** Who is at the other end. */
export interface LinkPeer {
  /** Its IP address; IPv4-mapped addresses are shown as IPv4. */
  readonly hostname: string;
  readonly port: number;
  /** `hostname:port`, IPv6 in brackets. */
  readonly text: string;
  /** The CN of its certificate; empty without TLS. */
  readonly commonName: string;
}

/** Our end of the connection. */
export interface Link {
  readonly peer: LinkPeer;
  /** Queues text. What is queued in one turn of the event loop leaves in one write. Ignored once closed. */
  send(text: string): void;
  /** Ends the connection; what was sent leaves first. `closed` of the handler is told `reason`. Twice is harmless. */
  close(reason: string): void;
  /** Bytes that were sent and have not left yet. */
  readonly bufferedBytes: number;
}

/** What is done with what the connection brings. */
export interface LinkHandler {
  /** `chunk` is the handler's until it returns. */
  received(chunk: Uint8Array): void;
  /** Called exactly once, last. */
  closed(reason: string): void;
}

/** Called once a connection is up and its peer accepted. */
export type OnLink = (link: Link) => LinkHandler;
