/** Octets to a message: the one place where a peer's message is judged (RFC 3261 §7, §16.3). @module */
import { shown, SipSyntaxError } from "./errors.ts";
import { HeaderField, parseHeaderField } from "./header_field.ts";
import { splitList } from "./lists.ts";
import { type SipMessage, SipRequest, SipResponse } from "./message.ts";
import { isSpace } from "./octets.ts";

/** A request that cannot be used, but can be answered with `statusHint`. */
export class BadRequestError extends SipSyntaxError {
  override name = "BadRequestError";
  /** As far as it was understood. */
  readonly request: SipRequest;

  constructor(message: string, statusHint: number, request: SipRequest) {
    super(message, statusHint);
    this.request = request;
  }
}

/** A head that is longer is no phone's. */
export const MAX_HEAD_BYTES = 64 * 1024;
const MAX_HEADERS = 512;

const REQUEST_LINE = /^([!%'*+\-.0-9A-Z_`a-z~]+) ([!#-;=?-~\x80-\xff]+) SIP\/(\d+)\.(\d+)$/i;
const STATUS_LINE = /^SIP\/2\.0 (\d{3})(?: ([^\r\n]*))?$/i;
/** CR and LF only as a pair, no other control characters: what one server reads as a line's end, the next must too. */
// deno-lint-ignore no-control-regex -- control characters are what it is about
const STRAY_CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/;
/** Those that every message has, once (RFC 3261 §8.1.1, §20). */
const NEEDED = ["via", "from", "to", "call-id", "cseq"];
const SINGLE = new Set(["from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires"]);
/** Those that have display names. Nobody writes these into a log or to a terminal. */
const NAMED = new Set(["from", "to", "contact", "reply-to", "p-asserted-identity", "p-preferred-identity"]);
const NUMBERS: Readonly<Record<string, number>> = { "max-forwards": 255, "content-length": 2 ** 31 };

/**
 * Parses a whole message: a datagram, or what a stream's framer cut out. A body that is longer than Content-Length says
 * is cut (RFC 3261 §18.3).
 * @throws SipSyntaxError, or BadRequestError if it can be answered
 */
export function parseMessage(octets: string): SipMessage {
  const headEnd = octets.indexOf("\r\n\r\n");
  const head = headEnd < 0 ? octets : octets.slice(0, headEnd);
  if (head.length > MAX_HEAD_BYTES) {
    throw new SipSyntaxError(`Cannot parse the message: its head has ${head.length} bytes`);
  }
  const lineEnd = head.indexOf("\r\n");
  const startLine = lineEnd < 0 ? head : head.slice(0, lineEnd);
  const faults: SipSyntaxError[] = [];
  const fields = lineEnd < 0 ? [] : parseFields(head, lineEnd + 2, faults);
  const message = parseStartLine(startLine, fields, faults);
  if (headEnd < 0) faults.push(new SipSyntaxError("Cannot parse the message: no empty line ends its head"));
  if (STRAY_CONTROL.test(head) && (STRAY_CONTROL.test(startLine) || fields.some(hasStrayControl))) {
    faults.push(new SipSyntaxError("Cannot parse the message: control characters in its head"));
  }
  check(message, faults);
  attachBody(message, headEnd < 0 ? "" : octets.slice(headEnd + 4), faults);
  if (faults.length > 0) throw verdict(message, faults[0]!);
  return message;
}

/** Display names may hold control characters that a backslash escapes (RFC 3261 §25.1, quoted-pair). */
function hasStrayControl({ name, text }: HeaderField): boolean {
  return STRAY_CONTROL.test(NAMED.has(name) ? text.replace(/\\[^\r\n]/g, "") : text);
}

function parseFields(head: string, start: number, faults: SipSyntaxError[]): HeaderField[] {
  const fields: HeaderField[] = [];
  while (start <= head.length) {
    let end = head.indexOf("\r\n", start);
    while (end >= 0 && isSpace(head.charCodeAt(end + 2))) end = head.indexOf("\r\n", end + 2); // folded
    if (end < 0) end = head.length;
    if (fields.length >= MAX_HEADERS) {
      faults.push(new SipSyntaxError(`Cannot parse the message: more than ${MAX_HEADERS} headers`));
      break;
    }
    try {
      fields.push(parseHeaderField(head.slice(start, end)));
    } catch (error) {
      faults.push(error as SipSyntaxError);
    }
    start = end + 2;
  }
  return fields;
}

function parseStartLine(line: string, fields: HeaderField[], faults: SipSyntaxError[]): SipMessage {
  const status = STATUS_LINE.exec(line);
  if (status !== null) {
    const code = Number(status[1]);
    if (code < 100 || code > 699) throw new SipSyntaxError(`Cannot use ${shown(line)}: no status from 100 to 699`);
    return new SipResponse(code, status[2] ?? "", fields);
  }
  const request = REQUEST_LINE.exec(line);
  if (request !== null) {
    const [, method, uri, major, minor] = request;
    if (major !== "2" || minor !== "0") faults.unshift(new SipSyntaxError(`Cannot serve SIP/${major}.${minor}`, 505));
    return new SipRequest(method!, uri!, fields);
  }
  faults.unshift(new SipSyntaxError(`Cannot parse ${shown(line)} as a Request-Line`));
  const method = /^([!%'*+\-.0-9A-Z_`a-z~]+)\s/.exec(line)?.[1]; // enough for an answer
  if (method === undefined || /^SIP\//i.test(line)) throw faults[0]!;
  return new SipRequest(method, "sip:invalid", fields);
}

/** What every message needs, nothing twice that may stand once, and Vias that no server reads in another way. */
function check(message: SipMessage, faults: SipSyntaxError[]): void {
  for (const name of NEEDED) {
    if (!message.hasHeader(name)) faults.push(new SipSyntaxError(`Cannot use the message: it has no ${name} header`));
  }
  let seen = "";
  for (const field of message.fields) {
    const { name } = field;
    if (name === "via" && field.text.includes(",") && isBroken(splitList(field.value))) {
      faults.push(new SipSyntaxError(`Cannot parse ${shown(field.value)} as Vias`));
    }
    if (!SINGLE.has(name)) continue;
    const { value } = field;
    if (seen.includes(`${name} `)) faults.push(new SipSyntaxError(`Cannot use the message: ${name} stands twice`));
    seen += `${name} `;
    const maximum = NUMBERS[name];
    if (maximum !== undefined && !(/^\d{1,10}$/.test(value) && Number(value) <= maximum)) {
      faults.push(new SipSyntaxError(`Cannot use the message: ${shown(value)} as ${name}`));
    }
  }
  if (faults.length > 0) return;
  try {
    const { method } = message.cseq;
    void message.topVia, message.from, message.to;
    if (message.callId === "") throw new SipSyntaxError("Cannot use the message: its Call-ID is empty");
    if (!(message instanceof SipRequest)) return;
    if (method !== message.method) {
      throw new SipSyntaxError(`Cannot use the request: its CSeq says ${method}, it says ${message.method}`);
    }
    if (/^sips?:/i.test(message.requestUri)) void message.uri;
  } catch (error) {
    faults.push(error as SipSyntaxError);
  }
}

/** Nothing or a parameter where a value should be: another server would count other Vias than we do. */
function isBroken(vias: readonly string[]): boolean {
  return vias.some((via) => via === "" || via.startsWith(";"));
}

function attachBody(message: SipMessage, body: string, faults: SipSyntaxError[]): void {
  const lengthText = message.header("content-length");
  const length = lengthText !== undefined && /^\d{1,10}$/.test(lengthText) ? Number(lengthText) : body.length;
  if (length > body.length) {
    faults.push(new SipSyntaxError(`Cannot use the message: ${body.length} of the body's ${length} bytes are there`));
  }
  message.attachBody(body.slice(0, length));
}

/** A request is answered, with what came of it, if its topmost Via says where to, and it is no ACK. */
function verdict(message: SipMessage, fault: SipSyntaxError): SipSyntaxError {
  if (!(message instanceof SipRequest) || message.method === "ACK") return fault;
  try {
    void message.topVia;
  } catch {
    return fault;
  }
  return new BadRequestError(fault.message, fault.statusHint, message);
}
