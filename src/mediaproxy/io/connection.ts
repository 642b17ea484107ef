/** One connection to a dispatcher: one request at a time, because the original answers nothing else right. @module */
import { decodeOctets } from "../../sip/octets.ts";

/** An answer has an address and up to 32 ports; this is the original module's buffer. */
const MAX_ANSWER_BYTES = 8192;
const BUFFER_BYTES = 1024;

/** What became of a connection, for its owner. */
export interface ConnectionHandler {
  /** The line that answers the request, without its end. The connection is free again. */
  answered(line: string): void;
  /** The connection is of no use any more. Called once, last of all. */
  closed(reason: string): void;
}

/** What a connection needs of a socket. */
export type Socket = Pick<Deno.UnixConn, "read" | "write" | "close">;

/** A connection that is up. */
export class Connection {
  readonly #conn: Socket;
  readonly #handler: ConnectionHandler;
  #busy = false;
  #text = "";
  #reason: string | undefined;

  constructor(conn: Socket, handler: ConnectionHandler) {
    this.#conn = conn;
    this.#handler = handler;
  }

  /** Whether it can be used. */
  get isOpen(): boolean {
    return this.#reason === undefined;
  }

  /** Sends a request; the connection must be free. */
  send(request: Uint8Array): void {
    this.#busy = true;
    this.#write(request).catch((error: Error) => this.close(error.message));
  }

  /** Reads until the end. It reads when nothing is asked, too, so that a dispatcher that goes away is noticed at once. */
  async run(): Promise<void> {
    const buffer = new Uint8Array(BUFFER_BYTES);
    try {
      while (this.isOpen) {
        const count = await this.#conn.read(buffer);
        if (count === null) this.close("the dispatcher closed the connection");
        else this.#received(decodeOctets(buffer.subarray(0, count)));
      }
    } catch (error) {
      this.close((error as Error).message);
    }
    this.#handler.closed(this.#reason ?? "");
  }

  /** Closes it; a request without an answer gets none. Calling it again does nothing. */
  close(reason: string): void {
    if (!this.isOpen) return;
    this.#reason = reason;
    this.#conn.close();
  }

  /** What comes unasked, or behind the answer, would be taken for the next answer. */
  #received(text: string): void {
    if (!this.isOpen) return; // it was closed while this was on its way
    if (!this.#busy) return this.close("the dispatcher answered what nobody asked");
    this.#text += text;
    const lineFeed = this.#text.indexOf("\n");
    if (lineFeed < 0) {
      if (this.#text.length > MAX_ANSWER_BYTES) this.close("the dispatcher's answer has no end");
      return;
    }
    const line = this.#text.slice(0, this.#text[lineFeed - 1] === "\r" ? lineFeed - 1 : lineFeed);
    if (lineFeed + 1 < this.#text.length) this.close("the dispatcher answered more than one line");
    this.#text = "";
    this.#busy = false;
    this.#handler.answered(line);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length;) offset += await this.#conn.write(bytes.subarray(offset));
  }
}
