/**
 * STUN messages (RFC 8489 §5; RFC 5389 looks the same).
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |0 0|  type: method and class   |  length without this header   |
 * |                   magic cookie: 0x2112A442                    |
 * |                   transaction ID (96 bits)                    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |        attribute type         |  length without the padding   |  each attribute begins at a multiple of 4
 * ```
 * @module
 */
import { crc32 } from "./crc32.ts";

export const STUN_HEADER_BYTES = 20;
export const MAGIC_COOKIE = 0x2112a442;
export const TRANSACTION_ID_BYTES = 12;

/** Method and class together, as the first two bytes (RFC 8489 §5, §18.2). */
export const STUN_TYPE = { BINDING_REQUEST: 0x0001, BINDING_SUCCESS: 0x0101, BINDING_ERROR: 0x0111 } as const;

/** RFC 8489 §18.3. Types below 0x8000 have to be understood by who receives them. */
export const STUN_ATTRIBUTE = {
  MAPPED_ADDRESS: 0x0001,
  USERNAME: 0x0006,
  MESSAGE_INTEGRITY: 0x0008,
  ERROR_CODE: 0x0009,
  UNKNOWN_ATTRIBUTES: 0x000a,
  REALM: 0x0014,
  NONCE: 0x0015,
  MESSAGE_INTEGRITY_SHA256: 0x001c,
  PASSWORD_ALGORITHM: 0x001d,
  USERHASH: 0x001e,
  XOR_MAPPED_ADDRESS: 0x0020,
  SOFTWARE: 0x8022,
  FINGERPRINT: 0x8028,
} as const;

/** One attribute. */
export interface StunAttribute {
  readonly type: number;
  /** Without the padding; a view of what was decoded. */
  readonly value: Uint8Array;
}

/** A message whose attributes have not been looked at, but for FINGERPRINT. */
export interface StunMessage {
  /** One of {@linkcode STUN_TYPE}, or another. */
  readonly type: number;
  /** 12 bytes; a view of what was decoded. */
  readonly transactionId: Uint8Array;
  /** In their order, FINGERPRINT left out. */
  readonly attributes: readonly StunAttribute[];
  /** Whether there was a FINGERPRINT, and so it was right. */
  readonly hasFingerprint: boolean;
}

const FINGERPRINT_BYTES = 8;
/** RFC 8489 §14.7: so that it differs from other checksums. */
const FINGERPRINT_XOR = 0x5354554e;
/** As many as a message of any use has; each is an object. */
const MAX_ATTRIBUTES = 64;

/** Whether a datagram is STUN and not SIP, which begins with a letter (RFC 5626 §8, RFC 8489 §5). Total. */
export function isStun(bytes: Uint8Array): boolean {
  return bytes.length >= STUN_HEADER_BYTES && bytes[0]! < 0x40 && readUint32(bytes, 4) === MAGIC_COOKIE &&
    (bytes[3]! & 3) === 0 && readUint16(bytes, 2) === bytes.length - STUN_HEADER_BYTES;
}

/** Decodes a datagram; `undefined` if it is not STUN, an attribute exceeds it, or its FINGERPRINT is wrong. Total. */
export function decodeStun(bytes: Uint8Array): StunMessage | undefined {
  if (!isStun(bytes)) return undefined;
  const attributes: StunAttribute[] = [];
  let hasFingerprint = false;
  let offset = STUN_HEADER_BYTES;
  while (offset < bytes.length) { // the length is a multiple of 4, so there are at least 4 bytes
    const type = readUint16(bytes, offset);
    const start = offset + 4;
    const end = start + readUint16(bytes, offset + 2);
    if (end > bytes.length || attributes.length >= MAX_ATTRIBUTES) return undefined;
    if (type === STUN_ATTRIBUTE.FINGERPRINT) {
      // It is the last one (RFC 8489 §14.7).
      if (end !== start + 4 || end !== bytes.length || readUint32(bytes, start) !== fingerprint(bytes)) {
        return undefined;
      }
      hasFingerprint = true;
    } else {
      attributes.push({ type, value: bytes.subarray(start, end) });
    }
    offset = (end + 3) & ~3;
  }
  const transactionId = bytes.subarray(8, STUN_HEADER_BYTES);
  return { type: readUint16(bytes, 0), transactionId, attributes, hasFingerprint };
}

/**
 * Encodes a message: its attributes in their order, then FINGERPRINT if `hasFingerprint`.
 * @throws RangeError if the transaction ID has not 12 bytes
 */
export function encodeStun(message: StunMessage): Uint8Array<ArrayBuffer> {
  const { type, transactionId, attributes, hasFingerprint } = message;
  if (transactionId.length !== TRANSACTION_ID_BYTES) {
    throw new RangeError(`Cannot encode a transaction ID of ${transactionId.length} bytes: it has 12`);
  }
  const lengths = attributes.map(({ value }) => 4 + ((value.length + 3) & ~3));
  const length = lengths.reduce((sum, it) => sum + it, hasFingerprint ? FINGERPRINT_BYTES : 0);
  const bytes = new Uint8Array(STUN_HEADER_BYTES + length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type);
  view.setUint16(2, length);
  view.setUint32(4, MAGIC_COOKIE);
  bytes.set(transactionId, 8);
  let offset = STUN_HEADER_BYTES;
  for (const [index, attribute] of attributes.entries()) {
    view.setUint16(offset, attribute.type);
    view.setUint16(offset + 2, attribute.value.length);
    bytes.set(attribute.value, offset + 4);
    offset += lengths[index]!;
  }
  if (hasFingerprint) {
    view.setUint16(offset, STUN_ATTRIBUTE.FINGERPRINT);
    view.setUint16(offset + 2, 4);
    view.setUint32(offset + 4, fingerprint(bytes));
  }
  return bytes;
}

/** The value of FINGERPRINT for a message that ends in one: what stands before it is summed. */
function fingerprint(message: Uint8Array): number {
  return (crc32(message.subarray(0, message.length - FINGERPRINT_BYTES)) ^ FINGERPRINT_XOR) >>> 0;
}

function readUint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return (readUint16(bytes, offset) * 0x10000) + readUint16(bytes, offset + 2);
}
