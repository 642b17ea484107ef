/** A socket that sends RTP, RTCP or STUN at a pace, and counts what comes to it. @module */
import { rtcp, rtp, stun } from "../../support/rtp_packets.ts";

/** What to send: `packets` datagrams, one every `paceMs`, to each of `ports` in turn. */
export interface Sending {
  readonly kind: "rtp" | "rtcp" | "stun";
  readonly to: string;
  /** Ports of `to`'s address to send to; the one in `to` if absent. */
  readonly ports?: readonly number[];
  readonly packets: number;
  readonly ssrc?: number;
  /** @default where the last sending of that SSRC ended */
  readonly sequenceNumber?: number;
  /** @default 20 */
  readonly paceMs?: number;
}

/** RTP packets that came to a socket, by `SSRC from address:port`; other datagrams by their first byte. */
export type Arrivals = Readonly<Record<string, number>>;

/** See the module comment. */
export class TalkingSocket implements Disposable {
  readonly #conn: Deno.DatagramConn;
  #arrivals: Record<string, number> = {};
  /** The next one, by SSRC. */
  readonly #sequenceNumbers = new Map<number, number>();

  /** `place` is its `address:port`. */
  constructor(place: string) {
    this.#conn = Deno.listenDatagram({ transport: "udp", ...addressOf(place) });
    this.#run();
  }

  async #run(): Promise<void> {
    for await (const [packet, from] of this.#conn) {
      const { hostname, port } = from as Deno.NetAddr;
      const isRtp = packet.length >= 12 && packet[0] === 0x80 && packet[1]! < 128;
      const ssrc = new DataView(packet.buffer, packet.byteOffset).getUint32(isRtp ? 8 : 0);
      const name = `${isRtp ? ssrc : `byte ${packet[0]}`} from ${hostname}:${port}`;
      this.#arrivals[name] = (this.#arrivals[name] ?? 0) + 1;
    }
  }

  /** What has come since this was asked last. */
  takeArrivals(): Arrivals {
    const arrivals = this.#arrivals;
    this.#arrivals = {};
    return arrivals;
  }

  /** Resolves when all is sent. */
  async send({ kind, to, ports, packets, ssrc = 1, sequenceNumber, paceMs = 20 }: Sending): Promise<void> {
    const target = { transport: "udp" as const, ...addressOf(to) };
    let next = sequenceNumber ?? this.#sequenceNumbers.get(ssrc) ?? 1;
    const startedAtMs = performance.now();
    for (let index = 0; index < packets; index++) {
      const packet = kind === "rtp" ? rtp({ ssrc, sequenceNumber: next++ }) : kind === "rtcp" ? rtcp() : stun();
      for (const port of ports ?? [target.port]) await this.#conn.send(packet, { ...target, port });
      const aheadMs = startedAtMs + (index + 1) * paceMs - performance.now();
      if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs));
    }
    this.#sequenceNumbers.set(ssrc, next);
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

function addressOf(place: string): { hostname: string; port: number } {
  const cut = place.lastIndexOf(":");
  return { hostname: place.slice(0, cut).replace(/^\[|\]$/g, ""), port: Number(place.slice(cut + 1)) };
}
