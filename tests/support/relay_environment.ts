/** What streams and sessions need around them: ports in memory, time limits, a log. @module */
import type { LearningRules } from "../../relay/learning/learning.ts";
import { Interfaces } from "../../relay/interfaces.ts";
import { PortPool } from "../../relay/port_pool.ts";
import type { KernelAccess } from "../../relay/kernel/passage.ts";
import type { SessionEnvironment } from "../../relay/session.ts";
import type { Stream, StreamLimits, StreamOwner, StreamTimeouts } from "../../relay/stream.ts";
import type { Party, PartyInterfaces } from "../../relay/transport.ts";
import { FakeGate } from "./fake_gate.ts";
import { FakeSockets } from "./fake_sockets.ts";
import { RecordingLogger } from "./fakes.ts";
import { rtp } from "./rtp_packets.ts";

/** The defaults of the configuration. */
export const TIMEOUTS: StreamTimeouts = {
  streamTimeoutMs: 90_000,
  onHoldTimeoutMs: 7_200_000,
  idleTimeoutMs: 180_000,
  oneWayAfterMs: 10_000,
};

/** As in the configuration's defaults. */
export const LIMITS: StreamLimits = { maxStreamsPerSession: 32, maxPacketsPerSecond: 10_000 };

export class RelayEnvironment implements SessionEnvironment, StreamOwner {
  readonly sockets = new FakeSockets();
  readonly log = new RecordingLogger();
  readonly timeouts = TIMEOUTS;
  readonly limits = LIMITS;
  readonly gate = new FakeGate();
  readonly kernel: KernelAccess = { gate: this.gate, afterMs: 5000, maxPacketsPerSecond: Infinity };
  readonly learning: LearningRules = { mode: "heuristic", rebinding: true, isOwn: () => false };
  readonly ports: PortPool;
  readonly interfaces: Interfaces;
  /** Who was learnt how, in order: `caller rtp learnt 192.0.2.1:6000`. */
  readonly events: string[] = [];

  constructor(endPort = 40100) {
    this.ports = new PortPool({ firstPort: 40000, endPort, restMs: 0 }, this.sockets.openSocket, this.log, {
      descriptorLimit() {},
    });
    const address = { address: "192.0.2.100", advertised: undefined, networks: [] };
    this.interfaces = new Interfaces([address], 40000, endPort, () => this.ports);
  }

  /** Both parties on the only address. */
  get both(): PartyInterfaces {
    return { caller: this.interfaces.first, callee: this.interfaces.first };
  }

  isRoutable(address: string): boolean {
    return address.startsWith("192.0.2.");
  }

  learnt(_stream: Stream, party: Party, leg: { component: string; remote: string }, how: string): void {
    this.events.push(`${party} ${leg.component} ${how} ${leg.remote}`);
  }

  lost(leg: { component: string; remote: string }): void {
    this.events.push(`lost ${leg.component} ${leg.remote}`);
  }

  leftKernel(): void {}

  due(): void {}

  hastened(): void {}

  /** A packet from `party` at `address:port`; returns what became of it. */
  send(stream: Stream, party: Party, source: string, nowMs: number, packet = rtp(), component = 0): string {
    const [hostname, port] = [source.slice(0, source.lastIndexOf(":")), Number(source.split(":").at(-1))];
    return this.sockets.arrive(stream.leasedPort(party) + component, packet, hostname, port, nowMs);
  }
}
