/**
 * Reads sender and receiver reports (RFC 3550 §6.4) in RTCP that passes through.
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |V=2|P|   RC    |  PT=200, 201  |    length in words, less one  |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                     SSRC of whoever reports                   |
 * +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+  PT=200 only
 * |             NTP timestamp, seconds and fraction               |
 * |           RTP timestamp, packet count, octet count            |
 * +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+  RC times
 * |                   SSRC of what is reported on                 |
 * | fraction lost |       cumulative number of packets lost       |
 * |        extended highest sequence number received              |
 * |                      interarrival jitter                      |
 * |         last SR (LSR): middle 32 bits of its NTP timestamp    |
 * |          delay since last SR (DLSR), 1/65536 s                |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * ```
 * SDES, BYE, APP and feedback are skipped. SRTCP (RFC 3711 §3.4) is encrypted behind its first eight bytes and has 14
 * bytes or more at its end that no length field covers, so the walk over the length fields misses the packet's end, and
 * nothing is read: what can be read was meant to be.
 * @module
 */

const HEADER_BYTES = 4;
const REPORTER_BYTES = 8;
const SENDER_INFO_BYTES = 20;
const BLOCK_BYTES = 24;
const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;

/** Takes what `readReports` finds. SSRCs and timestamps are signed 32-bit numbers: good for comparing. */
export interface ReportReader {
  /** `ntpMiddle` is what receivers will echo as LSR. */
  senderReport(reporter: number, ntpMiddle: number, nowMs: number): void;
  /** `packet` and `offset` say where the block is; `fractionLost` and its like read it. Not to be kept. */
  reportBlock(packet: Uint8Array, offset: number, nowMs: number): void;
}

/**
 * Passes the reports in a compound packet to `reader`, in their order. Returns whether it could be read: RTCP in clear,
 * whole, every length in it right (RFC 3550 §A.2); if not, `reader` has seen nothing. Total over all bytes; allocates
 * nothing.
 */
export function readReports(packet: Uint8Array, reader: ReportReader, nowMs: number): boolean {
  if (!isCompound(packet)) return false;
  for (let offset = 0; offset < packet.length; offset += sizeAt(packet, offset)) {
    const type = packet[offset + 1]!;
    if (type !== SENDER_REPORT && type !== RECEIVER_REPORT) continue;
    let block = offset + REPORTER_BYTES;
    if (type === SENDER_REPORT) {
      reader.senderReport(int32(packet, offset + 4), int32(packet, offset + 10), nowMs);
      block += SENDER_INFO_BYTES;
    }
    for (let left = packet[offset]! & 0x1f; left > 0; left--, block += BLOCK_BYTES) {
      reader.reportBlock(packet, block, nowMs);
    }
  }
  return true;
}

/** Whether the packets in it fill it exactly, and each is long enough for what it says it holds. */
function isCompound(packet: Uint8Array): boolean {
  let offset = 0;
  while (offset < packet.length) {
    if (packet.length - offset < HEADER_BYTES || packet[offset]! >>> 6 !== 2) return false;
    const type = packet[offset + 1]!;
    if (type < 192 || type > 223) return false; // RFC 5761 §4
    const size = sizeAt(packet, offset);
    if (offset + size > packet.length) return false;
    const blocks = (packet[offset]! & 0x1f) * BLOCK_BYTES;
    if (type === SENDER_REPORT && size < REPORTER_BYTES + SENDER_INFO_BYTES + blocks) return false;
    if (type === RECEIVER_REPORT && size < REPORTER_BYTES + blocks) return false;
    offset += size;
  }
  return packet.length > 0;
}

function sizeAt(packet: Uint8Array, offset: number): number {
  return ((packet[offset + 2]! << 8 | packet[offset + 3]!) + 1) * 4;
}

function int32(packet: Uint8Array, offset: number): number {
  return packet[offset]! << 24 | packet[offset + 1]! << 16 | packet[offset + 2]! << 8 | packet[offset + 3]!;
}

/** Whose packets the block reports on. */
export function blockSsrc(packet: Uint8Array, offset: number): number {
  return int32(packet, offset);
}

/** The share of packets lost since the report before, 0 to 1. */
export function fractionLost(packet: Uint8Array, offset: number): number {
  return packet[offset + 4]! / 256;
}

/** Packets lost since the beginning; negative if duplicates outnumber losses. */
export function cumulativeLost(packet: Uint8Array, offset: number): number {
  return int32(packet, offset + 4) << 8 >> 8;
}

/** Interarrival jitter in units of the stream's clock. */
export function reportedJitter(packet: Uint8Array, offset: number): number {
  return int32(packet, offset + 12) >>> 0;
}

/** The middle 32 bits of the NTP timestamp of the last sender report that came; 0 if none has. */
export function lastSenderReport(packet: Uint8Array, offset: number): number {
  return int32(packet, offset + 16);
}

/** How long ago that was for whoever reports, in milliseconds. */
export function delaySinceLastSenderReportMs(packet: Uint8Array, offset: number): number {
  return (int32(packet, offset + 20) >>> 0) / 65.536;
}
