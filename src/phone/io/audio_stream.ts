/** A phone's audio: sends a tone as RTP, and keeps what it hears (RFC 3550, RFC 3551). @module */
import { decodeMuLaw, encodeMuLaw } from "../g711.ts";
import type { PhoneNetwork, PhoneSocket } from "../network.ts";
import { toneSamples, toneShare } from "../tone.ts";

const PACKET_MS = 20;
const SAMPLES = 160;
const HEADER_BYTES = 12;
/** What is listened to is the latest second. */
const HEARD_SAMPLES = 8000;

/** One RTP socket of a phone, from its call's beginning to its end. */
export class AudioStream {
  readonly toneHz: number;
  readonly #socket: PhoneSocket;
  readonly #ssrc = crypto.getRandomValues(new Uint32Array(1))[0]!;
  readonly #heard = new Int16Array(HEARD_SAMPLES);
  #timer: ReturnType<typeof setInterval> | undefined = undefined;
  #remote: { address: string; port: number } | undefined = undefined;
  #sequence = 0;
  packetsSent = 0;
  packetsReceived = 0;
  /** Where the latest packet came from. */
  heardFrom = "";

  constructor(network: PhoneNetwork, port: number, toneHz: number) {
    this.toneHz = toneHz;
    this.#socket = network.bind(port, (bytes, address, from) => this.#receive(bytes, `${address}:${from}`));
  }

  get address(): string {
    return this.#socket.address;
  }

  get port(): number {
    return this.#socket.port;
  }

  /** Sends the tone there from now on. */
  sendTo(address: string, port: number): void {
    this.#remote = { address, port };
    this.#timer ??= setInterval(() => this.#send(), PACKET_MS);
  }

  /** Sends nothing any more, and still listens. */
  pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #send(): void {
    const packet = new Uint8Array(HEADER_BYTES + SAMPLES);
    const view = new DataView(packet.buffer);
    packet[0] = 0x80; // version 2; payload type 0 follows
    view.setUint16(2, this.#sequence & 0xffff);
    view.setUint32(4, this.#sequence * SAMPLES);
    view.setUint32(8, this.#ssrc);
    toneSamples(this.toneHz, this.#sequence * SAMPLES, SAMPLES).forEach((sample, index) => {
      packet[HEADER_BYTES + index] = encodeMuLaw(sample);
    });
    this.#sequence++;
    this.packetsSent++;
    this.#socket.send(packet, this.#remote!.address, this.#remote!.port);
  }

  #receive(bytes: Uint8Array, from: string): void {
    if (bytes.length <= HEADER_BYTES || bytes[0] !== 0x80) return;
    this.packetsReceived++;
    this.heardFrom = from;
    const samples = Array.from(bytes.subarray(HEADER_BYTES, HEADER_BYTES + HEARD_SAMPLES), decodeMuLaw);
    this.#heard.copyWithin(0, samples.length);
    this.#heard.set(samples, HEARD_SAMPLES - samples.length);
  }

  /** The share of the latest second, 0 to 1, that is a tone of that frequency. */
  hears(frequencyHz: number): number {
    return toneShare(this.#heard, frequencyHz);
  }

  close(): void {
    this.pause();
    this.#socket.close();
  }
}
