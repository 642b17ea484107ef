/** Connections that we open for lines: TLS with our certificate, or plain TCP. @module */
import { connect as connectSocket, type Socket } from "node:net";
import { connect as connectSecure, type TLSSocket } from "node:tls";
import type { Logger } from "../env/log.ts";
import type { Link, OnLink } from "./link.ts";
import { judge, type PeerCheckOptions, watch } from "./peer_check.ts";
import { createLink, peerOf } from "./socket_link.ts";

/** Where to connect. */
export interface ConnectTcpOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly log: Logger;
}

export interface ConnectTlsOptions extends ConnectTcpOptions, PeerCheckOptions {}

/**
 * Connects with TLS. Resolves once the server is accepted; that it accepts us is not known then, with TLS 1.3.
 * @throws Error with the reason.
 */
export function connectTls(options: ConnectTlsOptions, onLink: OnLink): Promise<Link> {
  const { host, port, credentials: { material } } = options;
  const socket = connectSecure({
    host,
    port,
    ca: [...material.ca],
    cert: material.cert,
    key: material.key,
    rejectUnauthorized: false, // Credentials.refusal judges, and knows why
    checkServerIdentity: () => undefined, // a certificate names a role, not a host: identity is the passport
    minVersion: "TLSv1.2",
  });
  return established(socket, "secureConnect", options, () => {
    const { peer, refusal } = judge(socket, options);
    if (refusal !== undefined) throw new Error(`the server is refused: ${refusal}`);
    const link = createLink(socket, peer, onLink);
    watch(link, socket, options);
    return link;
  });
}

/**
 * Connects without TLS.
 * @throws Error with the reason.
 */
export function connectTcp(options: ConnectTcpOptions, onLink: OnLink): Promise<Link> {
  const socket = connectSocket({ host: options.host, port: options.port });
  return established(socket, "connect", options, () => createLink(socket, peerOf(socket, ""), onLink));
}

function established(
  socket: Socket | TLSSocket,
  event: string,
  { timeoutMs }: ConnectTcpOptions,
  accept: () => Link,
): Promise<Link> {
  const { promise, resolve, reject } = Promise.withResolvers<Link>();
  const timer = setTimeout(() => reject(new Error(`no connection within ${timeoutMs / 1000} s`)), timeoutMs);
  socket.on("error", reject); // after the promise has settled, the link hears of errors
  socket.once("close", () => reject(new Error("the server closed the connection")));
  socket.once(event, () => {
    try {
      resolve(accept());
    } catch (error) {
      reject(error);
    }
  });
  return promise.catch((error) => {
    socket.destroy();
    throw error;
  }).finally(() => clearTimeout(timer));
}
