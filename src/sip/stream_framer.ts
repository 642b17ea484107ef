/**
 * Bytes of a stream to messages (RFC 3261 §18.3, §20.14) and keepalives (RFC 5626 §3.5.1).
 *
 * ```text
 * CRLF*  start-line CRLF  (header CRLF)*  CRLF  body, as long as Content-Length says  CRLF*  start-line ...
 * ```
 * Where one message ends wrongly, nobody knows where the next begins: after a fault the connection has to be closed.
 * @module
 */
import { shown } from "./errors.ts";
import { decodeOctets } from "./octets.ts";
import { MAX_HEAD_BYTES } from "./parse_message.ts";

/** What a stream holds, in its order. */
export type FramedItem = FramedMessage | FramedPing | FramedFault;

/** A whole message: head, empty line and body as an octet string. Nothing but its length was looked at. */
export interface FramedMessage {
  readonly kind: "message";
  readonly text: string;
}

/** CRLF CRLF between messages: the peer wants a CRLF back (RFC 5626 §3.5.1, §4.4.1). */
export interface FramedPing {
  readonly kind: "ping";
}

/** The stream cannot be read any further. It is the last item. */
export interface FramedFault {
  readonly kind: "fault";
  /** "Cannot ...: ...". */
  readonly reason: string;
  /** The status that answers it if `head` is a request's: 400 or 513. */
  readonly statusHint: number;
  /** The head with its empty line, if it was there; else "". */
  readonly head: string;
}

/** What is kept of one message. */
export interface StreamLimits {
  /** Of the head without its empty line. */
  readonly maxHeadBytes: number;
  readonly maxBodyBytes: number;
}

const DEFAULT_LIMITS: StreamLimits = { maxHeadBytes: MAX_HEAD_BYTES, maxBodyBytes: 256 * 1024 };
const CR = 13;
const LF = 10;
/** What ends a head; between messages it is a ping. */
const EMPTY_LINE = "\r\n\r\n";
/** What a start-line can begin with: a token (RFC 3261 §25.1), which "SIP" is too. A TLS handshake, say, does not. */
const TOKEN_CHARACTERS = new Set(
  encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~"),
);
const CONTENT_LENGTH = /\r\n(?:content-length|l)[ \t]*:/gi;
const NOTHING = new Uint8Array(0);
/** A buffer that grew larger is given back when it is empty: most connections are silent most of the time. */
const MAX_IDLE_BYTES = 4096;

/**
 * Cuts a stream into messages. Any chunks give the same items, in time that is linear in the bytes.
 *
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * const framer = new StreamFramer();
 * const bytes = new TextEncoder().encode("\r\n\r\nOPTIONS sip:a SIP/2.0\r\nl: 2\r\n\r\nhiBYE");
 * assertEquals(framer.push(bytes), [
 *   { kind: "ping" },
 *   { kind: "message", text: "OPTIONS sip:a SIP/2.0\r\nl: 2\r\n\r\nhi" },
 * ]);
 * ```
 */
export class StreamFramer {
  readonly #limits: StreamLimits;
  #state: "between" | "head" | "body" | "broken" = "between";
  /** The bytes from `#start` to `#end` have come and are in no item yet. */
  #buffer = NOTHING;
  #start = 0;
  #end = 0;
  /** No empty line begins before it, so that nothing is searched twice. */
  #searched = 0;
  #head = "";
  #bodyBytes = 0;

  constructor(limits: Partial<StreamLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** Bytes that wait for the rest of their message. */
  get bufferedBytes(): number {
    return this.#end - this.#start + this.#head.length;
  }

  /** The items that `chunk` completes. `chunk` is not kept. After a fault there are no more. */
  push(chunk: Uint8Array): FramedItem[] {
    const items: FramedItem[] = [];
    if (this.#state === "broken") return items;
    this.#append(chunk);
    for (let item = this.#next(); item !== undefined; item = this.#next()) items.push(item);
    this.#compact();
    return items;
  }

  #next(): FramedItem | undefined {
    if (this.#state === "between") {
      const item = this.#between();
      if (item !== undefined) return item;
    }
    if (this.#state === "head") {
      const item = this.#readHead();
      if (item !== undefined) return item;
    }
    return this.#state === "body" ? this.#readBody() : undefined;
  }

  /** Keepalives, and the CRLFs before a start-line, which mean nothing (RFC 3261 §7.5). */
  #between(): FramedItem | undefined {
    while (this.#start < this.#end) {
      const first = this.#buffer[this.#start]!;
      if (first !== CR) {
        if (!TOKEN_CHARACTERS.has(first)) return this.#fault(`byte ${first} begins no start-line`);
        this.#state = "head";
        this.#searched = this.#start;
        return undefined;
      }
      const present = Math.min(this.#end - this.#start, EMPTY_LINE.length);
      let same = 1;
      while (same < present && this.#buffer[this.#start + same] === EMPTY_LINE.charCodeAt(same)) same++;
      if (same === EMPTY_LINE.length) {
        this.#start += same;
        return { kind: "ping" };
      }
      if (same === present) return undefined; // it may become a ping
      if (same === 1) return this.#fault("a CR without LF");
      this.#start += 2; // one CRLF: the answer to a ping, or a remainder
    }
    return undefined;
  }

  #readHead(): FramedItem | undefined {
    const { maxHeadBytes } = this.#limits;
    const limit = this.#start + maxHeadBytes;
    const found = this.#indexOfEmptyLine(Math.min(this.#end, limit + EMPTY_LINE.length));
    if (found < 0) {
      return this.#end >= limit + EMPTY_LINE.length
        ? this.#fault(`the head is longer than ${maxHeadBytes} bytes`)
        : undefined;
    }
    this.#head = decodeOctets(this.#buffer.subarray(this.#start, found + EMPTY_LINE.length));
    this.#start = found + EMPTY_LINE.length;
    return this.#measureBody();
  }

  /** Where CRLF CRLF begins before `end`, or -1; then the next search starts where this one stopped. */
  #indexOfEmptyLine(end: number): number {
    const buffer = this.#buffer;
    const bytes = end === buffer.length ? buffer : buffer.subarray(0, end);
    let lf = bytes.indexOf(LF, this.#searched + EMPTY_LINE.length - 1);
    for (; lf >= 0; lf = bytes.indexOf(LF, lf + 1)) {
      if (buffer[lf - 1] === CR && buffer[lf - 2] === LF && buffer[lf - 3] === CR) return lf - 3;
    }
    this.#searched = Math.max(this.#start, end - EMPTY_LINE.length + 1);
    return -1;
  }

  #measureBody(): FramedItem | undefined {
    const values = contentLengths(this.#head);
    const [value] = values;
    if (value === undefined) return this.#fault("no Content-Length, which a stream needs");
    if (!/^\d{1,10}$/.test(value)) return this.#fault(`${shown(value)} as Content-Length`);
    if (values.some((other) => other !== value)) return this.#fault("two Content-Lengths that differ");
    this.#bodyBytes = Number(value);
    if (this.#bodyBytes > this.#limits.maxBodyBytes) {
      return this.#fault(`a body of ${this.#bodyBytes} bytes, ${this.#limits.maxBodyBytes} are allowed`, 513);
    }
    this.#state = "body";
    return undefined;
  }

  #readBody(): FramedItem | undefined {
    const end = this.#start + this.#bodyBytes;
    if (end > this.#end) return undefined;
    const text = this.#head + decodeOctets(this.#buffer.subarray(this.#start, end));
    this.#start = end;
    this.#head = "";
    this.#state = "between";
    return { kind: "message", text };
  }

  #fault(what: string, statusHint = 400): FramedFault {
    const head = this.#head;
    this.#state = "broken";
    this.#head = "";
    this.#start = this.#end;
    return { kind: "fault", reason: `Cannot read the stream: ${what}`, statusHint, head };
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#end + chunk.length;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length)); // doubled, or a slow peer costs squares
      larger.set(this.#buffer.subarray(0, this.#end));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end = needed;
  }

  /** Moves what is left to the front once it is the smaller part, so that each byte moves a few times at most. */
  #compact(): void {
    const left = this.#end - this.#start;
    if (left === 0) {
      if (this.#buffer.length > MAX_IDLE_BYTES) this.#buffer = NOTHING;
    } else if (left <= this.#start) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
    } else {
      return;
    }
    this.#searched = Math.max(0, this.#searched - this.#start);
    this.#start = 0;
    this.#end = left;
  }
}

/** The values of Content-Length and its compact form, unfolded and trimmed. */
function contentLengths(head: string): string[] {
  return Array.from(head.matchAll(CONTENT_LENGTH), ({ 0: name, index }) => {
    const start = index + name.length;
    let end = head.indexOf("\r\n", start);
    while (head[end + 2] === " " || head[end + 2] === "\t") end = head.indexOf("\r\n", end + 2); // folded
    return head.slice(start, end).replaceAll("\r\n", " ").trim();
  });
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
