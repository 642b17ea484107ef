/**
 * Listeners for connections: TCP and TLS, and WebSocket with and without TLS (RFC 7118). Not `Deno.serve`: it lets anybody
 * hold as many connections as he likes, for as long as he likes, without a request.
 * @module
 */
import { ListenError } from "../../io/tls_server.ts";
import { decodeOctets, encodeOctets } from "../../sip/octets.ts";
import { isSecure, type ListenPoint } from "../flow.ts";
import type { TransportContext } from "../handler.ts";
import { answerHandshake, MAX_HANDSHAKE_BYTES } from "../web_socket_handshake.ts";
import type { ByteStream } from "./byte_stream.ts";
import type { Connections } from "./connections.ts";
import { listenSecure, type ServerCertificate } from "./secure_listener.ts";

export type { ServerCertificate } from "./secure_listener.ts";

/** A listener for connections. */
export interface StreamListener {
  /** Takes another certificate for connections to come. */
  useCertificate(certificate: ServerCertificate): void;
  /** Resolves when the port is free, once the connections are closed too. */
  close(): Promise<void>;
}

interface Remote {
  readonly hostname: string;
  readonly port: number;
}

/** A peer that does not finish its handshake in time is dropped. */
const HANDSHAKE_MS = 10_000;
const HANDSHAKES = 1000;
/** Of one address, so that others get in too. */
const HANDSHAKES_OF_ADDRESS = 100;

/** Listens for connections of any kind. Rejects with a {@linkcode ListenError}. */
export function listenStream(
  point: ListenPoint,
  certificate: ServerCertificate | undefined,
  connections: Connections,
  context: TransportContext,
): Promise<StreamListener> {
  const entrance = new Entrance(point, connections, context);
  if (!isSecure(point.transport)) return Promise.resolve(listenPlain(point, entrance));
  if (certificate === undefined) {
    return Promise.reject(new ListenError(`Cannot listen with ${point.transport}: there is no certificate`));
  }
  return listenSecure(point, certificate, {
    handshakeMs: HANDSHAKE_MS,
    admits: (address) => entrance.admits(address),
    finished: (address) => entrance.finished(address),
    accept: (stream, remote) => void entrance.accept(stream, remote),
    failed: (reason) => context.log.debug(() => `TLS handshake failed: ${reason}`),
  });
}

/** @throws ListenError */
function listenPlain({ transport, address, port }: ListenPoint, entrance: Entrance): StreamListener {
  let listener: Deno.TcpListener;
  try {
    listener = Deno.listen({ hostname: address, port });
  } catch (cause) {
    throw new ListenError(`Cannot listen on ${transport} ${address} port ${port}: ${(cause as Error).message}`, {
      cause,
    });
  }
  const ended = entrance.acceptAll(listener);
  return {
    useCertificate() {},
    close() {
      listener.close();
      return ended;
    },
  };
}

/** The way in of one listener: who may connect, and what he has to say first. */
class Entrance {
  readonly #point: ListenPoint;
  readonly #connections: Connections;
  readonly #context: TransportContext;
  /** Handshakes that go on, and of each address. */
  #count = 0;
  readonly #ofAddress = new Map<string, number>();

  constructor(point: ListenPoint, connections: Connections, context: TransportContext) {
    this.#point = point;
    this.#connections = connections;
    this.#context = context;
  }

  /** Whether a peer may begin a handshake; then `finished` is to be called once. */
  admits(address: string): boolean {
    const ofAddress = this.#ofAddress.get(address) ?? 0;
    if (this.#count >= HANDSHAKES || ofAddress >= HANDSHAKES_OF_ADDRESS) {
      this.#context.counters.refused++;
      return false;
    }
    if (!this.#connections.hasRoom(address)) return false;
    this.#count++;
    this.#ofAddress.set(address, ofAddress + 1);
    return true;
  }

  finished(address: string): void {
    this.#count--;
    const left = this.#ofAddress.get(address)! - 1;
    if (left === 0) this.#ofAddress.delete(address);
    else this.#ofAddress.set(address, left);
  }

  async acceptAll(listener: Deno.TcpListener): Promise<void> {
    const { transport, port } = this.#point;
    for (;;) {
      let conn: Deno.TcpConn;
      try {
        conn = await listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return; // closed
        this.#context.log.warning(
          `cannot accept a connection on ${transport} port ${port}: ${(error as Error).message}`,
        );
        await new Promise((resolve) => setTimeout(resolve, 100)); // out of descriptors, most likely
        continue;
      }
      const { hostname } = conn.remoteAddr;
      if (!this.admits(hostname)) {
        conn.close();
        continue;
      }
      conn.setNoDelay(true);
      this.accept(conn, conn.remoteAddr).finally(() => this.finished(hostname));
    }
  }

  /** Takes a connection, after the handshake of a WebSocket if it is one. Never rejects. */
  async accept(stream: ByteStream, remote: Remote): Promise<void> {
    const { transport } = this.#point;
    const timer = setTimeout(() => closeQuietly(stream), HANDSHAKE_MS);
    try {
      if (transport === "ws" || transport === "wss") await upgrade(stream);
      if (!this.#connections.acceptStream(stream, this.#point, remote)) stream.close();
    } catch (error) {
      closeQuietly(stream);
      this.#context.log.debug(() => `WebSocket handshake failed: ${(error as Error).message}`, {
        peer: remote.hostname,
      });
    } finally {
      clearTimeout(timer);
    }
  }
}

function closeQuietly(stream: ByteStream): void {
  try {
    stream.close();
  } catch {
    // closed already
  }
}

/** Reads the HTTP request that begins a WebSocket, and answers it. @throws Error if it is none */
async function upgrade(stream: ByteStream): Promise<void> {
  const buffer = new Uint8Array(MAX_HANDSHAKE_BYTES);
  let length = 0;
  let head = "";
  while (!head.endsWith("\r\n\r\n") && length < buffer.length) {
    const count = await stream.read(buffer.subarray(length));
    if (count === null) throw new Error("the peer closed it");
    length += count;
    head = decodeOctets(buffer.subarray(0, length));
  }
  const { isAccepted, response } = answerHandshake(head.endsWith("\r\n\r\n") ? head : "");
  const bytes = encodeOctets(response);
  for (let offset = 0; offset < bytes.length;) offset += await stream.write(bytes.subarray(offset));
  if (!isAccepted) throw new Error(response.split("\r\n", 1)[0]!);
}
