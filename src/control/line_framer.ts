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
    const parts = this.#decoder.decode(chunk, { stream: true }).split("\n");
    const lines: (string | LineFault)[] = [];
    const last = parts.length - 1;
    for (let index = 0; index < last; index++) {
      const text = index === 0 ? this.#rest + parts[0] : parts[index]!;
      if (index === 0) this.#rest = "";
      if (this.#skipping) {
        this.#skipping = false; // its fault was reported when it grew too long
      } else {
        lines.push(this.#finish(text));
      }
    }
    this.#rest += parts[last];
    if (this.#skipping) {
      this.#rest = "";
    } else if (this.#rest.length > this.#maxLineLength + (this.#rest.endsWith("\r") ? 1 : 0)) { // it may be the CR of CRLF
      this.#rest = "";
      this.#skipping = true;
      lines.push(new LineFault("too long"));
    }
    return lines;
  }

  #finish(text: string): string | LineFault {
    const line = text.endsWith("\r") ? text.slice(0, -1) : text;
    if (line.length > this.#maxLineLength) return new LineFault("too long");
    return line.includes("\uFFFD") ? new LineFault("not UTF-8") : line;
  }
}
