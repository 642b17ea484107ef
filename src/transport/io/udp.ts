/** SIP over UDP: one socket and one loop for each listen point (RFC 3261 §18). @module */
import { canonicalAddress } from "../../control/media_header.ts";
import { decodeOctets, encodeOctets, encodeOctetsInto } from "../../sip/octets.ts";
import { answerBindingRequest, isStun } from "../../stun/mod.ts";
import type { ListenPoint, Target } from "../flow.ts";
import { deliver, type TransportContext } from "../handler.ts";
import { ListenError } from "../../io/tls_server.ts";

/** The largest datagram there is. */
const BUFFER_BYTES = 65_536;
/** What a message cannot begin with: keepalives are CRLFs, zeroes or a space. */
const FIRST_PRINTABLE = 0x21;
/** Messages that wait for the system to take them; what comes then is lost, as it would be on the wire. */
const MAX_WAITING = 10_000;
/**
 * Buffers are used again when the system has taken the message, which is not always at once; so many at most, and none for
 * messages that are longer. A new one for each message takes 0.4 us instead of 0.1, and as long again to be collected:
 * 1.5 % of a call (Deno 2.9.6).
 */
const MAX_SPARE = 64;
const SPARE_BYTES = 4096;
/** Peers are few compared to datagrams, so most addresses have been looked at before. */
const MAX_KNOWN = 10_000;

/** One socket. */
export class UdpSocket {
  readonly point: ListenPoint;
  readonly #socket: Deno.DatagramConn;
  readonly #context: TransportContext;
  readonly #canonical = new Map<string, string>();
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  #waiting = 0;
  #closed = false;
  /** Settles when nothing is received any more, and the port is free. */
  readonly #ended: Promise<void>;

  /** Binds; `point.port` is the port. @throws ListenError */
  constructor(point: ListenPoint, context: TransportContext) {
    this.point = point;
    this.#context = context;
    try {
      this.#socket = Deno.listenDatagram({ transport: "udp", hostname: point.address, port: point.port });
    } catch (cause) {
      throw new ListenError(`Cannot listen on udp ${point.address} port ${point.port}: ${(cause as Error).message}`, {
        cause,
      });
    }
    this.#ended = this.#receive();
  }

  async #receive(): Promise<void> {
    const { counters, log } = this.#context;
    const buffer = new Uint8Array(BUFFER_BYTES);
    while (!this.#closed) {
      try {
        const [bytes, from] = await this.#socket.receive(buffer);
        const { hostname, port } = from as Deno.NetAddr;
        if (bytes.length === 0 || bytes[0]! < FIRST_PRINTABLE) this.#receiveKeepalive(bytes, hostname, port);
        else {
          const address = this.#canonicalOf(hostname);
          const flow = { transport: "udp", listenPoint: this.point, address, port, connectionId: 0 } as const;
          deliver(decodeOctets(bytes), flow, this.#context);
        }
      } catch (error) {
        if (this.#closed) return;
        counters.failed++;
        log.warning(`cannot receive on udp port ${this.point.port}: ${(error as Error).message}`);
      }
    }
  }

  #receiveKeepalive(bytes: Uint8Array, hostname: string, port: number): void {
    this.#context.counters.keepalives++;
    if (!isStun(bytes)) return;
    const answer = answerBindingRequest(bytes, { address: this.#canonicalOf(hostname), port });
    if (answer !== undefined) this.#sendBytes(answer, hostname, port, () => {});
  }

  #canonicalOf(hostname: string): string {
    let address = this.#canonical.get(hostname);
    if (address === undefined) {
      if (this.#canonical.size >= MAX_KNOWN) this.#canonical.clear();
      this.#canonical.set(hostname, address = canonicalAddress(hostname) ?? hostname);
    }
    return address;
  }

  send(text: string, { address, port }: Target, failed: (reason: string) => void): void {
    if (this.#waiting >= MAX_WAITING) {
      this.#context.counters.overflowed++;
      return queueMicrotask(() => failed("too many messages wait to be sent"));
    }
    this.#context.counters.sent++;
    if (text.length > SPARE_BYTES) return this.#sendBytes(encodeOctets(text), address, port, failed);
    const buffer = this.#spare.pop() ?? new Uint8Array(SPARE_BYTES);
    this.#sendBytes(buffer.subarray(0, encodeOctetsInto(text, buffer)), address, port, failed, buffer);
  }

  /** `buffer` is spare when the bytes have left. */
  #sendBytes(
    bytes: Uint8Array,
    hostname: string,
    port: number,
    failed: (reason: string) => void,
    buffer?: Uint8Array<ArrayBuffer>,
  ): void {
    this.#waiting++;
    // Not awaited: the system takes nearly every datagram at once, and one that it does not take holds up no other.
    this.#socket.send(bytes, { transport: "udp", hostname, port }).then(() => {
      this.#settled(buffer);
    }, (error: Error) => {
      this.#settled(buffer);
      this.#context.counters.failed++;
      failed(error.message);
    });
  }

  #settled(buffer: Uint8Array<ArrayBuffer> | undefined): void {
    this.#waiting--;
    if (buffer !== undefined && this.#spare.length < MAX_SPARE) this.#spare.push(buffer);
  }

  /** Resolves when the port is free. Twice is harmless. */
  close(): Promise<void> {
    if (!this.#closed) this.#socket.close();
    this.#closed = true;
    return this.#ended;
  }
}
