/** Listeners for connections: TCP and TLS, and WebSocket with and without TLS (RFC 7118). @module */
import { ListenError } from "../../io/tls_server.ts";
import type { ListenPoint } from "../flow.ts";
import type { TransportContext } from "../handler.ts";
import type { Connections } from "./connections.ts";

/** A certificate chain and its key, in PEM. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A listener for connections. */
export interface StreamListener {
  /** Takes another certificate for connections to come. */
  useCertificate(certificate: ServerCertificate): Promise<void>;
  /** Resolves when the port is free. */
  close(): Promise<void>;
}

/** A peer that does not finish its TLS handshake in time is dropped. */
const HANDSHAKE_MS = 10_000;
const HANDSHAKES = 1000;
/** Of one address, so that others get in too. */
const HANDSHAKES_OF_ADDRESS = 100;

/** Listens with TCP or TLS. @throws ListenError */
export function listenStream(
  point: ListenPoint,
  certificate: ServerCertificate | undefined,
  connections: Connections,
  context: TransportContext,
): StreamListener {
  const open = (it: ServerCertificate | undefined) => {
    const listener = bind(point, it);
    const ended = accept(listener, point, connections, context);
    return {
      close() {
        listener.close();
        return ended;
      },
    };
  };
  let listener = open(certificate);
  return {
    async useCertificate(replacement) {
      if (point.transport !== "tls") return;
      await listener.close(); // a port has one listener; connections that are up do not notice
      try {
        listener = open(replacement);
      } catch (error) {
        listener = open(certificate);
        throw error;
      }
      certificate = replacement;
    },
    close: () => listener.close(),
  };
}

function bind({ transport, address, port }: ListenPoint, certificate: ServerCertificate | undefined): Deno.Listener {
  try {
    const where = { hostname: address, port };
    if (transport === "tcp") return Deno.listen(where);
    return Deno.listenTls({ ...where, ...needed(transport, certificate) });
  } catch (cause) {
    throw listenError(transport, address, port, cause as Error);
  }
}

function needed(transport: string, certificate: ServerCertificate | undefined): ServerCertificate {
  if (certificate === undefined) throw new ListenError(`Cannot listen with ${transport}: there is no certificate`);
  return certificate;
}

function listenError(transport: string, address: string, port: number, cause: Error): ListenError {
  if (cause instanceof ListenError) return cause;
  return new ListenError(`Cannot listen on ${transport} ${address} port ${port}: ${cause.message}`, { cause });
}

async function accept(
  listener: Deno.Listener,
  point: ListenPoint,
  connections: Connections,
  context: TransportContext,
): Promise<void> {
  const handshakes = new Handshakes();
  for (;;) {
    let conn: Deno.Conn;
    try {
      conn = await listener.accept();
    } catch (error) {
      if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return; // closed
      context.log.warning(
        `cannot accept a connection on ${point.transport} port ${point.port}: ${(error as Error).message}`,
      );
      await new Promise((resolve) => setTimeout(resolve, 100)); // out of descriptors, most likely
      continue;
    }
    const remote = conn.remoteAddr as Deno.NetAddr;
    if (!handshakes.hasRoom(remote.hostname)) {
      context.counters.refused++;
      conn.close();
      continue;
    }
    if (!connections.hasRoom(remote.hostname)) {
      conn.close();
      continue;
    }
    handshakes.begin(remote.hostname);
    secured(conn, point)
      .then((ready) => {
        if (!connections.acceptStream(ready, point, remote)) ready.close();
      })
      .catch((error: Error) =>
        context.log.debug(() => `TLS handshake failed: ${error.message}`, { peer: remote.hostname })
      )
      .finally(() => handshakes.end(remote.hostname));
  }
}

/** Connections of a listener whose handshake goes on. */
class Handshakes {
  #count = 0;
  readonly #ofAddress = new Map<string, number>();

  hasRoom(address: string): boolean {
    return this.#count < HANDSHAKES && (this.#ofAddress.get(address) ?? 0) < HANDSHAKES_OF_ADDRESS;
  }

  begin(address: string): void {
    this.#count++;
    this.#ofAddress.set(address, (this.#ofAddress.get(address) ?? 0) + 1);
  }

  end(address: string): void {
    this.#count--;
    const left = this.#ofAddress.get(address)! - 1;
    if (left === 0) this.#ofAddress.delete(address);
    else this.#ofAddress.set(address, left);
  }
}

/** The connection once its TLS handshake, if there is one, is done. */
async function secured(conn: Deno.Conn, { transport }: ListenPoint): Promise<Deno.Conn> {
  if (transport !== "tls") {
    (conn as Deno.TcpConn).setNoDelay(true);
    return conn;
  }
  const timer = setTimeout(() => conn.close(), HANDSHAKE_MS);
  try {
    await (conn as Deno.TlsConn).handshake();
    return conn;
  } finally {
    clearTimeout(timer);
  }
}

/** Listens for WebSockets with the subprotocol `sip`. @throws ListenError */
export function listenWebSocket(
  point: ListenPoint,
  certificate: ServerCertificate | undefined,
  connections: Connections,
): StreamListener {
  const open = (it: ServerCertificate | undefined) => serve(point, it, connections);
  let server = open(certificate);
  return {
    async useCertificate(replacement) {
      if (point.transport !== "wss") return;
      await server.close();
      try {
        server = open(replacement);
      } catch (error) {
        server = open(certificate);
        throw error;
      }
      certificate = replacement;
    },
    close: () => server.close(),
  };
}

function serve(
  point: ListenPoint,
  certificate: ServerCertificate | undefined,
  connections: Connections,
): { close(): Promise<void> } {
  const { transport, address, port } = point;
  const options = {
    hostname: address,
    port,
    onListen: () => {},
    ...transport === "wss" ? needed(transport, certificate) : {},
  };
  try {
    const server = Deno.serve(options, (request, { remoteAddr }) => {
      const protocols = request.headers.get("sec-websocket-protocol") ?? "";
      if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
        return new Response("This is a SIP server: connect with a WebSocket.\n", {
          status: 426,
          headers: { upgrade: "websocket" },
        });
      }
      if (!protocols.split(",").some((protocol) => protocol.trim().toLowerCase() === "sip")) {
        return new Response("The WebSocket must offer the subprotocol sip (RFC 7118).\n", { status: 400 });
      }
      const remote = remoteAddr as Deno.NetAddr;
      if (!connections.hasRoom(remote.hostname)) return new Response("Too many connections.\n", { status: 503 });
      const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "sip", idleTimeout: 60 });
      socket.onopen = () => connections.acceptWebSocket(socket, point, remote);
      return response;
    });
    return { close: () => server.shutdown() };
  } catch (cause) {
    throw listenError(transport, address, port, cause as Error);
  }
}
