/** Where the proxy listens, and as what it is known: `transport:address[:port] [as HOST[:PORT]]`. @module */

import { quoted } from "../env/log.ts";
import { parseHostPort, parseListen } from "./addresses.ts";
import { isNone } from "./values.ts";

/** The transports with their default ports: RFC 3261 §19.1.2 and RFC 7118 §5. */
const DEFAULT_PORTS = { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 } as const;

const TRANSPORTS = Object.keys(DEFAULT_PORTS) as ListenSpec["transport"][];

/** A socket of the proxy. */
export interface ListenSpec {
  /** How SIP travels. */
  readonly transport: "udp" | "tcp" | "tls" | "ws" | "wss";
  /** An IP address without brackets, or `any`: every IPv4 address, and the host's first IPv6 address. */
  readonly hostname: string;
  /** 1 to 65535. */
  readonly port: number;
  /** What Via and Record-Route say; `undefined`: the address and port that are listened on. */
  readonly advertised: AdvertisedAddress | undefined;
}

/** How others reach a socket of ours. */
export interface AdvertisedAddress {
  /** An IP address without brackets, or a host name in lower case. */
  readonly host: string;
  /** 1 to 65535; `undefined`: the port that is listened on. */
  readonly port: number | undefined;
}

/**
 * A list, separated by commas, of `transport:address[:port]`, each perhaps with `as HOST[:PORT]`. IPv6 stands in brackets.
 * @throws {SyntaxError} on an unknown transport, a bad address or port, an empty list, and two that need the same port.
 *
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * const [udp, tls] = parseListenSpecs("udp:any, tls:[2001:db8::1]:5071 as sip.example.org");
 * assertEquals(udp, { transport: "udp", hostname: "any", port: 5060, advertised: undefined });
 * assertEquals(tls?.advertised, { host: "sip.example.org", port: undefined });
 * ```
 */
export function parseListenSpecs(text: string): ListenSpec[] {
  if (isNone(text)) {
    throw new SyntaxError("a proxy must listen somewhere; transport:address[:port] is accepted");
  }
  const specs = text.split(",").map((entry) => parseListenSpec(entry.trim()));
  const seen = new Set<string>();
  for (const { transport, hostname, port } of specs) {
    const kind = transport === "udp" ? "UDP" : "TCP"; // which all others run over
    const name = `${kind} port ${port} of ${hostname}`;
    if (seen.has(name)) {
      throw new SyntaxError(`${name} stands in the list twice`);
    }
    seen.add(name);
  }
  return specs;
}

function parseListenSpec(text: string): ListenSpec {
  const [, word, address, advertised] = /^([a-z]+):(\S+)(?:\s+as\s+(\S+))?$/i.exec(text) ?? [];
  if (word === undefined || address === undefined) {
    throw new SyntaxError(`${quoted(text)} is not transport:address[:port], perhaps with as HOST[:PORT]`);
  }
  const transport = TRANSPORTS.find((it) => it === word.toLowerCase());
  if (transport === undefined) {
    throw new SyntaxError(`${quoted(word)} is none of the transports ${TRANSPORTS.join(", ")}`);
  }
  const { hostname, port } = parseListen(address, DEFAULT_PORTS[transport]);
  return {
    transport,
    hostname: /^any(?=:|$)/i.test(address) ? "any" : hostname,
    port,
    advertised: advertised === undefined ? undefined : parseAdvertised(advertised),
  };
}

function parseAdvertised(text: string): AdvertisedAddress {
  const { host, port } = parseHostPort(text, 0); // no port can be 0, so 0 says that there is none
  return { host, port: port === 0 ? undefined : port };
}
