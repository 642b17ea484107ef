/**
 * All transports of a SIP server, behind one `SipTransport`.
 *
 * A message on its way in:
 * 1. `udp.ts` receives a datagram; `listeners.ts` accepts connections, and `stream_connection.ts` reads them, which
 *    `../framing.ts` and `../web_socket_framing.ts` cut into messages.
 * 2. Keepalives are answered there: CRLF, STUN.
 * 3. `../handler.ts` parses the message, and hands it over with its flow.
 *
 * On its way out: `../listen_point.ts` has chosen the socket; datagrams go there, the rest to `connections.ts`, which uses
 * connections that are open, and opens others.
 * @module
 */
import type { Clock } from "../../env/clock.ts";
import type { Logger } from "../../env/log.ts";
import { systemClock } from "../../io/clock.ts";
import { newTransportCounters, type TransportCounters } from "../counters.ts";
import type { ListenPoint, SipTransport, Target, Transport } from "../flow.ts";
import type { TransportContext, TransportHandler } from "../handler.ts";
import { chooseListenPoint } from "../listen_point.ts";
import { type ConnectionOptions, Connections } from "./connections.ts";
import { listenStream, type ServerCertificate, type StreamListener } from "./listeners.ts";
import { UdpSocket } from "./udp.ts";

/** Where to listen. */
export interface ListenSpec {
  readonly transport: Transport;
  /** An address literal, or `any`: all of IPv4, and the host's first IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  /** What Via and Record-Route say, if not the address. */
  readonly advertised: { readonly host: string; readonly port: number | undefined } | undefined;
}

/** What transports are told. */
export interface TransportOptions extends Partial<ConnectionOptions> {
  readonly listen: readonly ListenSpec[];
  /** For `any`: the address that others reach us by, for each family that the host has. */
  readonly hostAddresses: { readonly IPv4: string | undefined; readonly IPv6: string | undefined };
  /** Needed for tls and wss. */
  readonly certificate?: ServerCertificate | undefined;
  readonly log: Logger;
  readonly clock?: Clock;
}

const SWEEP_MS = 5000;

/** Transports that listen. */
export class RunningTransport implements SipTransport {
  readonly listenPoints: readonly ListenPoint[];
  readonly counters: Readonly<TransportCounters>;
  readonly #sockets = new Map<ListenPoint, UdpSocket>();
  readonly #listeners: StreamListener[] = [];
  readonly #connections: Connections;
  readonly #context: TransportContext;
  #sweeper: ReturnType<typeof setInterval> | undefined = undefined;

  /** Use {@linkcode openTransport}. */
  constructor(points: readonly ListenPoint[], options: TransportOptions, handler: TransportHandler) {
    const { log, clock = systemClock } = options;
    const counters = newTransportCounters();
    const context = this.#context = { handler, counters, clock, log };
    this.counters = counters;
    this.listenPoints = points;
    this.#connections = new Connections({ ...DEFAULTS, ...options }, context, () => this.listenPoints);
  }

  /** Opens all sockets, or none. Rejects with a ListenError. */
  async open(certificate: ServerCertificate | undefined): Promise<void> {
    const { clock } = this.#context;
    try {
      for (const point of this.listenPoints) {
        if (point.transport === "udp") this.#sockets.set(point, new UdpSocket(point, this.#context));
        else this.#listeners.push(await listenStream(point, certificate, this.#connections, this.#context));
      }
    } catch (error) {
      await this.#release();
      throw error;
    }
    this.#sweeper = setInterval(() => this.#connections.sweep(clock.nowMs()), SWEEP_MS);
  }

  listenPointFor(target: Target): ListenPoint | undefined {
    return chooseListenPoint(this.listenPoints, target);
  }

  send(text: string, target: Target, failed: (reason: string) => void): void {
    if (target.transport !== "udp") return this.#connections.send(text, target, failed);
    const point = chooseListenPoint(this.listenPoints, target);
    const socket = point && this.#sockets.get(point);
    if (socket === undefined) return queueMicrotask(() => failed("no socket of ours leads there"));
    socket.send(text, target, failed);
  }

  /** Takes another certificate for connections to come. */
  useCertificate(certificate: ServerCertificate): void {
    for (const listener of this.#listeners) listener.useCertificate(certificate);
  }

  /** Stops listening, and closes all connections; resolves when the ports are free. Twice is harmless. */
  close(): Promise<void> {
    clearInterval(this.#sweeper);
    return this.#release();
  }

  async #release(): Promise<void> {
    const listeners = this.#listeners.splice(0).map((listener) => listener.close());
    const sockets = [...this.#sockets.values()].map((socket) => socket.close());
    this.#connections.close();
    await Promise.all([...listeners, ...sockets]);
  }
}

const DEFAULTS: ConnectionOptions = {
  maxConnections: 10_000,
  maxPerAddress: 1000,
  idleMs: 15 * 60_000,
  tlsCa: undefined,
  tlsVerifyPeer: true,
};

/** Opens all sockets. Rejects with a ListenError. */
export async function openTransport(options: TransportOptions, handler: TransportHandler): Promise<RunningTransport> {
  const points = options.listen.flatMap((spec) => pointsOf(spec, options));
  const transport = new RunningTransport(points, options, handler);
  await transport.open(options.certificate);
  return transport;
}

function pointsOf({ transport, hostname, port, advertised }: ListenSpec, options: TransportOptions): ListenPoint[] {
  const { IPv4, IPv6 } = options.hostAddresses;
  const point = (address: string, own: string): ListenPoint => ({
    transport,
    address,
    port,
    family: address.includes(":") ? "IPv6" : "IPv4",
    advertisedHost: advertised?.host ?? own,
    advertisedPort: advertised?.port ?? port,
  });
  if (hostname !== "any") return [point(hostname, hostname)];
  const points = [point("0.0.0.0", IPv4 ?? "127.0.0.1")];
  // Not "::": Deno cannot make a socket for IPv6 alone of it, and the port would be taken twice.
  if (IPv6 !== undefined) points.push(point(IPv6, IPv6));
  return points;
}
