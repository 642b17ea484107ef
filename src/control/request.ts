/**
 * Requests of the two mediaproxy wires: a command line, `name: value` headers, an empty line.
 *
 * ```text
 * SIP server > dispatcher   update CRLF  type: request CRLF ... CRLF CRLF
 * dispatcher > relay        update 17 CRLF  type: request CRLF ... CRLF CRLF
 * ```
 * @module
 */
import { ControlSyntaxError } from "./errors.ts";
import { HeaderLines, type Headers } from "./headers.ts";
import { LineFault, LineFramer } from "./line_framer.ts";

/** The SIP server's own buffer for a request is 8,192 bytes; this leaves room for any number of streams. */
const MAX_LINE_LENGTH = 16 * 1024;
const MAX_HEADERS = 64;
const NO_HEADERS = new HeaderLines([]);

export interface Request {
  /** The first line: `update`, or `update 17` between dispatcher and relay. */
  readonly command: string;
  readonly headers: Headers;
}

/** A request that cannot be understood, but whose first line may be. */
export class RequestSyntaxError extends ControlSyntaxError {
  override name = "RequestSyntaxError";
  constructor(message: string, readonly command: string) {
    super(message);
  }
}

/**
 * Splits a stream into requests. What cannot be understood comes out as a `RequestSyntaxError` in its place, once its
 * empty line has come, so that it is answered in order.
 */
export class RequestFramer {
  readonly #lines = new LineFramer(MAX_LINE_LENGTH);
  #command = "";
  #headers: string[] = [];
  #fault = "";
  #started = false;
  readonly #loneLines: ReadonlySet<string>;

  /** `loneLines` are complete in themselves, without headers and empty line: keepalives. */
  constructor(loneLines: readonly string[] = []) {
    this.#loneLines = new Set(loneLines);
  }

  /** The requests that `chunk` completes. `chunk` is not kept. */
  push(chunk: Uint8Array): (Request | RequestSyntaxError)[] {
    const requests: (Request | RequestSyntaxError)[] = [];
    for (const line of this.#lines.push(chunk)) {
      if (line === "") {
        if (this.#started) requests.push(this.#finish());
      } else if (!this.#started && typeof line === "string" && this.#loneLines.has(line)) {
        requests.push({ command: line, headers: NO_HEADERS });
      } else {
        this.#add(line);
      }
    }
    return requests;
  }

  #add(line: string | LineFault): void {
    const first = !this.#started;
    this.#started = true;
    if (line instanceof LineFault) {
      this.#fault ||= `a line is ${line.reason}`;
    } else if (first) {
      this.#command = line;
    } else if (this.#headers.length >= MAX_HEADERS) {
      this.#fault ||= `more than ${MAX_HEADERS} headers`;
    } else {
      const colon = line.indexOf(": ");
      if (colon <= 0) {
        this.#fault ||= `${JSON.stringify(line.slice(0, 80))} is not a header`;
      } else if (colon + 2 < line.length) { // an empty value means that the header is absent
        this.#headers.push(line);
      }
    }
  }

  #finish(): Request | RequestSyntaxError {
    const command = this.#command;
    const headers = new HeaderLines(this.#headers);
    const fault = this.#fault;
    this.#command = "";
    this.#headers = [];
    this.#fault = "";
    this.#started = false;
    return fault === "" ? { command, headers } : new RequestSyntaxError(`Cannot parse the request: ${fault}`, command);
  }
}

/** A request as it goes over the wire, for both wires. */
export function serializeRequest(command: string, headers: Headers): string {
  if (headers instanceof HeaderLines) return `${command}\r\n${headers.serialize()}\r\n`;
  let text = `${command}\r\n`;
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  return `${text}\r\n`;
}
