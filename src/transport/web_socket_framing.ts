/**
 * WebSocket frames as a server reads and writes them (RFC 6455 §5); each message is one of SIP (RFC 7118 §5).
 *
 * ```text
 *  0                   1                   2                   3
 * +-+-+-+-+-------+-+-------------+-------------------------------+
 * |F|R|R|R| opcode|M| length      | 16 bits more if length is 126 |
 * |I|S|S|S|  (4)  |A|    (7)      | 64 bits more if it is 127     |
 * |N|V|V|V|       |S|             |                               |
 * +-+-+-+-+-------+-+-------------+-------------------------------+
 * | key of 32 bits if MASK is set: what clients send must be masked, what servers send must not
 * ```
 * Interop: a text message that is no UTF-8 is taken, as SIP's parser takes any bytes.
 * @module
 */
import { decodeOctets, octetsToUtf8 } from "../sip/octets.ts";
import type { Framed, Framing } from "./framing.ts";

/** As for streams: a head and a body. */
const MAX_MESSAGE_BYTES = 320 * 1024;
const MAX_CONTROL_BYTES = 125;
const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** Status codes of a close (RFC 6455 §7.4.1). */
const NORMAL_CLOSURE = 1000;
const PROTOCOL_ERROR = 1002;
const TOO_BIG = 1009;

const KEEPALIVE = /^(?:\r\n)*$/;
const NOTHING = new Uint8Array(0);

/** A frame without its mask. */
interface Frame {
  readonly isFinal: boolean;
  readonly opcode: number;
  readonly payload: string;
}

/** Why a connection has to end. */
class FrameError extends Error {
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

/** See the module comment. */
export class WebSocketFraming implements Framing {
  readonly ping = encodeFrame(PING, "");
  /** Bytes of a frame that has not ended. */
  #buffer = NOTHING;
  /** The fragments of a message that has not ended; `undefined` between messages. */
  #message: string | undefined = undefined;
  #code = NORMAL_CLOSURE;
  #isOver = false;

  get isUnfinished(): boolean {
    return this.#buffer.length > 0 || this.#message !== undefined;
  }

  get farewell(): string {
    return encodeFrame(CLOSE, String.fromCharCode(this.#code >> 8, this.#code & 255));
  }

  frame(message: string): string {
    // Browsers' phones expect text; what is no UTF-8 can only travel as bytes (RFC 7118 §5).
    return encodeFrame(octetsToUtf8(message).includes("\ufffd") ? BINARY : TEXT, message);
  }

  push(chunk: Uint8Array): Framed[] {
    const items: Framed[] = [];
    let bytes = chunk;
    if (this.#buffer.length > 0) {
      bytes = new Uint8Array(this.#buffer.length + chunk.length);
      bytes.set(this.#buffer);
      bytes.set(chunk, this.#buffer.length);
    }
    let start = 0;
    try {
      while (!this.#isOver) {
        const end = frameEnd(bytes, start, (this.#message ?? "").length);
        if (end === undefined) break;
        const item = this.#take(decodeFrame(bytes, start, end));
        if (item !== undefined) items.push(item);
        start = end;
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#isOver = true;
      this.#code = error.code;
      items.push({ kind: "fault", reason: `Cannot read the WebSocket: ${error.message}`, statusHint: 400, head: "" });
    }
    this.#buffer = this.#isOver ? NOTHING : bytes.slice(start);
    return items;
  }

  #take({ isFinal, opcode, payload }: Frame): Framed | undefined {
    switch (opcode) {
      case CONTINUATION:
        if (this.#message === undefined) throw new FrameError(PROTOCOL_ERROR, "a continuation of nothing");
        return this.#add(payload, isFinal);
      case TEXT:
      case BINARY:
        if (this.#message !== undefined) throw new FrameError(PROTOCOL_ERROR, "a message within another");
        return this.#add(payload, isFinal);
      case PING:
        return { kind: "keepalive", answer: encodeFrame(PONG, payload) };
      case PONG:
        return { kind: "keepalive", answer: "" };
      case CLOSE:
        this.#isOver = true;
        return { kind: "end", reason: "the peer closed it" };
      default:
        throw new FrameError(PROTOCOL_ERROR, `opcode ${opcode}`);
    }
  }

  #add(payload: string, isFinal: boolean): Framed | undefined {
    const text = (this.#message ?? "") + payload;
    this.#message = isFinal ? undefined : text;
    if (!isFinal) return undefined;
    if (!KEEPALIVE.test(text)) return { kind: "message", text };
    // RFC 5626 §3.5.1, as JsSIP and others do over WebSocket too
    return { kind: "keepalive", answer: text === "\r\n\r\n" ? this.frame("\r\n") : "" };
  }
}

/** Where the frame at `start` ends; `undefined` if it has not come yet. @throws FrameError */
function frameEnd(bytes: Uint8Array, start: number, pendingBytes: number): number | undefined {
  if (bytes.length < start + 2) return undefined;
  const [first, second] = [bytes[start]!, bytes[start + 1]!];
  if ((first & 0x70) !== 0) throw new FrameError(PROTOCOL_ERROR, "a reserved bit");
  if ((second & 0x80) === 0) throw new FrameError(PROTOCOL_ERROR, "a frame without mask");
  const isControl = (first & 0x08) !== 0;
  const short = second & 0x7f;
  if (isControl && ((first & 0x80) === 0 || short > MAX_CONTROL_BYTES)) {
    throw new FrameError(PROTOCOL_ERROR, "a control frame in fragments, or too long");
  }
  const headBytes = headBytesOf(short);
  if (bytes.length < start + headBytes) return undefined;
  const length = lengthAt(bytes, start, short);
  if (length + (isControl ? 0 : pendingBytes) > MAX_MESSAGE_BYTES) {
    throw new FrameError(TOO_BIG, `a message of more than ${MAX_MESSAGE_BYTES} bytes`);
  }
  const end = start + headBytes + length;
  return end > bytes.length ? undefined : end;
}

function headBytesOf(short: number): number {
  return short === 127 ? 14 : short === 126 ? 8 : 6;
}

function lengthAt(bytes: Uint8Array, start: number, short: number): number {
  if (short < 126) return short;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start + 2);
  return short === 126 ? view.getUint16(0) : view.getUint32(0) * 2 ** 32 + view.getUint32(4);
}

function decodeFrame(bytes: Uint8Array, start: number, end: number): Frame {
  const first = bytes[start]!;
  const payloadAt = start + headBytesOf(bytes[start + 1]! & 0x7f);
  const payload = new Uint8Array(end - payloadAt);
  for (let index = 0; index < payload.length; index++) {
    payload[index] = bytes[payloadAt + index]! ^ bytes[payloadAt - 4 + (index & 3)]!;
  }
  return { isFinal: (first & 0x80) !== 0, opcode: first & 0x0f, payload: decodeOctets(payload) };
}

/** A whole frame of a server's, as an octet string. */
function encodeFrame(opcode: number, payload: string): string {
  const { length } = payload;
  const octet = String.fromCharCode;
  const head = length < 126
    ? octet(length)
    : length < 65_536
    ? octet(126, length >> 8, length & 255)
    : octet(127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255);
  return octet(0x80 | opcode) + head + payload;
}
