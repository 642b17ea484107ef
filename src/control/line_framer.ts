/**
 * Bytes of a stream to lines. Both mediaproxy wires and the management port are lines that end in CRLF.
 *
 * Total over all bytes: a line that is too long or not UTF-8 becomes a `LineFault` in its place, and the lines behind
 * it are read as if nothing had happened, because one bad header must not cost a SIP server its connection.
 * @module
 */

/** A line that cannot be used; the connection can. */
export class LineFault {
  constructor(readonly reason: "too long" | "not UTF-8") {}
}

/** What the decoder puts in the place of bytes that are not UTF-8. */
const REPLACEMENT = "\uFFFD";

/**
 * Splits a stream into lines.
 *
 * Deviation: a bare LF ends a line too. The original waits for a CR that never comes (transcript events_protocol, "LF
 * only line ends").
 *
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * const framer = new LineFramer(100);
 * assertEquals(framer.push(new TextEncoder().encode("update\r\ncall_")), ["update"]);
 * assertEquals(framer.push(new TextEncoder().encode("id: a\r\n")), ["call_id: a"]);
 * ```
 */
export class LineFramer {
  readonly #maxLineLength: number;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #rest = "";
  #skipping = false;

  /** `maxLineLength` is in UTF-16 units, which is never more than the bytes. */
  constructor(maxLineLength: number) {
    this.#maxLineLength = maxLineLength;
  }

  /** The lines that `chunk` completes, without their line ends. `chunk` is not kept. */
  push(chunk: Uint8Array): (string | LineFault)[] {
    const text = this.#decoder.decode(chunk, { stream: true });
    const lines: (string | LineFault)[] = [];
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      const line = text.slice(start, end);
      start = end + 1;
      if (this.#skipping) {
        this.#skipping = false; // its fault was reported when it grew too long
      } else {
        lines.push(this.#finish(this.#rest === "" ? line : this.#rest + line));
        this.#rest = "";
      }
    }
    // Only what is new is looked through, however long the rest has grown.
    if (!this.#skipping) this.#rest += text.slice(start);
    if (this.#rest.length > this.#maxLineLength + (this.#rest.endsWith("\r") ? 1 : 0)) { // it may be the CR of CRLF
      this.#rest = "";
      this.#skipping = true;
      lines.push(new LineFault("too long"));
    }
    return lines;
  }

  #finish(text: string): string | LineFault {
    const line = text.endsWith("\r") ? text.slice(0, -1) : text;
    if (line.length > this.#maxLineLength) return new LineFault("too long");
    return line.includes(REPLACEMENT) ? new LineFault("not UTF-8") : line;
  }
}
