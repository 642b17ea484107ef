/** All connections: found by their id, or by whom they lead to (RFC 3261 §18.1.1: those that are open are used again). @module */
import { canonicalAddress } from "../../control/media_header.ts";
import { chooseListenPoint } from "../listen_point.ts";
import { type Flow, isReliable, type ListenPoint, type Target, type Transport } from "../flow.ts";
import type { TransportContext } from "../handler.ts";
import { type ByteStream, connectTls } from "./byte_stream.ts";
import type { Connection, ConnectionOwner } from "./connection.ts";
import { StreamConnection } from "./stream_connection.ts";
import { type Framing, SipFraming } from "../framing.ts";
import { WebSocketFraming } from "../web_socket_framing.ts";

/** Limits and what TLS needs for connections that we open. */
export interface ConnectionOptions {
  readonly maxConnections: number;
  /** From one address; phones behind one NAT share it. */
  readonly maxPerAddress: number;
  /** A connection without any traffic is closed after so long. */
  readonly idleMs: number;
  readonly tlsCa: readonly string[] | undefined;
  readonly tlsVerifyPeer: boolean;
}

const CONNECT_MS = 5000;

interface Opening {
  readonly waiting: { readonly octets: string; readonly failed: (reason: string) => void }[];
}

/** See the module comment. */
export class Connections implements ConnectionOwner {
  readonly #context: TransportContext;
  readonly #options: ConnectionOptions;
  readonly #points: () => readonly ListenPoint[];
  readonly #byId = new Map<number, StreamConnection>();
  readonly #byPeer = new Map<string, Connection>();
  readonly #opening = new Map<string, Opening>();
  readonly #perAddress = new Map<string, number>();
  #lastId = 0;
  #closed = false;

  constructor(options: ConnectionOptions, context: TransportContext, points: () => readonly ListenPoint[]) {
    this.#options = options;
    this.#context = context;
    this.#points = points;
  }

  /** Takes a stream that a peer opened; `false` if there are too many. */
  acceptStream(stream: ByteStream, listenPoint: ListenPoint, remote: { hostname: string; port: number }): boolean {
    if (!this.#hasRoom(remote.hostname)) return false;
    const { transport } = listenPoint;
    const isWebSocket = transport === "ws" || transport === "wss";
    const framing = isWebSocket ? new WebSocketFraming() : new SipFraming();
    this.#run(this.#flow(transport, listenPoint, remote), stream, framing, !isWebSocket);
    return true;
  }

  /** Whether another connection from that address may be accepted; counted if not. */
  #hasRoom(hostname: string): boolean {
    const { maxConnections, maxPerAddress } = this.#options;
    const address = canonicalAddress(hostname) ?? hostname;
    if (this.#byId.size < maxConnections && (this.#perAddress.get(address) ?? 0) < maxPerAddress) return true;
    this.#context.counters.refused++;
    return false;
  }

  /** The same before a handshake. */
  hasRoom(hostname: string): boolean {
    return !this.#closed && this.#hasRoom(hostname);
  }

  #flow(transport: Transport, listenPoint: ListenPoint, remote: { hostname: string; port: number }): Flow {
    const address = canonicalAddress(remote.hostname) ?? remote.hostname;
    return { transport, listenPoint, address, port: remote.port, connectionId: ++this.#lastId };
  }

  #run(flow: Flow, stream: ByteStream, framing: Framing, isAwaited: boolean): Connection {
    const connection = new StreamConnection(flow, stream, this, this.#context, framing, isAwaited);
    this.#add(connection);
    connection.run();
    return connection;
  }

  #add(connection: StreamConnection): void {
    const { connectionId, address } = connection.flow;
    this.#byId.set(connectionId, connection);
    this.#byPeer.set(peerKey(connection.flow), connection);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    this.#context.counters.connections = this.#byId.size;
  }

  closed(connection: Connection, reason: string): void {
    const { flow } = connection;
    if (!this.#byId.delete(flow.connectionId)) return;
    if (this.#byPeer.get(peerKey(flow)) === connection) this.#byPeer.delete(peerKey(flow));
    const left = (this.#perAddress.get(flow.address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(flow.address);
    else this.#perAddress.set(flow.address, left);
    this.#context.counters.connections = this.#byId.size;
    this.#context.log.debug(() => `${flow.transport} connection closed: ${reason}`, { peer: flow.address });
    if (!this.#closed) this.#context.handler.connectionClosed(flow);
  }

  /** Sends over the connection that `target` names, else over one to the same peer, else over a new one. */
  send(octets: string, target: Target, failed: (reason: string) => void): void {
    const { connectionId = 0, onlyExisting = false, transport } = target;
    const connection = this.#byId.get(connectionId) ??
      (onlyExisting && connectionId !== 0 ? undefined : this.#byPeer.get(peerKey(target)));
    if (connection !== undefined) return connection.send(octets, failed);
    const opening = this.#opening.get(peerKey(target));
    if (opening !== undefined) return void opening.waiting.push({ octets, failed });
    if (onlyExisting || !isReliable(transport) || transport === "ws" || transport === "wss") {
      this.#context.counters.failed++;
      return queueMicrotask(() => failed("the connection is gone, and only the peer can open another"));
    }
    this.#open(octets, target, failed);
  }

  #open(octets: string, target: Target, failed: (reason: string) => void): void {
    const key = peerKey(target);
    const opening: Opening = { waiting: [{ octets, failed }] };
    this.#opening.set(key, opening);
    const listenPoint = chooseListenPoint(this.#points(), target);
    this.#connect(target).then((stream) => {
      this.#opening.delete(key);
      if (this.#closed || listenPoint === undefined) return stream.close();
      const flow = this.#flow(target.transport, listenPoint, { hostname: target.address, port: target.port });
      const connection = this.#run(flow, stream, new SipFraming(), false);
      for (const message of opening.waiting) connection.send(message.octets, message.failed);
    }).catch((error: Error) => {
      this.#opening.delete(key);
      this.#context.counters.failed += opening.waiting.length;
      for (const message of opening.waiting) message.failed(error.message);
    });
  }

  async #connect({ transport, address, port, serverName }: Target): Promise<ByteStream> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`not connected within ${CONNECT_MS / 1000} s`)), CONNECT_MS);
    const { tlsCa: ca, tlsVerifyPeer: verify } = this.#options;
    const connecting: Promise<ByteStream> = transport === "tls"
      ? connectTls({ address, port, serverName, ca, verify })
      : Deno.connect({ hostname: address, port }).then(withoutDelay);
    try {
      return await Promise.race([connecting, late]);
    } catch (error) {
      connecting.then((stream) => stream.close(), () => {});
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes what has been silent for too long, or is held up by its peer. */
  sweep(nowMs: number): void {
    for (const connection of this.#byId.values()) {
      if (nowMs - connection.activeAtMs > this.#options.idleMs) connection.close("no traffic");
      else connection.sweep(nowMs);
    }
  }

  /** Closes all. */
  close(): void {
    this.#closed = true;
    for (const connection of [...this.#byId.values()]) connection.close("the proxy stops");
  }
}

function withoutDelay(conn: Deno.TcpConn): Deno.TcpConn {
  conn.setNoDelay(true);
  return conn;
}

function peerKey({ transport, address, port }: Target): string {
  return `${transport} ${address} ${port}`;
}
