/**
 * A listener for TLS. Node's, not Deno's: `Deno.TlsConn.close()` leaves a connection open whose handshake has not ended, so
 * that silent peers hold descriptors for ever (Deno 2.9.6); and here a certificate can be replaced without closing the port.
 * @module
 */
import type { Server, Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { ListenError } from "../../io/tls_server.ts";
import type { ListenPoint } from "../flow.ts";
import { type ByteStream, NodeStream } from "./byte_stream.ts";

/** A certificate chain and its key, in PEM. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What a listener does with its connections. */
export interface SecureListenerOptions {
  readonly handshakeMs: number;
  /** Whether a peer may connect; asked before its handshake. */
  readonly admits: (address: string) => boolean;
  /** The handshake of a peer that was admitted is over, whether it succeeded or not. */
  readonly finished: (address: string) => void;
  /** A connection whose handshake has succeeded. */
  readonly accept: (stream: ByteStream, remote: { readonly hostname: string; readonly port: number }) => void;
  readonly failed: (reason: string) => void;
}

/** A listener that is open. */
export interface SecureListener {
  useCertificate(certificate: ServerCertificate): void;
  /** Resolves when the port is free. */
  close(): Promise<void>;
}

/** Rejects with a {@linkcode ListenError}. */
export function listenSecure(
  { transport, address, port }: ListenPoint,
  certificate: ServerCertificate,
  options: SecureListenerOptions,
): Promise<SecureListener> {
  const failure = (cause: Error) =>
    new ListenError(`Cannot listen on ${transport} ${address} port ${port}: ${cause.message}`, { cause });
  const pending: PendingHandshakes = new Map();
  let server: Server & { setSecureContext(certificate: ServerCertificate): void };
  try {
    server = createServer({ ...certificate, minVersion: "TLSv1.2" }, (socket: TLSSocket) => {
      const { remoteAddress: hostname = "", remotePort = 0 } = socket;
      pending.get(`${hostname} ${remotePort}`)?.finish();
      options.accept(new NodeStream(socket), { hostname, port: remotePort });
    }) as unknown as typeof server;
  } catch (error) {
    return Promise.reject(failure(error as Error));
  }
  server.on("connection", (socket: Socket) => admit(socket, pending, options));
  server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
    options.failed(error.message);
    socket.destroy();
  });
  return new Promise((resolve, reject) => {
    server.once("error", (cause: Error) => reject(failure(cause)));
    try {
      server.listen({ host: address, port }, () => {
        server.on("error", (error: Error) => options.failed(error.message));
        resolve({
          useCertificate: (replacement) => server.setSecureContext(replacement),
          close: () =>
            new Promise((closed) => {
              server.close(() => closed());
              for (const { socket } of [...pending.values()]) socket.destroy();
            }),
        });
      });
    } catch (error) {
      reject(failure(error as Error));
    }
  });
}

/** Connections whose handshake goes on, by peer. */
type PendingHandshakes = Map<string, { readonly socket: Socket; readonly finish: () => void }>;

function admit(socket: Socket, pending: PendingHandshakes, options: SecureListenerOptions): void {
  socket.on("error", () => {}); // garbage before or in the handshake
  const { remoteAddress = "", remotePort = 0 } = socket;
  if (!options.admits(remoteAddress)) return void socket.destroy();
  const key = `${remoteAddress} ${remotePort}`;
  const finish = () => {
    if (!pending.delete(key)) return;
    clearTimeout(timer);
    options.finished(remoteAddress);
  };
  const timer = setTimeout(() => {
    options.failed("it takes too long");
    socket.destroy();
    finish();
  }, options.handshakeMs);
  pending.set(key, { socket, finish });
  socket.once("close", finish);
}
