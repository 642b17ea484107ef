/** One flow of RTP packets from one socket. @module */
import { type LocalSocket, LOOPBACK } from "../support/sockets.ts";
import { PACKET_BYTES, STAMP_OFFSET } from "./messages.ts";

const SAMPLES_PER_PACKET = 160;

/** Sends one flow; the packet is made once and only its numbers change. */
export class RtpSource {
  readonly #socket: LocalSocket;
  readonly #packet = new Uint8Array(PACKET_BYTES);
  readonly #view = new DataView(this.#packet.buffer);
  readonly #stamped: boolean;
  readonly #destination = { transport: "udp" as const, hostname: LOOPBACK, port: 0 };
  #sequence = 0;

  constructor(socket: LocalSocket, stamped: boolean) {
    this.#socket = socket;
    this.#stamped = stamped;
    this.#packet[0] = 0x80;
    this.#view.setUint32(8, socket.port); // the SSRC only has to differ
  }

  set target(port: number) {
    this.#destination.port = port;
  }

  /** Sends the next packet. */
  send(): Promise<number> {
    const sequence = this.#sequence++;
    this.#view.setUint16(2, sequence & 0xffff);
    this.#view.setUint32(4, sequence * SAMPLES_PER_PACKET >>> 0);
    if (this.#stamped) this.#view.setFloat64(STAMP_OFFSET, performance.timeOrigin + performance.now());
    return this.#socket.conn.send(this.#packet, this.#destination);
  }
}
