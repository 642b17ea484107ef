/**
 * UDPTL, the packets of fax over IP. It has no header to know it by, but not every datagram can be one.
 *
 * ```text
 * | sequence number, 2 octets | length, 1 or 2 octets | primary IFP packet | 0: copies follow, 128: parity follows | ...
 * ```
 * @module
 */

const SEQUENCE_BYTES = 2;
/** A length below 128 takes one octet, one below 16,384 two, the first beginning with the bits 10 (ITU-T X.691 §11.9). */
const LONG_LENGTH = 0x80;
const FRAGMENTED = 0x40;

/** Whether a datagram can be UDPTL (ITU-T T.38 §9.1). Total over all bytes. */
export function isUdptl(packet: Uint8Array): boolean {
  const first = packet[SEQUENCE_BYTES];
  if (first === undefined) return false;
  const isLong = (first & LONG_LENGTH) !== 0;
  if (isLong && (first & FRAGMENTED) !== 0) return false; // 16 KiB and more fit into no fax packet
  const length = isLong ? (first & 0x3f) << 8 | packet[SEQUENCE_BYTES + 1]! : first;
  const recovery = packet[SEQUENCE_BYTES + (isLong ? 2 : 1) + length];
  return length > 0 && recovery !== undefined && (recovery & 0x7f) === 0;
}
