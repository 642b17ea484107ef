/**
 * XOR-MAPPED-ADDRESS (RFC 8489 §14.2), and MAPPED-ADDRESS (§14.1), which old servers send.
 *
 * ```text
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |0 0 0 0 0 0 0 0| family: 1, 2  |  port, ^ the cookie's half    |
 * |       address: 4 bytes ^ the cookie, or 16 bytes ^ the cookie and the transaction ID
 * ```
 * @module
 */
import { ipaddr } from "../deps/ipaddr.ts";
import { MAGIC_COOKIE } from "./message.ts";

/** An address as its owner is seen from outside. */
export interface TransportAddress {
  /** A literal in canonical form, without brackets. */
  readonly address: string;
  /** 0 to 65535. */
  readonly port: number;
}

const FAMILY_BYTES: Readonly<Record<number, number>> = { 1: 4, 2: 16 };

/**
 * Encodes the value of XOR-MAPPED-ADDRESS.
 * @throws Error if the address is no literal
 */
export function encodeXorMappedAddress(
  { address, port }: TransportAddress,
  transactionId: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const octets = ipaddr.parse(address).toByteArray();
  const mask = maskOf(transactionId);
  const value = new Uint8Array(4 + octets.length);
  value[1] = octets.length === 4 ? 1 : 2;
  value[2] = (port >>> 8) ^ mask[0]!;
  value[3] = (port & 0xff) ^ mask[1]!;
  for (let index = 0; index < octets.length; index++) value[4 + index] = octets[index]! ^ mask[index]!;
  return value;
}

/** Decodes the value of XOR-MAPPED-ADDRESS; `undefined` if it has another form. */
export function decodeXorMappedAddress(value: Uint8Array, transactionId: Uint8Array): TransportAddress | undefined {
  return decode(value, maskOf(transactionId));
}

/** Decodes the value of MAPPED-ADDRESS; `undefined` if it has another form. */
export function decodeMappedAddress(value: Uint8Array): TransportAddress | undefined {
  return decode(value, new Uint8Array(16));
}

function decode(value: Uint8Array, mask: Uint8Array): TransportAddress | undefined {
  const length = value.length < 4 ? undefined : FAMILY_BYTES[value[1]!];
  if (length === undefined || value.length !== 4 + length) return undefined;
  const octets = Array.from(value.subarray(4), (byte, index) => byte ^ mask[index]!);
  const port = ((value[2]! ^ mask[0]!) << 8) | (value[3]! ^ mask[1]!);
  return { address: ipaddr.fromByteArray(octets).toString(), port };
}

function maskOf(transactionId: Uint8Array): Uint8Array {
  const mask = new Uint8Array(16);
  new DataView(mask.buffer).setUint32(0, MAGIC_COOKIE);
  mask.set(transactionId.subarray(0, 12), 4);
  return mask;
}
