/** A connection that carries SIP: TCP, TLS, WebSocket (RFC 3261 §18, RFC 7118). @module */
import type { Flow } from "../flow.ts";

/** One connection, opened by either side. */
export interface Connection {
  /** Leads back to the peer over this connection. */
  readonly flow: Flow;
  /** Sends one message. `failed` is called, later, if it is known not to have left. */
  send(octets: string, failed: (reason: string) => void): void;
  /** Ends it. Twice is harmless. */
  close(reason: string): void;
}

/** What the owner of connections is told. */
export interface ConnectionOwner {
  closed(connection: Connection, reason: string): void;
}

/** A peer that does not read gets no more than this. */
export const MAX_BUFFERED_BYTES = 1024 * 1024;
