/** Via: which way a request came, and its answer goes (RFC 3261 §20.42). @module */
import { shown, SipSyntaxError } from "./errors.ts";
import { trimSpace } from "./octets.ts";
import { type Params, parseParams } from "./params.ts";
import { parseHostPort } from "./uri.ts";

export interface Via {
  /** Its name and version: "SIP/2.0". Another one is for whoever looks at the request's version to refuse. */
  readonly protocol: string;
  /** Upper case: UDP, TCP, TLS, WS, WSS ... */
  readonly transport: string;
  /** Of sent-by, lower case, IPv6 without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** Host and port as they came, without white space: who wrote them finds his responses by them (§18.1.2). */
  readonly sentBy: string;
  /** branch, received, rport, maddr, ttl ... */
  readonly params: Params;
}

const PROTOCOL = /^(SIP)\s*\/\s*([!%'*+.0-9A-Z_`a-z~-]+)\s*\/\s*([!%'*+.0-9A-Z_`a-z~-]+)\s+/i;

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
  const sentBy = withoutSpace(text.slice(start, end));
  if (sentBy === "") throw bad(text);
  const { host, port } = parseHostPort(sentBy, text);
  return {
    protocol: `${protocol[1]}/${protocol[2]}`,
    transport: protocol[3]!.toUpperCase(),
    host,
    port,
    sentBy,
    params: parseParams(text, end),
  };
}

/** Space may stand around the colon, and before a semicolon. */
function withoutSpace(sentBy: string): string {
  return /[ \t]/.test(sentBy) ? sentBy.split(":").map(trimSpace).join(":") : sentBy;
}

function bad(text: string): SipSyntaxError {
  return new SipSyntaxError(`Cannot parse ${shown(text)} as a Via`);
}

/** One value of a Via header. */
export function serializeVia({ protocol, transport, sentBy, params }: Via): string {
  return `${protocol}/${transport} ${sentBy}${params}`;
}
