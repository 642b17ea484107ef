/**
 * Binding: who asks is told the address that he is seen with (RFC 8489 §2, §12). SIP uses it on its own port as a
 * keepalive for UDP (RFC 5626 §3.5.2), so no credentials are asked for.
 * @module
 */
import {
  decodeMappedAddress,
  decodeXorMappedAddress,
  encodeXorMappedAddress,
  type TransportAddress,
} from "./mapped_address.ts";
import { decodeStun, encodeStun, STUN_ATTRIBUTE, STUN_TYPE, type StunAttribute, type StunMessage } from "./message.ts";

/** Comprehension-required ones that mean something to us, or nothing wrong: credentials are not needed here. */
const UNDERSTOOD: ReadonlySet<number> = new Set(Object.values(STUN_ATTRIBUTE));
const FIRST_OPTIONAL = 0x8000;
const UNKNOWN_ATTRIBUTE = 420;

/** What is optional in a message that we encode. */
export interface BindingOptions {
  /** Who we are, at most 127 characters; absent: no SOFTWARE. */
  readonly software?: string;
  /** FINGERPRINT at the end. */
  readonly hasFingerprint?: boolean;
}

/** What a server said to a binding request. */
export interface BindingResponse {
  /** 12 bytes, a view: the request's. */
  readonly transactionId: Uint8Array;
  /** Our address as the server sees it; `undefined` in an error. */
  readonly mappedAddress: TransportAddress | undefined;
  /** 300 to 699; 0 if there is no error. */
  readonly errorCode: number;
}

/** Encodes a binding request; `transactionId` has 12 bytes, which should be random. */
export function encodeBindingRequest(transactionId: Uint8Array, options: BindingOptions = {}): Uint8Array<ArrayBuffer> {
  return encode(STUN_TYPE.BINDING_REQUEST, transactionId, [], options);
}

/** Encodes the answer to a binding request: `source` is where it came from. */
export function encodeBindingSuccess(
  transactionId: Uint8Array,
  source: TransportAddress,
  options: BindingOptions = {},
): Uint8Array<ArrayBuffer> {
  const value = encodeXorMappedAddress(source, transactionId);
  return encode(
    STUN_TYPE.BINDING_SUCCESS,
    transactionId,
    [{ type: STUN_ATTRIBUTE.XOR_MAPPED_ADDRESS, value }],
    options,
  );
}

/**
 * The answer to a datagram: its sender's address to a binding request, 420 if that has attributes which we must
 * understand and do not (RFC 8489 §6.3.1); `undefined` if it is anything else. Total.
 */
export function answerBindingRequest(
  datagram: Uint8Array,
  source: TransportAddress,
  software?: string,
): Uint8Array<ArrayBuffer> | undefined {
  const request = decodeStun(datagram);
  if (request?.type !== STUN_TYPE.BINDING_REQUEST) return undefined;
  const { transactionId, hasFingerprint } = request;
  const options = software === undefined ? { hasFingerprint } : { hasFingerprint, software };
  const unknown = request.attributes.map(({ type }) => type)
    .filter((type) => type < FIRST_OPTIONAL && !UNDERSTOOD.has(type));
  return unknown.length === 0
    ? encodeBindingSuccess(transactionId, source, options)
    : encode(STUN_TYPE.BINDING_ERROR, transactionId, refusal([...new Set(unknown)]), options);
}

/** Decodes the answer to a binding request; `undefined` if it is anything else. Total. */
export function decodeBindingResponse(datagram: Uint8Array): BindingResponse | undefined {
  const message = decodeStun(datagram);
  if (message === undefined) return undefined;
  const { type, transactionId } = message;
  if (type === STUN_TYPE.BINDING_ERROR) {
    const code = find(message, STUN_ATTRIBUTE.ERROR_CODE);
    if (code === undefined || code.length < 4) return undefined;
    return { transactionId, mappedAddress: undefined, errorCode: (code[2]! & 7) * 100 + code[3]! };
  }
  if (type !== STUN_TYPE.BINDING_SUCCESS) return undefined;
  const xored = find(message, STUN_ATTRIBUTE.XOR_MAPPED_ADDRESS);
  const plain = find(message, STUN_ATTRIBUTE.MAPPED_ADDRESS);
  const mappedAddress = xored !== undefined
    ? decodeXorMappedAddress(xored, transactionId)
    : plain && decodeMappedAddress(plain);
  return mappedAddress && { transactionId, mappedAddress, errorCode: 0 };
}

/** ERROR-CODE and UNKNOWN-ATTRIBUTES (RFC 8489 §14.8, §14.9). */
function refusal(unknown: readonly number[]): StunAttribute[] {
  const code = [0, 0, Math.floor(UNKNOWN_ATTRIBUTE / 100), UNKNOWN_ATTRIBUTE % 100];
  return [
    {
      type: STUN_ATTRIBUTE.ERROR_CODE,
      value: Uint8Array.of(...code, ...new TextEncoder().encode("Unknown Attribute")),
    },
    {
      type: STUN_ATTRIBUTE.UNKNOWN_ATTRIBUTES,
      value: Uint8Array.from(unknown.flatMap((type) => [type >>> 8, type & 0xff])),
    },
  ];
}

function encode(
  type: number,
  transactionId: Uint8Array,
  attributes: readonly StunAttribute[],
  { software, hasFingerprint = false }: BindingOptions,
): Uint8Array<ArrayBuffer> {
  const named = software === undefined
    ? attributes
    : [...attributes, { type: STUN_ATTRIBUTE.SOFTWARE, value: new TextEncoder().encode(software) }];
  return encodeStun({ type, transactionId, attributes: named, hasFingerprint });
}

/** Of several attributes of one type, the first counts (RFC 8489 §5). */
function find({ attributes }: StunMessage, wanted: number): Uint8Array | undefined {
  return attributes.find(({ type }) => type === wanted)?.value;
}
