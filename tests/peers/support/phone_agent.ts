/** A phone's sockets in a namespace of their own, commanded by a test. @module */
import { serve } from "./agent_server.ts";

interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** What a phone sends. */
export interface Burst {
  readonly port: number;
  readonly to: Address;
  readonly packets: number;
  readonly intervalMs: number;
  /** Of the UDP payload. */
  readonly bytes: number;
  /** The first byte of the payload, and what follows from its fifth on; by default RTP's, with the socket's SSRC. */
  readonly head?: readonly number[];
}

/** What came to a socket. */
export interface Arrivals {
  readonly packets: number;
  readonly bytes: number;
  /** Packets by where they came from. */
  readonly sources: Readonly<Record<string, number>>;
  readonly longestBytes: number;
}

class PhoneSocket {
  readonly conn: Deno.DatagramConn;
  packets = 0;
  bytes = 0;
  longestBytes = 0;
  readonly sources: Record<string, number> = {};
  sequence = 1000;
  readonly ssrc = crypto.getRandomValues(new Uint8Array(4));

  constructor(address: Address) {
    this.conn = Deno.listenDatagram({ transport: "udp", ...address });
    this.#receive();
  }

  async #receive(): Promise<void> {
    for (;;) {
      try {
        const [packet, from] = await this.conn.receive(new Uint8Array(65_536));
        const { hostname, port } = from as Deno.NetAddr;
        this.packets++;
        this.bytes += packet.length;
        this.longestBytes = Math.max(this.longestBytes, packet.length);
        const source = `${hostname}:${port}`;
        this.sources[source] = (this.sources[source] ?? 0) + 1;
      } catch {
        return; // closed
      }
    }
  }

  async send({ to, packets, intervalMs, bytes, head }: Burst): Promise<void> {
    for (let i = 0; i < packets; i++) {
      const packet = new Uint8Array(bytes);
      this.sequence = (this.sequence + 1) & 0xffff;
      const timestamp = 160 * this.sequence;
      const fields = [timestamp >>> 24, timestamp >>> 16, timestamp >>> 8, timestamp].map((byte) => byte & 255);
      packet.set(head ?? [0x80, 0, this.sequence >>> 8, this.sequence & 255, ...fields, ...this.ssrc]);
      await this.conn.send(packet, { transport: "udp", ...to });
      if (intervalMs > 0) await new Promise((resolve) => setTimeout(resolve, intervalMs));
    }
  }
}

const sockets = new Map<number, PhoneSocket>();

await serve({
  open: (address: Address) => void sockets.set(address.port, new PhoneSocket(address)),
  /** The phone's flow goes on from another port, as behind a NAT that has forgotten it. */
  move({ from, to }: { from: number; to: Address }) {
    const [before, after] = [sockets.get(from)!, new PhoneSocket(to)];
    after.ssrc.set(before.ssrc);
    after.sequence = before.sequence;
    sockets.set(to.port, after);
  },
  send: (burst: Burst) => sockets.get(burst.port)!.send(burst),
  arrived({ port }: { port: number }): Arrivals {
    const { packets, bytes, sources, longestBytes } = sockets.get(port)!;
    return { packets, bytes, sources, longestBytes };
  },
});
for (const { conn } of sockets.values()) conn.close();
