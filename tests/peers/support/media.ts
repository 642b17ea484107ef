/** A party's media: real sockets that send and count RTP and RTCP as a G.711 phone does. @module */
import { assert, assertEquals } from "../../../src/deps/assert.ts";
import { freeUdpBlock } from "./ports.ts";
import { pause, until } from "./until.ts";

const PACKET_MS = 20;
const RTP_HEADER_BYTES = 12;
const G711_PAYLOAD_BYTES = 160;

/** A datagram as it arrived. */
export interface Arrival {
  readonly bytes: Uint8Array;
  readonly from: Deno.NetAddr;
}

/** Where a party's packets go: what the SDP that it received says. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
}

/** One socket: what it sent and what came to it. */
class Component {
  readonly port: number;
  readonly sent: Uint8Array[] = [];
  readonly arrived: Arrival[] = [];
  readonly #socket: Deno.DatagramConn;

  constructor(hostname: string, port: number) {
    this.port = port;
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port });
    this.#receive();
  }

  async send(bytes: Uint8Array, target: Target): Promise<void> {
    this.sent.push(bytes);
    await this.sendUncounted(bytes, target);
  }

  /** Sends something that is not media. */
  async sendUncounted(bytes: Uint8Array, { hostname, port }: Target): Promise<void> {
    await this.#socket.send(bytes, { transport: "udp", hostname, port });
  }

  close(): void {
    try {
      this.#socket.close();
    } catch {
      // closed before
    }
  }

  async #receive(): Promise<void> {
    for (;;) {
      try {
        const [bytes, from] = await this.#socket.receive(new Uint8Array(2048));
        this.arrived.push({ bytes, from: from as Deno.NetAddr });
      } catch {
        return; // closed
      }
    }
  }
}

/** One stream of one party. */
export class MediaEndpoint implements Disposable {
  readonly address: string;
  readonly rtp: Component;
  readonly rtcp: Component;
  readonly #ssrc: number;
  readonly #payloadType: number;
  #sequence: number;
  #timestamp: number;

  private constructor(address: string, port: number, payloadType: number) {
    this.address = address;
    this.rtp = new Component(address, port);
    this.rtcp = new Component(address, port + 1);
    this.#payloadType = payloadType;
    const [ssrc, sequence, timestamp] = crypto.getRandomValues(new Uint32Array(3));
    this.#ssrc = ssrc!;
    this.#sequence = sequence! & 0xffff;
    this.#timestamp = timestamp!;
  }

  /** Opens a pair of sockets. `address` is an address of the loopback network. */
  static open(address: string, payloadType = 0): MediaEndpoint {
    return new MediaEndpoint(address, freeUdpBlock(2), payloadType);
  }

  get port(): number {
    return this.rtp.port;
  }

  /** Everything that was sent: RTP and RTCP. */
  get sentPackets(): number {
    return this.rtp.sent.length + this.rtcp.sent.length;
  }

  /** UDP payload bytes of everything that was sent. */
  get sentBytes(): number {
    return [...this.rtp.sent, ...this.rtcp.sent].reduce((sum, bytes) => sum + bytes.length, 0);
  }

  /** Sends the next RTP packet (RFC 3550 §5.1) of 20 ms of audio. */
  sendRtp(target: Target): Promise<void> {
    const packet = new Uint8Array(RTP_HEADER_BYTES + G711_PAYLOAD_BYTES);
    const view = new DataView(packet.buffer);
    view.setUint8(0, 2 << 6);
    view.setUint8(1, this.#payloadType);
    view.setUint16(2, this.#sequence = (this.#sequence + 1) & 0xffff);
    view.setUint32(4, this.#timestamp = (this.#timestamp + G711_PAYLOAD_BYTES) >>> 0);
    view.setUint32(8, this.#ssrc);
    crypto.getRandomValues(packet.subarray(RTP_HEADER_BYTES));
    return this.rtp.send(packet, target);
  }

  /** Sends an RTCP receiver report without blocks (RFC 3550 §6.4.2) to the port after `target`'s. */
  sendRtcp({ hostname, port }: Target): Promise<void> {
    const packet = new Uint8Array(8);
    const view = new DataView(packet.buffer);
    view.setUint8(0, 2 << 6);
    view.setUint8(1, 201);
    view.setUint16(2, 1);
    view.setUint32(4, this.#ssrc);
    return this.rtcp.send(packet, { hostname, port: port + 1 });
  }

  close(): void {
    this.rtp.close();
    this.rtcp.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** An endpoint and where its packets go. */
export interface Side {
  readonly media: MediaEndpoint;
  readonly to: Target;
}

/**
 * Has both sides talk at 20 ms pace until both hear each other, so that the relay has learnt both addresses; what was
 * sent before that may be lost, but it counts.
 */
export async function untilHeard(a: Side, b: Side, options: { rtcp?: boolean } = {}): Promise<void> {
  const { rtcp = true } = options;
  const before = [a, b].map(({ media }) => [media.rtp.arrived.length, media.rtcp.arrived.length] as const);
  const heard = () =>
    [a, b].every(({ media }, index) =>
      media.rtp.arrived.length > before[index]![0] && (!rtcp || media.rtcp.arrived.length > before[index]![1])
    );
  const counts = () =>
    [a, b].map(({ media }) =>
      `${media.address}:${media.port} sent ${media.rtp.sent.length}+${media.rtcp.sent.length}, ` +
      `received ${media.rtp.arrived.length}+${media.rtcp.arrived.length}`
    ).join("; ");
  await until(() => `both parties to hear each other (${counts()})`, async () => {
    for (const { media, to } of [a, b]) {
      await media.sendRtp(to);
      if (rtcp) await media.sendRtcp(to);
    }
    await pause(PACKET_MS);
    return heard();
  });
}

/**
 * Both sides send `packets` of RTP at 20 ms pace and two of RTCP; all of it must arrive at the other side, in order,
 * unchanged, and from the address which that side itself sends to.
 */
export async function exchange(a: Side, b: Side, packets = 15): Promise<void> {
  await untilHeard(a, b);
  await settle([a.media, b.media]);
  const marks = [a, b].map(({ media }) => ({
    sentRtp: media.rtp.sent.length,
    sentRtcp: media.rtcp.sent.length,
    gotRtp: media.rtp.arrived.length,
    gotRtcp: media.rtcp.arrived.length,
  }));
  for (let index = 0; index < packets; index++) {
    for (const { media, to } of [a, b]) {
      await media.sendRtp(to);
      if (index < 2) await media.sendRtcp(to);
    }
    await pause(PACKET_MS);
  }
  for (const [sender, receiver, from, to] of [[a, b, marks[0]!, marks[1]!], [b, a, marks[1]!, marks[0]!]] as const) {
    const rtp = sender.media.rtp.sent.slice(from.sentRtp);
    const rtcp = sender.media.rtcp.sent.slice(from.sentRtcp);
    await until(
      () => `${rtp.length} packets (so far ${receiver.media.rtp.arrived.length - to.gotRtp}) at ${receiver.media.port}`,
      () =>
        receiver.media.rtp.arrived.length >= to.gotRtp + rtp.length &&
        receiver.media.rtcp.arrived.length >= to.gotRtcp + rtcp.length,
    );
    assertArrived(receiver.media.rtp.arrived.slice(to.gotRtp), rtp, receiver.to);
    const rtcpTarget = { hostname: receiver.to.hostname, port: receiver.to.port + 1 };
    assertArrived(receiver.media.rtcp.arrived.slice(to.gotRtcp), rtcp, rtcpTarget);
  }
}

/** Sends `packets` from one side at 20 ms pace. */
export async function talk({ media, to }: Side, packets: number): Promise<void> {
  for (let index = 0; index < packets; index++) {
    await media.sendRtp(to);
    await pause(PACKET_MS);
  }
}

/** Waits until nothing has arrived anywhere for the length of a few packets. */
async function settle(endpoints: readonly MediaEndpoint[]): Promise<void> {
  const count = () => endpoints.reduce((sum, { rtp, rtcp }) => sum + rtp.arrived.length + rtcp.arrived.length, 0);
  let last = -1;
  await until("packets under way to arrive", async () => {
    const now = count();
    if (now === last) return true;
    last = now;
    await pause(3 * PACKET_MS);
    return false;
  });
}

function assertArrived(arrived: readonly Arrival[], sent: readonly Uint8Array[], source: Target): void {
  assertEquals(arrived.length, sent.length);
  for (const [index, { bytes, from }] of arrived.entries()) {
    assertEquals(bytes, sent[index]!, `packet ${index} is not what was sent`);
    assert(
      from.port === source.port && from.hostname === source.hostname,
      `from ${from.hostname}:${from.port}, not from the relay's ${source.hostname}:${source.port}`,
    );
  }
}
