/**
 * Listens to the G.711 that reaches a phone: what is on the wire, whatever the phone makes of it. tcpdump writes the
 * packets (pcap, with Ethernet headers), this file takes the samples out of them.
 * @module
 */
import type { Home } from "./lab.ts";
import { PHONE_RTP_PORTS } from "./nat.ts";
import type { PeerProcess } from "./process.ts";
import { programPath } from "./programs.ts";
import { type Sound, type SoundSource, TONE_RATE_HZ } from "./recording.ts";

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const ETHERNET_BYTES = 14;
const ETHERTYPE_IPV6 = 0x86dd;
const IPV6_BYTES = 40;
const UDP_BYTES = 8;
const RTP_BYTES = 12;
const PAYLOAD_TYPE_PCMU = 0;

/** A running tcpdump. */
export class WireTap implements SoundSource, AsyncDisposable {
  readonly #path: string;
  readonly #process: PeerProcess;

  private constructor(path: string, process: PeerProcess) {
    this.#path = path;
    this.#process = process;
  }

  /** Listens to what is sent to `address` in a home; `path` is where tcpdump writes. Resolves once it listens. */
  static async start(home: Home, address: string, path: string): Promise<WireTap> {
    const filter = `udp and dst host ${address} and dst portrange ${PHONE_RTP_PORTS.join("-")}`;
    const process = home.start("tcpdump", programPath("tcpdump"), [
      ...["-i", "eth0", "-n", "-U", "--immediate-mode", "-Z", "root", "-w", path],
      filter,
    ]);
    await process.line(/listening on eth0/);
    return new WireTap(path, process);
  }

  sound(): Sound {
    const samples = g711Packets(Deno.readFileSync(this.#path)).flatMap((payload) => [...payload].map(decodeMuLaw));
    return { samples: Int16Array.from(samples), rateHz: TONE_RATE_HZ };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}

/** The PCMU payloads of the RTP packets in a pcap file that may still be growing, in the order of their arrival. */
function g711Packets(file: Uint8Array): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let offset = FILE_HEADER_BYTES;
  while (offset + RECORD_HEADER_BYTES <= file.length) {
    const length = view.getUint32(offset + 8, true);
    const frame = offset + RECORD_HEADER_BYTES;
    if (frame + length > file.length) break;
    const ip = frame + ETHERNET_BYTES;
    const isIpv6 = view.getUint16(frame + 12) === ETHERTYPE_IPV6;
    const rtp = ip + (isIpv6 ? IPV6_BYTES : (file[ip]! & 0x0f) * 4) + UDP_BYTES;
    const end = frame + length;
    if (rtp + RTP_BYTES < end && file[rtp]! >> 6 === 2 && (file[rtp + 1]! & 0x7f) === PAYLOAD_TYPE_PCMU) {
      payloads.push(file.subarray(rtp + RTP_BYTES, end));
    }
    offset = end;
  }
  return payloads;
}

/** ITU-T G.711, μ-law. */
function decodeMuLaw(code: number): number {
  const inverted = ~code & 0xff;
  const magnitude = (((inverted & 0x0f) << 3) + 0x84) << ((inverted >> 4) & 7);
  return inverted & 0x80 ? 0x84 - magnitude : magnitude - 0x84;
}
