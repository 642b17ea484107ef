/** Via: which way a request came, and its answer goes (RFC 3261 §20.42). @module */
import { shown, SipSyntaxError } from "./errors.ts";
import { type Params, parseParams } from "./params.ts";
import { parseHostPort, serializeHostPort } from "./uri.ts";

export interface Via {
  /** Upper case: UDP, TCP, TLS, WS, WSS ... */
  readonly transport: string;
  /** Of sent-by, lower case, IPv6 without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** branch, received, rport, maddr, ttl ... */
  readonly params: Params;
}

const PROTOCOL = /^SIP\s*\/\s*2\.0\s*\/\s*([!%'*+.0-9A-Z_`a-z~-]+)\s+/i;

/**
 * Parses one value of a Via header.
 * @throws SipSyntaxError
 */
export function parseVia(text: string): Via {
  const protocol = PROTOCOL.exec(text);
  if (protocol === null) throw bad(text);
  const start = protocol[0].length;
  const semicolon = text.indexOf(";", start);
  const end = semicolon < 0 ? text.length : semicolon;
  const sentBy = text.slice(start, end).replace(/\s+/g, "");
  if (sentBy === "") throw bad(text);
  const { host, port } = parseHostPort(sentBy, text);
  return { transport: protocol[1]!.toUpperCase(), host, port, params: parseParams(text, end) };
}

function bad(text: string): SipSyntaxError {
  return new SipSyntaxError(`Cannot parse ${shown(text)} as a Via`);
}

/** One value of a Via header. */
export function serializeVia({ transport, host, port, params }: Via): string {
  return `SIP/2.0/${transport} ${serializeHostPort(host, port)}${params}`;
}
