/** Where SIP messages come from and go to: listen points, flows, targets (RFC 3261 §18, RFC 5626 §3). @module */

/** How SIP travels; the lower-case form of what a Via names (RFC 3261 §20.42, RFC 7118 §4). */
export type Transport = "udp" | "tcp" | "tls" | "ws" | "wss";

/** An address that we listen on. There is one object for each, and it is compared by identity. */
export interface ListenPoint {
  readonly transport: Transport;
  /** The address bound, a literal without brackets: `0.0.0.0`, `::`, `192.0.2.1`. */
  readonly address: string;
  readonly port: number;
  readonly family: "IPv4" | "IPv6";
  /** What Via and Record-Route say: an address or a name, IPv6 without brackets. */
  readonly advertisedHost: string;
  readonly advertisedPort: number;
}

/** The way that a message came: a UDP peer as seen by one of our sockets, or a connection. */
export interface Flow {
  readonly transport: Transport;
  /** The listen point of the same transport that received it; for connections that we opened, the one that Via named. */
  readonly listenPoint: ListenPoint;
  /** The peer's address, canonical, without brackets. */
  readonly address: string;
  readonly port: number;
  /** Names a connection for as long as the process runs; 0 for UDP. */
  readonly connectionId: number;
}

/** Where to send a message. A {@linkcode Flow} is one: it leads back to whoever sent the message. */
export interface Target {
  readonly transport: Transport;
  /** A literal, canonical, without brackets. */
  readonly address: string;
  readonly port: number;
  /** The socket to send from, or whose address a new connection speaks for; the first that fits if it is not named. */
  readonly listenPoint?: ListenPoint;
  /** The connection to use as long as it lives; 0 or absent: any to that address and port, else a new one. */
  readonly connectionId?: number;
  /** The connection must be the one named: a phone behind a NAT cannot be called back (RFC 5626 §5.3). */
  readonly onlyExisting?: boolean;
  /** The name that the certificate of a TLS peer must carry; the address if absent. */
  readonly serverName?: string;
}

/** What the layers above send through. */
export interface SipTransport {
  readonly listenPoints: readonly ListenPoint[];
  /** The listen point that a message to `target` leaves from; `undefined` if none has its transport and family. */
  listenPointFor(target: Target): ListenPoint | undefined;
  /**
   * Sends a message, one character for each byte. `failed` is called at most once, later, if it is known not to have
   * left: no such connection, connection refused, no route.
   */
  send(text: string, target: Target, failed: (reason: string) => void): void;
}

/** Whether what a transport carries arrives, or an error is seen: all but UDP. */
export function isReliable(transport: Transport): boolean {
  return transport !== "udp";
}

/** Whether a transport runs over TLS, as sips: wants (RFC 3261 §26.2.2). */
export function isSecure(transport: Transport): boolean {
  return transport === "tls" || transport === "wss";
}

/** 5060, 5061 (RFC 3261 §19.1.2), 80, 443 (RFC 7118 §5). */
export function defaultPort(transport: Transport): number {
  return DEFAULT_PORTS[transport];
}

const DEFAULT_PORTS: Readonly<Record<Transport, number>> = { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 };
