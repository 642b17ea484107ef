/** Servers for lines: TLS with client certificates, or plain TCP. @module */
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createSecureServer, type TLSSocket } from "node:tls";
import { bracketed } from "../control/media_header.ts";
import type { Logger } from "../env/log.ts";
import type { Passport } from "../tls/passport.ts";
import type { Credentials } from "./credentials.ts";
import type { OnLink } from "./link.ts";
import { judge, watch } from "./peer_check.ts";
import { createLink, peerOf } from "./socket_link.ts";

/** Where and how to listen. */
export interface ListenTcpOptions {
  readonly hostname: string;
  readonly port: number;
  readonly log: Logger;
}

export interface ListenTlsOptions extends ListenTcpOptions {
  readonly credentials: Credentials;
  readonly passport: Passport | undefined;
  /** How often peers that are connected are judged again. */
  readonly verifyIntervalMs: number;
}

/** A server that listens. */
export interface Listening {
  readonly port: number;
  /** Stops listening, and ends all connections. */
  close(): Promise<void>;
}

/** Nothing can listen there; the message says why. */
export class ListenError extends Error {
  override name = "ListenError";
}

const HANDSHAKE_MS = 10_000;
/** Far more than relays and operators; what comes on top is somebody who wants our descriptors. */
const MAX_CONNECTIONS = 4096;

/**
 * Listens for peers with certificates. Those that are refused are logged with the reason.
 * @throws ListenError
 */
export async function listenTls(options: ListenTlsOptions, onLink: OnLink): Promise<Listening> {
  const { credentials, log } = options;
  const server = createSecureServer({
    ...mutable(credentials),
    requestCert: true,
    rejectUnauthorized: false, // Credentials.refusal judges, and knows why
    handshakeTimeout: HANDSHAKE_MS,
    minVersion: "TLSv1.2",
  }, (socket) => acceptSecure(socket, options, onLink));
  server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
    // By now the TLS socket has forgotten its address; the TCP socket below it has not.
    const { _parent: below = socket } = socket as TLSSocket & { _parent?: Socket };
    log.warning(`TLS handshake failed: ${error.message}`, { peer: peerOf(below, "").text });
    socket.destroy();
  });
  const forget = credentials.onChange(() => server.setSecureContext(mutable(credentials)));
  const listening = await listen(server, options);
  return {
    port: listening.port,
    close() {
      forget();
      return listening.close();
    },
  };
}

function mutable({ material }: Credentials) {
  return { ca: [...material.ca], cert: material.cert, key: material.key };
}

function acceptSecure(socket: TLSSocket, options: ListenTlsOptions, onLink: OnLink): void {
  socket.on("error", () => {}); // the link hears of it too, if there is one
  const verdict = judge(socket, options);
  if (verdict.refusal !== undefined) {
    options.log.error(`connection refused: ${verdict.refusal}`, { peer: verdict.peer.text });
    socket.destroy();
    return;
  }
  watch(createLink(socket, verdict.peer, onLink), socket, options);
}

/**
 * Listens without TLS.
 * @throws ListenError
 */
export function listenTcp(options: ListenTcpOptions, onLink: OnLink): Promise<Listening> {
  return listen(createTcpServer((socket) => void createLink(socket, peerOf(socket, ""), onLink)), options);
}

function listen(server: Server, { hostname, port, log }: ListenTcpOptions): Promise<Listening> {
  const where = `${bracketed(hostname)}:${port}`;
  // Node's listen would throw where nobody can catch it.
  if (Deno.permissions.querySync({ name: "net", host: where }).state !== "granted") {
    return Promise.reject(
      new ListenError(
        `Cannot listen on ${where}: the permission set of deno.json does not allow it; give deno run --allow-net=${where} ` +
          "(it replaces that part of the set), or change the set",
      ),
    );
  }
  const sockets = new Set<Socket>();
  server.maxConnections = MAX_CONNECTIONS;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // garbage before or in the handshake
    socket.once("close", () => sockets.delete(socket));
  });
  return new Promise((resolve, reject) => {
    server.once("error", (cause: Error) => {
      reject(new ListenError(`Cannot listen on ${where}: ${cause.message}`, { cause }));
    });
    server.listen({ host: hostname, port }, () => {
      server.on("error", (error: Error) => log.error(`server on ${where}: ${error.message}`));
      resolve({
        port: (server.address() as { port: number }).port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}
