/**
 * Requests and responses (RFC 3261 §7). What came from the wire is kept as it came; only what is asked for is parsed, and
 * only what is changed is written anew.
 * @module
 */
import { shown, SipSyntaxError } from "./errors.ts";
import { HeaderField } from "./header_field.ts";
import { splitList } from "./lists.ts";
import { type NameAddr, parseNameAddr } from "./name_addr.ts";
import { reasonPhrase } from "./status.ts";
import { parseSipUri, type SipUri } from "./uri.ts";
import { parseVia, type Via } from "./via.ts";

export interface CSeq {
  /** Below 2^31 from those who keep to RFC 3261 §8.1.1.5; below 2^32 here. */
  readonly sequence: number;
  readonly method: string;
}

export type SipMessage = SipRequest | SipResponse;

const CSEQ = /^(\d{1,10})\s+([!%'*+\-.0-9A-Z_`a-z~]+)$/;
const MAX_CSEQ = 2 ** 32 - 1;

/**
 * What requests and responses share. Text is octet strings (`octets.ts`). Header names are canonical: lower case, never
 * compact. Typed views are parsed on first use and throw `SipSyntaxError` if they cannot be; `parseMessage` has tried
 * those that every message needs.
 */
abstract class Message {
  #fields: HeaderField[];
  #body = "";
  #topVia: Via | undefined;
  #cseq: CSeq | undefined;
  #from: NameAddr | undefined;
  #to: NameAddr | undefined;

  constructor(fields: HeaderField[]) {
    this.#fields = fields;
  }

  protected abstract startLine(): string;

  /** In their order. */
  get fields(): readonly HeaderField[] {
    return this.#fields;
  }

  /** The value of the first field of that name. */
  header(name: string): string | undefined {
    const index = this.#find(name);
    return index < 0 ? undefined : this.#fields[index]!.value;
  }

  hasHeader(name: string): boolean {
    return this.#find(name) >= 0;
  }

  /** The values of the fields of that name, one for each line. */
  headerFields(name: string): string[] {
    const values: string[] = [];
    for (const field of this.#fields) if (field.name === name) values.push(field.value);
    return values;
  }

  /** The items of a header that is a list: Via, Route, Contact, Supported ... Empty ones are left out. */
  headerValues(name: string): string[] {
    const values: string[] = [];
    for (const field of this.#fields) {
      if (field.name !== name) continue;
      for (const value of splitList(field.value)) if (value !== "") values.push(value);
    }
    return values;
  }

  /** Adds a field before the first of that name, or before all others. */
  prependHeader(name: string, value: string): void {
    this.#fields.splice(Math.max(this.#find(name), 0), 0, HeaderField.of(name, value));
    this.#forget(name);
  }

  /** Adds a field after the last of that name, or at the end. */
  appendHeader(name: string, value: string): void {
    let after = this.#fields.length;
    for (let index = after - 1; index >= 0; index--) {
      if (this.#fields[index]!.name !== name) continue;
      after = index + 1;
      break;
    }
    this.#fields.splice(after, 0, HeaderField.of(name, value));
    this.#forget(name);
  }

  /** Puts one field in the place of all of that name. */
  setHeader(name: string, value: string): void {
    this.setHeaderValues(name, [value]);
  }

  /** Puts these fields in the place of all of that name; none removes the header. */
  setHeaderValues(name: string, values: readonly string[]): void {
    const index = this.#find(name);
    const fields = values.map((value) => HeaderField.of(name, value));
    if (index < 0) {
      this.#fields.push(...fields);
    } else {
      const before = this.#fields.slice(0, index);
      const after = this.#fields.slice(index).filter((field) => field.name !== name);
      this.#fields = [...before, ...fields, ...after];
    }
    this.#forget(name);
  }

  removeHeader(name: string): void {
    if (this.#find(name) < 0) return;
    this.#fields = this.#fields.filter((field) => field.name !== name);
    this.#forget(name);
  }

  /** Takes the first item off a list: the topmost Via or Route. Empty ones before it go along. */
  removeFirstValue(name: string): void {
    for (let index = this.#find(name), isDone = false; index >= 0 && !isDone; index = this.#find(name)) {
      const items = splitList(this.#fields[index]!.value);
      while (items.length > 0 && !isDone) isDone = items.shift() !== "";
      if (items.length === 0) this.#fields.splice(index, 1);
      else this.#fields[index] = HeaderField.of(name, items.join(", "));
    }
    this.#forget(name);
  }

  /** Changes the first item of a list that is not empty. */
  replaceFirstValue(name: string, value: string): void {
    for (let index = this.#find(name); index >= 0 && index < this.#fields.length; index++) {
      const field = this.#fields[index]!;
      if (field.name !== name) continue;
      const items = splitList(field.value);
      const first = items.findIndex((item) => item !== "");
      if (first < 0) continue;
      items[first] = value;
      this.#fields[index] = HeaderField.of(name, items.join(", "));
      return this.#forget(name);
    }
  }

  #find(name: string): number {
    const fields = this.#fields;
    for (let index = 0; index < fields.length; index++) if (fields[index]!.name === name) return index;
    return -1;
  }

  #forget(name: string): void {
    if (name === "via") this.#topVia = undefined;
    else if (name === "cseq") this.#cseq = undefined;
    else if (name === "from") this.#from = undefined;
    else if (name === "to") this.#to = undefined;
  }

  /** A value to be read, not changed: `replaceFirstValue` changes it. */
  get topVia(): Via {
    return this.#topVia ??= parseVia(splitList(this.#needed("via"))[0]!);
  }

  get callId(): string {
    return this.#needed("call-id");
  }

  get cseq(): CSeq {
    return this.#cseq ??= parseCSeq(this.#needed("cseq"));
  }

  /** A value to be read, not changed. */
  get from(): NameAddr {
    return this.#from ??= parseNameAddr(this.#needed("from"));
  }

  /** A value to be read, not changed. */
  get to(): NameAddr {
    return this.#to ??= parseNameAddr(this.#needed("to"));
  }

  /** "" if there is none. */
  get fromTag(): string {
    return this.from.params.get("tag") ?? "";
  }

  /** "" if there is none. */
  get toTag(): string {
    return this.to.params.get("tag") ?? "";
  }

  #needed(name: string): string {
    const value = this.header(name);
    if (value === undefined) throw new SipSyntaxError(`Cannot use the message: it has no ${name} header`);
    return value;
  }

  get body(): string {
    return this.#body;
  }

  /** Changes the body and with it Content-Length; an empty one takes Content-Type along. */
  setBody(body: string, contentType?: string): void {
    this.#body = body;
    if (contentType !== undefined) this.setHeader("content-type", contentType);
    if (body === "") this.removeHeader("content-type");
    this.setHeader("content-length", String(body.length));
  }

  /** For the parser: a body whose Content-Length stands in the headers already. */
  attachBody(body: string): void {
    this.#body = body;
  }

  /** What goes over the wire. Content-Length is added if it was left out, as streams need it (RFC 3261 §18.3). */
  serialize(): string {
    let text = this.startLine() + "\r\n";
    let hasLength = false;
    for (const field of this.#fields) {
      if (field.name === "content-length") hasLength = true;
      text += field.text + "\r\n";
    }
    if (!hasLength) text += `Content-Length: ${this.#body.length}\r\n`;
    return text + "\r\n" + this.#body;
  }

  protected copyOfFields(): HeaderField[] {
    return this.#fields.slice();
  }
}

/** A request. */
export class SipRequest extends Message {
  readonly method: string;
  #requestUri: string;
  #uri: SipUri | undefined;

  constructor(method: string, requestUri: string, fields: HeaderField[] = []) {
    super(fields);
    this.method = method;
    this.#requestUri = requestUri;
  }

  /** As text: it may be of any scheme. */
  get requestUri(): string {
    return this.#requestUri;
  }

  /** @throws SipSyntaxError with the hint 416 or 400 (a value to be read, not changed) */
  get uri(): SipUri {
    return this.#uri ??= parseSipUri(this.#requestUri);
  }

  setRequestUri(uri: string): void {
    this.#requestUri = uri;
    this.#uri = undefined;
  }

  clone(): SipRequest {
    const copy = new SipRequest(this.method, this.#requestUri, this.copyOfFields());
    copy.#uri = this.#uri;
    copy.attachBody(this.body);
    return copy;
  }

  protected override startLine(): string {
    return `${this.method} ${this.#requestUri} SIP/2.0`;
  }
}

/** A response. */
export class SipResponse extends Message {
  /** 100 to 699. */
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string = reasonPhrase(status), fields: HeaderField[] = []) {
    super(fields);
    this.status = status;
    this.reason = reason;
  }

  /** A copy, with another status if one is given. */
  clone(status: number = this.status, reason: string = this.reason): SipResponse {
    const copy = new SipResponse(status, reason, this.copyOfFields());
    copy.attachBody(this.body);
    return copy;
  }

  protected override startLine(): string {
    return `SIP/2.0 ${this.status} ${this.reason}`;
  }
}

function parseCSeq(text: string): CSeq {
  const [, digits, method] = CSEQ.exec(text) ?? [];
  const sequence = Number(digits);
  if (method === undefined || sequence > MAX_CSEQ) throw new SipSyntaxError(`Cannot parse ${shown(text)} as a CSeq`);
  return { sequence, method };
}

/** Copied into every response (RFC 3261 §8.2.6.2). */
const ECHOED = new Set(["via", "from", "to", "call-id", "cseq"]);

/**
 * The beginning of a response to `request`: its Via, From, To, Call-ID and CSeq, and Timestamp for a 100. If `toTag` is
 * given, and To has none, and the status is above 100, it is added (RFC 3261 §8.2.6).
 */
export function createResponse(request: SipRequest, status: number, reason?: string, toTag?: string): SipResponse {
  const fields = request.fields.filter(({ name }) => ECHOED.has(name) || (status === 100 && name === "timestamp"));
  const response = new SipResponse(status, reason ?? reasonPhrase(status), fields);
  if (toTag !== undefined && status > 100 && lacksToTag(request)) {
    response.setHeader("to", `${request.header("to")};tag=${toTag}`);
  }
  response.setHeader("content-length", "0");
  return response;
}

/** A To that cannot be read goes back as it came. */
function lacksToTag(request: SipRequest): boolean {
  try {
    return request.toTag === "";
  } catch {
    return false;
  }
}
