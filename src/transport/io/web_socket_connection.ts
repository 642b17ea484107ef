/** SIP over WebSocket: each WebSocket message is one SIP message (RFC 7118 §5). @module */
import { decodeOctets, encodeOctets, octetsToUtf8, utf8ToOctets } from "../../sip/octets.ts";
import type { Flow } from "../flow.ts";
import { deliver, type TransportContext } from "../handler.ts";
import { type Connection, type ConnectionOwner, MAX_BUFFERED_BYTES } from "./connection.ts";

/** As for streams. */
const MAX_MESSAGE_BYTES = 320 * 1024;
const KEEPALIVE = /^(?:\r\n)*$/;
const NORMAL_CLOSURE = 1000;
const TOO_BIG = 1009;

/** See the module comment. */
export class WebSocketConnection implements Connection {
  readonly flow: Flow;
  readonly #socket: WebSocket;
  readonly #owner: ConnectionOwner;
  readonly #context: TransportContext;
  #closed = false;

  constructor(flow: Flow, socket: WebSocket, owner: ConnectionOwner, context: TransportContext) {
    this.flow = flow;
    this.#socket = socket;
    this.#owner = owner;
    this.#context = context;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => this.#receive(data);
    socket.onclose = ({ reason }) => this.#end(reason || "the peer closed it");
    socket.onerror = () => this.#end("the WebSocket failed");
  }

  #receive(data: string | ArrayBuffer): void {
    const octets = typeof data === "string" ? utf8ToOctets(data) : decodeOctets(new Uint8Array(data));
    if (octets.length > MAX_MESSAGE_BYTES) {
      this.#context.counters.malformed++;
      return this.#close(`a message has ${octets.length} bytes`, TOO_BIG);
    }
    if (!KEEPALIVE.test(octets)) return deliver(octets, this.flow, this.#context);
    this.#context.counters.keepalives++;
    if (octets === "\r\n\r\n") this.#socket.send("\r\n"); // RFC 5626 §3.5.1, as JsSIP and others do over WebSocket too
  }

  send(octets: string, failed: (reason: string) => void): void {
    if (this.#closed || this.#socket.readyState !== WebSocket.OPEN) {
      return queueMicrotask(() => failed("the connection is closed"));
    }
    if (this.#socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      this.#context.counters.overflowed++;
      queueMicrotask(() => failed("the peer does not read"));
      return this.close("the peer does not read");
    }
    this.#context.counters.sent++;
    const text = octetsToUtf8(octets);
    // Browsers' phones expect text; what is no UTF-8 can only travel as bytes (RFC 7118 §5).
    this.#socket.send(text.includes("\ufffd") ? encodeOctets(octets) : text);
  }

  close(reason: string): void {
    this.#close(reason, NORMAL_CLOSURE);
  }

  #close(reason: string, code: number): void {
    if (this.#closed) return;
    if (this.#socket.readyState <= WebSocket.OPEN) this.#socket.close(code, reason.slice(0, 100));
    this.#end(reason);
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.closed(this, reason);
  }
}
