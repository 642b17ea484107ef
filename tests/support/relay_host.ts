/** A relay with its ports in memory. @module */
import type { SessionRecord } from "../../relay/directory/worker_messages.ts";
import { Interfaces } from "../../relay/interfaces.ts";
import type { Verdict } from "../../relay/leg.ts";
import { PortPool } from "../../relay/port_pool.ts";
import { Relay, type RelayOptions } from "../../relay/relay.ts";
import type { Party } from "../../relay/transport.ts";
import type { RelayAddress } from "../../src/config/mod.ts";
import type { Headers } from "../../src/control/headers.ts";
import type { SessionStatistics } from "../../src/control/statistics.ts";
import { FakeGate } from "./fake_gate.ts";
import { FakeSockets } from "./fake_sockets.ts";
import { FakeClock, RecordingLogger } from "./fakes.ts";
import { LIMITS, TIMEOUTS } from "./relay_environment.ts";
import { rtp } from "./rtp_packets.ts";

/** The dispatcher that a test speaks for. */
export const DISPATCHER = "dispatcher.example:25060";

export interface RelayHostOptions extends Partial<Omit<RelayOptions, "portRange">> {
  /** @default 192.0.2.100 */
  readonly addresses?: readonly RelayAddress[];
  readonly firstPort?: number;
  readonly endPort?: number;
  /** How long ports rest. */
  readonly restMs?: number;
}

/** An address for everybody. */
export function relayAddress(address: string, advertised?: string): RelayAddress {
  return { address, advertised, networks: [] };
}

export class RelayHost {
  readonly clock: FakeClock;
  /** Of the first address. */
  readonly sockets = new FakeSockets();
  /** Of the others. */
  readonly otherSockets: Record<string, FakeSockets> = {};
  readonly log = new RecordingLogger();
  readonly gate = new FakeGate();
  readonly relay: Relay;
  /** What has expired, with the dispatcher that was to be told; taken by whoever tells it. */
  readonly expired: { readonly dispatcher: string; readonly statistics: SessionStatistics }[] = [];
  /** What the main isolate was to be told of the sessions; taken by whoever tells it. */
  readonly recorded: SessionRecord[] = [];
  /** UDP payload bytes that arrived at each port, from whomever. */
  readonly arrivedBytes = new Map<number, number>();

  constructor(options: RelayHostOptions = {}, clock = new FakeClock()) {
    const { firstPort = 40000, endPort = 40100, restMs = 0, addresses = [relayAddress("192.0.2.100")], ...rest } =
      options;
    this.clock = clock;
    const relayOptions: RelayOptions = {
      version: "1.0",
      portRange: `${firstPort}:${endPort}`,
      timeouts: TIMEOUTS,
      limits: LIMITS,
      learning: "heuristic",
      rebinding: true,
      kernel: { gate: this.gate, afterMs: 5000, maxPacketsPerSecond: 10_000 },
      isRoutable: () => true,
      ...rest,
    };
    const interfaces = new Interfaces(addresses, firstPort, endPort, (address) => {
      const open = address === addresses[0]?.address
        ? this.sockets.openSocket
        : (this.otherSockets[address] ??= new FakeSockets()).openSocket;
      return new PortPool({ firstPort, endPort, restMs }, open, this.log, { descriptorLimit() {} });
    });
    this.relay = new Relay(relayOptions, interfaces, clock, this.log, {
      expired: (dispatcher, statistics) => void this.expired.push({ dispatcher, statistics }),
      recorded: (records) => void this.recorded.push(...records),
    });
  }

  handle(command: string, headers: Headers = new Map(), dispatcher = DISPATCHER): string {
    return this.relay.handle(dispatcher, command, headers).text;
  }

  /** The RTP port of the relay to which `party` sends in a call's stream. */
  localPort(callId: string, party: Party, stream = 0): number {
    const session = this.relay.statistics(DISPATCHER).find(({ call_id }) => call_id === callId);
    const local = session?.streams[stream]?.[`${party}_local`] ?? "";
    if (!/:\d+$/.test(local)) throw new Error(`call ${callId} has no stream ${stream} with ports`);
    return Number(local.split(":").at(-1));
  }

  /** A datagram of `source` (`address:port`) comes to one of the relay's ports. */
  arrive(port: number, source: string, packet = rtp()): Verdict | "late" {
    const cut = source.lastIndexOf(":");
    this.arrivedBytes.set(port, (this.arrivedBytes.get(port) ?? 0) + packet.length);
    return this.sockets.arrive(port, packet, source.slice(0, cut), Number(source.slice(cut + 1)), this.clock.nowMs());
  }

  /** Time passes, with a look at the sessions each second. */
  advance(durationMs: number): void {
    for (let left = durationMs; left > 0; left -= 1000) {
      this.clock.advance(Math.min(left, 1000));
      this.relay.handleTimeout();
    }
  }
}
