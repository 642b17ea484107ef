/**
 * Hot path. What a datagram is, by its first byte (RFC 7983 §7), and the fields of an RTP header that a relay reads.
 *
 * ```text
 *                 +----------------+
 *                 |        [0..3] -+--> STUN (with its magic cookie)
 *                 |      [20..63] -+--> DTLS
 *                 |    [128..191] -+--> RTP, or RTCP if the second byte is 192 to 223 (RFC 5761 §4)
 *                 +----------------+
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                           timestamp                           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                             SSRC                              |
 * +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
 * ```
 * The functions that read fields want a packet that `classify` called RTP.
 * @module
 */

export type PacketKind = "rtp" | "rtcp" | "stun" | "dtls" | "other";

const RTP_HEADER_BYTES = 12;
const RTCP_HEADER_BYTES = 8;
const STUN_HEADER_BYTES = 20;

/** Total over all bytes; looks at lengths before it reads. */
export function classify(packet: Uint8Array): PacketKind {
  const length = packet.length;
  if (length < RTCP_HEADER_BYTES) return "other";
  const first = packet[0]!;
  if (first >>> 6 === 2) {
    const second = packet[1]!;
    if (second >= 192 && second <= 223) return "rtcp";
    return length >= RTP_HEADER_BYTES ? "rtp" : "other";
  }
  if (first <= 3) return isStun(packet) ? "stun" : "other";
  return first >= 20 && first <= 63 ? "dtls" : "other";
}

/** A STUN message: the magic cookie stands at offset 4 (RFC 8489 §5). */
export function isStun(packet: Uint8Array): boolean {
  return packet.length >= STUN_HEADER_BYTES && packet[0]! <= 3 &&
    packet[4] === 0x21 && packet[5] === 0x12 && packet[6] === 0xa4 && packet[7] === 0x42;
}

/** The RTP payload type, 0 to 127. */
export function payloadType(packet: Uint8Array): number {
  return packet[1]! & 0x7f;
}

/** The RTP sequence number, 0 to 65535. */
export function sequenceNumber(packet: Uint8Array): number {
  return packet[2]! << 8 | packet[3]!;
}

/** The RTP timestamp as a signed 32-bit number: good for differences (`| 0`), not for showing. */
export function timestamp(packet: Uint8Array): number {
  return packet[4]! << 24 | packet[5]! << 16 | packet[6]! << 8 | packet[7]!;
}

/** The RTP SSRC as a signed 32-bit number: good for comparing, not for showing. */
export function ssrc(packet: Uint8Array): number {
  return packet[8]! << 24 | packet[9]! << 16 | packet[10]! << 8 | packet[11]!;
}
