/**
 * Hot path. A bound UDP socket and the loop that carries its packets: one receive and one send, both awaited, one
 * buffer, nothing else per packet.
 * @module
 */
import type { Logger } from "../../src/env/log.ts";
import type { Destination, Leg } from "../leg.ts";
import { DescriptorsExhaustedError, type MediaSocket, PortInUseError, type SocketCounters } from "../port_pool.ts";

/** An Ethernet frame holds 1,472 bytes of IPv4 UDP payload; jumbo and reassembled datagrams make the buffer grow. One
 * byte more than is expected, so that a full buffer reveals a datagram that was cut. */
const BUFFER_BYTES = 1600 + 1;
const LARGE_BUFFER_BYTES = 65_535 + 1;
/** An error on every receive means that the socket is of no use; one or two may pass. */
const MAX_RECEIVE_ERRORS = 100;
/** A fault of ours costs the packet that meets it. Nobody gains from seeing the same one more often. */
const MAX_FAULTS = 100;

export interface MediaSocketEnvironment {
  readonly hostname: string;
  readonly counters: SocketCounters;
  readonly log: Logger;
  /** Asked for each packet, because jitter needs it: 80 to 110 ns of a packet's 13 us (performance.now, Deno 2.9.6). */
  nowMs(): number;
}

/**
 * Opens the socket of `port` and starts its loop.
 * @throws PortInUseError | DescriptorsExhaustedError | Error
 */
export function openMediaSocket(env: MediaSocketEnvironment, port: number): MediaSocket {
  let conn: Deno.DatagramConn;
  try {
    conn = Deno.listenDatagram({ transport: "udp", hostname: env.hostname, port });
  } catch (error) {
    throw opened(error, env.hostname, port);
  }
  return new UdpMediaSocket(env, conn);
}

function opened(cause: unknown, hostname: string, port: number): unknown {
  if (cause instanceof Deno.errors.AddrInUse) {
    return new PortInUseError(`another process has ${hostname}:${port}`, { cause });
  }
  if (cause instanceof Error && /os error (23|24)\b/.test(cause.message)) {
    return new DescriptorsExhaustedError(cause.message, { cause });
  }
  return cause;
}

class UdpMediaSocket implements MediaSocket {
  readonly #env: MediaSocketEnvironment;
  readonly #conn: Deno.DatagramConn;
  leg: Leg | undefined = undefined;
  #closed = false;
  #faults = 0;

  constructor(env: MediaSocketEnvironment, conn: Deno.DatagramConn) {
    this.#env = env;
    this.#conn = conn;
    this.#start();
  }

  #start(): void {
    this.#run().catch((error) => {
      if (this.#closed) return;
      if (++this.#faults >= MAX_FAULTS) return this.#giveUp(error);
      if (this.#faults === 1) this.#env.log.error(`internal error at a packet: ${(error as Error).stack}`);
      this.#start();
    });
  }

  attach(leg: Leg): void {
    this.leg = leg;
  }

  detach(): void {
    this.leg = undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  send(packet: Uint8Array, destination: Destination): Promise<number> {
    return this.#conn.send(packet, destination as Deno.NetAddr);
  }

  sendSoon(packet: Uint8Array, destination: Destination): void {
    this.send(packet, destination).catch(() => this.#env.counters.sendFailed++);
  }

  // Deno gives each source address an object with a hidden class of its own, so that V8's inline caches miss every time:
  // reading host and port by name takes 170 to 350 ns, with Reflect.get 80 to 110 (Deno 2.9.6).
  async #run(): Promise<void> {
    const { nowMs, counters } = this.#env;
    const conn = this.#conn;
    let buffer = new Uint8Array(BUFFER_BYTES);
    let errors = 0;
    while (!this.#closed) {
      let packet: Uint8Array;
      let source: Deno.NetAddr;
      try {
        [packet, source] = await conn.receive(buffer) as [Uint8Array, Deno.NetAddr];
      } catch (error) {
        if (this.#closed) return;
        if (++errors >= MAX_RECEIVE_ERRORS) return this.#giveUp(error);
        continue;
      }
      const leg = this.leg;
      if (leg === undefined) {
        counters.late++;
      } else if (packet.length === buffer.length) {
        counters.truncated++;
        buffer = new Uint8Array(LARGE_BUFFER_BYTES);
      } else {
        const hostname = Reflect.get(source, "hostname") as string;
        const port = Reflect.get(source, "port") as number;
        if (leg.receive(packet, hostname, port, nowMs()) === "forward") {
          const { peer } = leg;
          try {
            await (peer.socket as UdpMediaSocket).send(packet, peer.destination);
          } catch {
            counters.sendFailed++;
          }
        }
      }
    }
  }

  #giveUp(error: unknown): void {
    this.#env.log.error(`a media socket fails again and again, and carries nothing any more: ${error}`);
  }
}
