/** Addresses of From, To, Contact, Route and their kin: `"name" <uri>;params` or `uri;params` (RFC 3261 §20.10). @module */
import { shown, SipSyntaxError } from "./errors.ts";
import { endOfQuoted } from "./lists.ts";
import { trimSpace } from "./octets.ts";
import { type Params, parseParams } from "./params.ts";

export interface NameAddr {
  /** As written, with its quotes; "" if there is none. */
  displayName: string;
  /** The URI's text, of whatever scheme. */
  uri: string;
  /** The header's parameters, not the URI's. */
  params: Params;
}

/** Display names without quotes are tokens with spaces between them; others do no harm here. */
const PLAIN_NAME = /^[^"<>,;]*$/;
const URI_START = /^[a-z][a-z0-9+.-]*:[!#-;=?-~\x80-\xff]+$/i;

/**
 * Parses one address. Without angle brackets a semicolon begins the header's parameters (RFC 3261 §20.10).
 * @throws SipSyntaxError
 */
export function parseNameAddr(text: string): NameAddr {
  const open = text.startsWith('"') ? text.indexOf("<", endOfQuoted(text, 0)) : text.indexOf("<");
  if (open < 0) return parseAddrSpec(text);
  const close = text.indexOf(">", open);
  const displayName = trimSpace(text.slice(0, open));
  const quotedEnd = displayName.startsWith('"') ? endOfQuoted(displayName, 0) : -1;
  const isName = quotedEnd < 0 ? PLAIN_NAME.test(displayName) : quotedEnd === displayName.length - 1;
  const uri = trimSpace(text.slice(open + 1, close));
  if (close < 0 || !isName || !URI_START.test(uri)) throw bad(text);
  return { displayName, uri, params: parseParams(text, close + 1) };
}

function parseAddrSpec(text: string): NameAddr {
  const semicolon = text.indexOf(";");
  const end = semicolon < 0 ? text.length : semicolon;
  const uri = trimSpace(text.slice(0, end));
  if (!URI_START.test(uri) || /[,?]/.test(uri)) throw bad(text); // those need the brackets (RFC 3261 §20.10)
  return { displayName: "", uri, params: parseParams(text, end) };
}

function bad(text: string): SipSyntaxError {
  return new SipSyntaxError(`Cannot parse ${shown(text)} as an address`);
}

/** The address as text, always with angle brackets. */
export function serializeNameAddr({ displayName, uri, params }: NameAddr): string {
  return `${displayName === "" ? "" : `${displayName} `}<${uri}>${params}`;
}
