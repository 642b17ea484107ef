/** Media sockets in memory: what a test says arrives, and what leaves is written down. @module */
import type { Destination, Leg, Verdict } from "../../relay/leg.ts";
import { DescriptorsExhaustedError, type MediaSocket, PortInUseError } from "../../relay/port_pool.ts";

/** A datagram that left. */
export interface Sent {
  /** The relay's port that it left from. */
  readonly fromPort: number;
  readonly hostname: string;
  readonly port: number;
  readonly packet: Uint8Array;
}

class FakeMediaSocket implements MediaSocket {
  readonly #network: FakeSockets;
  readonly port: number;
  leg: Leg | undefined = undefined;

  constructor(network: FakeSockets, port: number) {
    this.#network = network;
    this.port = port;
  }

  attach(leg: Leg): void {
    this.leg = leg;
  }

  detach(): void {
    this.leg = undefined;
  }

  close(): void {
    if (!this.#network.open.delete(this.port)) throw new Error(`port ${this.port} is closed twice`);
  }

  sendSoon(packet: Uint8Array, { hostname, port }: Destination): void {
    if (port === 0) throw new Error(`port ${this.port} sends to port 0`);
    this.#network.sent.push({ fromPort: this.port, hostname, port, packet: packet.slice() });
  }
}

/** The UDP ports of one host. */
export class FakeSockets {
  readonly open = new Map<number, FakeMediaSocket>();
  readonly sent: Sent[] = [];
  /** Ports that another process has. */
  readonly taken = new Set<number>();
  /** So many sockets may be open. */
  maxOpen = Infinity;
  /** Datagrams for a port without a leg. */
  late = 0;

  /** To be given to a `PortPool`. */
  readonly openSocket = (port: number): MediaSocket => {
    if (this.taken.has(port)) throw new PortInUseError(`another process has ${port}`);
    if (this.open.size >= this.maxOpen) throw new DescriptorsExhaustedError("os error 24");
    if (this.open.has(port)) throw new Error(`port ${port} is opened twice`);
    const socket = new FakeMediaSocket(this, port);
    this.open.set(port, socket);
    return socket;
  };

  /** A datagram comes to `port`; what the real socket's loop does with it. */
  arrive(port: number, packet: Uint8Array, hostname: string, sourcePort: number, nowMs: number): Verdict | "late" {
    const leg = this.open.get(port)?.leg;
    if (leg === undefined) {
      this.late++;
      return "late";
    }
    const verdict = leg.receive(packet, hostname, sourcePort, nowMs);
    if (verdict === "forward") leg.peer.socket.sendSoon(packet, leg.peer.destination);
    return verdict;
  }

  /** What has left since it was asked last, as `port > address:port`. */
  takeSent(): string[] {
    return this.sent.splice(0).map(({ fromPort, hostname, port }) => `${fromPort} > ${hostname}:${port}`);
  }
}
