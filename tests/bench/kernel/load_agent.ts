/** The phones of one side, in a namespace of their own: they send as fast as they can, or at a rate. @module */
import { serve } from "../../peers/support/agent_server.ts";
import { PACKET_BYTES } from "../generator/messages.ts";

/** Where a phone is, or sends. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** A run: phone by phone a packet to its target, again and again. */
export interface LoadRun {
  readonly targets: readonly Address[];
  readonly durationMs: number;
  /** Of all phones together; null: as fast as they can. */
  readonly packetsPerSecond: number | null;
}

/** What was sent. */
export interface LoadSent {
  readonly packets: number;
  readonly seconds: number;
}

/** More small datagrams than a socket's queue holds. */
const FILL_PACKETS = 2000;
const BURST_PACKETS = 50;

const sockets: Deno.DatagramConn[] = [];
const packet = new Uint8Array(PACKET_BYTES);
packet[0] = 0x80;
let sequence = 0;

async function send(socket: Deno.DatagramConn, to: Address): Promise<void> {
  sequence = (sequence + 1) & 0xffff;
  packet[2] = sequence >>> 8;
  packet[3] = sequence & 255;
  await socket.send(packet, { transport: "udp", ...to });
}

await serve({
  open({ hostname, firstPort, count }: { hostname: string; firstPort: number; count: number }): void {
    for (let index = 0; index < count; index++) {
      sockets.push(Deno.listenDatagram({ transport: "udp", hostname, port: firstPort + 2 * index }));
    }
  },
  /** What comes to a full queue costs nobody anything. */
  async fill(): Promise<void> {
    for (const socket of sockets) {
      for (let count = 0; count < FILL_PACKETS; count++) await send(socket, socket.addr as Deno.NetAddr);
    }
  },
  /** A packet of each phone, for the subject to learn where it is. */
  async hello({ targets }: { targets: readonly Address[] }): Promise<void> {
    for (const [index, socket] of sockets.entries()) await send(socket, targets[index]!);
  },
  async run({ targets, durationMs, packetsPerSecond }: LoadRun): Promise<LoadSent> {
    const destinations = targets.map((it) => ({ transport: "udp" as const, ...it }));
    const startedAtMs = performance.now();
    let [packets, next, elapsedMs] = [0, 0, 0];
    while ((elapsedMs = performance.now() - startedAtMs) < durationMs) {
      const due = packetsPerSecond === null
        ? BURST_PACKETS
        : Math.min(Math.floor(elapsedMs * packetsPerSecond / 1000) - packets, 20 * BURST_PACKETS);
      for (let count = 0; count < due; count++) {
        await sockets[next]!.send(packet, destinations[next]!);
        next = next + 1 === sockets.length ? 0 : next + 1;
      }
      packets += due;
      if (packetsPerSecond !== null) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return { packets, seconds: elapsedMs / 1000 };
  },
  /** Packets that the interface has received since it was made. */
  received(): number {
    const line = Deno.readTextFileSync("/proc/net/dev").split("\n").find((it) => it.trim().startsWith("eth0:"));
    return Number(line?.trim().split(/[\s:]+/)[2]);
  },
});
