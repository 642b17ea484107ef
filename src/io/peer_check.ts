/** Judging the peer of a TLS connection, when it is new and while it lasts. @module */
import type { TLSSocket } from "node:tls";
import type { Logger } from "../env/log.ts";
import type { Passport } from "../tls/passport.ts";
import type { Credentials } from "./credentials.ts";
import type { Link, LinkPeer } from "./link.ts";
import { peerOf } from "./socket_link.ts";

export interface PeerCheckOptions {
  readonly credentials: Credentials;
  readonly passport: Passport | undefined;
  readonly verifyIntervalMs: number;
  readonly log: Logger;
}

/** Who the peer is, and why it is refused, if it is. */
export interface Judgement {
  readonly peer: LinkPeer;
  readonly refusal: string | undefined;
}

/** Judges the peer of a connection whose handshake is done. */
export function judge(socket: TLSSocket, { credentials, passport }: PeerCheckOptions): Judgement {
  const certificate = socket.getPeerCertificate();
  const raw = certificate?.raw as Uint8Array | undefined;
  const commonName = String(certificate?.subject?.CN ?? "");
  return { peer: peerOf(socket, commonName), refusal: credentials.refusal(raw, passport, Date.now()) };
}

/** Judges the peer again every `verifyIntervalMs`, and ends the connection when it is refused. */
export function watch(link: Link, socket: TLSSocket, options: PeerCheckOptions): void {
  const raw = socket.getPeerCertificate()?.raw as Uint8Array | undefined;
  const timer = setInterval(async () => {
    await options.credentials.reloadIfChanged();
    const refusal = options.credentials.refusal(raw, options.passport, Date.now());
    if (refusal === undefined) return;
    options.log.error(`connection ended: ${refusal}`, { peer: link.peer.text });
    link.close(refusal);
  }, options.verifyIntervalMs);
  socket.once("close", () => clearInterval(timer));
}
