/** SIP and SIPS URIs (RFC 3261 §19.1). @module */
import { canonicalAddress } from "../control/media_header.ts";
import { shown, SipSyntaxError } from "./errors.ts";
import { Params, parseParams } from "./params.ts";

export interface SipUri {
  scheme: "sip" | "sips";
  /** Escaped, as on the wire. */
  user: string | undefined;
  password: string | undefined;
  /** Lower case; an IPv6 address in its canonical form without brackets. */
  host: string;
  port: number | undefined;
  params: Params;
  /** What follows "?", as on the wire; "" if nothing does. */
  headers: string;
}

/** Octets that end no URI: all but controls, space, quotes and angle brackets; UTF-8 without its escapes is tolerated. */
const CHARACTERS = /^[!#-;=?-~\x80-\xff]*$/;
const SCHEME = /^([a-z][a-z0-9+.-]*):/i;
/** Interop: Yealink's and Grandstream's phones can be told to dial "#" as it is, which RFC 3261 §25.1 wants escaped. */
const USER = /^(?:[\w\-.!~*'()&=+$,;?/#\x80-\xff]|%[0-9a-f]{2})+$/i;
const PASSWORD = /^(?:[\w\-.!~*'()&=+$,\x80-\xff]|%[0-9a-f]{2})*$/i;
const HOST = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?$/;
const HOST_PORT = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/;

/**
 * Parses a URI without angle brackets.
 * @throws SipSyntaxError with the hint 416 if it is no SIP URI, 400 if it is a bad one (RFC 3261 §8.2.2.1)
 */
export function parseSipUri(text: string): SipUri {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) throw bad(text);
  if (scheme !== "sip" && scheme !== "sips") throw new SipSyntaxError(`Cannot serve ${shown(text)}: no SIP URI`, 416);
  const start = scheme.length + 1;
  const at = text.indexOf("@", start);
  const hostStart = at < 0 ? start : at + 1;
  let user: string | undefined;
  let password: string | undefined;
  if (at >= 0) {
    const colon = text.indexOf(":", start);
    const userEnd = colon >= 0 && colon < at ? colon : at;
    user = text.slice(start, userEnd);
    if (userEnd < at) password = text.slice(userEnd + 1, at);
    if (!USER.test(user) || (password !== undefined && !PASSWORD.test(password))) throw bad(text);
  }
  const question = text.indexOf("?", hostStart);
  const headers = question < 0 ? "" : text.slice(question + 1);
  const end = question < 0 ? text.length : question;
  let semicolon = text.indexOf(";", hostStart);
  if (semicolon < 0 || semicolon > end) semicolon = end;
  const params = semicolon === end ? new Params() : parseParams(text.slice(semicolon, end));
  const { host, port } = parseHostPort(text.slice(hostStart, semicolon), text);
  if (!CHARACTERS.test(text)) throw bad(text);
  return { scheme, user, password, host, port, params, headers };
}

/** `host[:port]` in the form that {@linkcode SipUri} has. @throws SipSyntaxError */
export function parseHostPort(text: string, whole: string = text): { host: string; port: number | undefined } {
  const [, hostText, portText] = HOST_PORT.exec(text) ?? [];
  if (hostText === undefined) throw bad(whole);
  const port = portText === undefined ? undefined : Number(portText);
  const host = hostText.startsWith("[") ? ipv6Reference(hostText) : hostText.toLowerCase();
  const isHost = host !== undefined && (hostText.startsWith("[") || HOST.test(host));
  if (!isHost || (port !== undefined && port > 65535)) throw bad(whole);
  return { host, port };
}

/** Interop: the grammar of RFC 3261 §25.1 makes three colons before an IPv4 address; two are meant (RFC 5118 §4.10). */
function ipv6Reference(text: string): string | undefined {
  return canonicalAddress(text) ?? canonicalAddress(text.replace(/:::(?=\d+\.)/, "::"));
}

function bad(text: string): SipSyntaxError {
  return new SipSyntaxError(`Cannot parse ${shown(text)} as a SIP URI`);
}

/** `host[:port]`, IPv6 in brackets. */
export function serializeHostPort(host: string, port: number | undefined): string {
  const bare = host.includes(":") ? `[${host}]` : host;
  return port === undefined ? bare : `${bare}:${port}`;
}

/** The URI as text. */
export function serializeSipUri(uri: SipUri): string {
  const password = uri.password === undefined ? "" : `:${uri.password}`;
  const user = uri.user === undefined ? "" : `${uri.user}${password}@`;
  const headers = uri.headers === "" ? "" : `?${uri.headers}`;
  return `${uri.scheme}:${user}${serializeHostPort(uri.host, uri.port)}${uri.params}${headers}`;
}

/** The user without escapes, as an octet string; "" if there is none. */
export function userOf(uri: SipUri): string {
  return unescapeUri(uri.user ?? "");
}

function unescapeUri(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

/** These mean something even if only one of two URIs has them (RFC 3261 §19.1.4). */
const DECISIVE_PARAMS = ["user", "ttl", "method", "maddr", "transport"];

/** Whether two URIs name the same resource (RFC 3261 §19.1.4). */
export function areUrisEqual(a: SipUri, b: SipUri): boolean {
  return a.scheme === b.scheme && a.host === b.host && a.port === b.port && userOf(a) === userOf(b) &&
    (a.user === undefined) === (b.user === undefined) && a.password === b.password &&
    areParamsEqual(a.params, b.params) && headersKey(a.headers) === headersKey(b.headers);
}

function areParamsEqual(a: Params, b: Params): boolean {
  const same = (name: string) => unescapeUri(a.get(name)!).toLowerCase() === unescapeUri(b.get(name)!).toLowerCase();
  return DECISIVE_PARAMS.every((name) => a.has(name) === b.has(name)) &&
    a.entries.every(([name]) => !b.has(name.toLowerCase()) || same(name.toLowerCase()));
}

function headersKey(headers: string): string {
  return headers.split("&").map((header) => {
    const equals = header.indexOf("=");
    return `${unescapeUri(header.slice(0, equals)).toLowerCase()}=${unescapeUri(header.slice(equals + 1))}`;
  }).sort().join("&");
}
