/** Configuration values that name hosts: addresses, ports, networks. @module */

import { ipaddr } from "../deps/ipaddr.ts";
import { quoted } from "../env/log.ts";
import { isNone, parseWholeNumber, splitList } from "./values.ts";

/** Where a server is. */
export interface HostPort {
  /** An IP address without brackets, or a host name in lower case. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** `host` is an IP address: nothing to look up. */
  readonly isAddress: boolean;
}

/** Where to listen, as Deno's listeners take it. */
export interface ListenAddress {
  /** An IP address; `0.0.0.0` and `::` are every interface. */
  readonly hostname: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** An IP network. A single address is one with all of its bits as prefix. */
export interface Network {
  /** The first address. */
  readonly address: string;
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefixLength: number;
}

/** UDP ports. Both bounds are even: RTP takes the even port of a pair, RTCP the odd one. */
export interface PortRange {
  /** First port, at least 1024. */
  readonly start: number;
  /** First port after the range, at most 65536. */
  readonly end: number;
}

const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.?$/i;

/**
 * Parses `host[:port]`; an IPv6 address stands in brackets.
 * @throws {SyntaxError} when it is no address and no host name, or the port is not 1 to 65535.
 *
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * assertEquals(parseHostPort("[2001:db8::1]", 25060), { host: "2001:db8::1", port: 25060, isAddress: true });
 * ```
 */
export function parseHostPort(text: string, defaultPort: number): HostPort {
  const { name, port } = splitPort(text, defaultPort);
  const address = parseAddressText(name);
  if (address !== undefined) {
    return { host: address, port, isAddress: true };
  }
  // A name that ends in digits is an address with a mistake: no top level domain is a number (RFC 3696 §2).
  if (!HOST_NAME.test(name) || /(?:^|\.)\d+\.?$/.test(name)) {
    throw new SyntaxError(`${quoted(text)} is not host[:port] with an IP address or a host name`);
  }
  return { host: name.toLowerCase(), port, isAddress: false };
}

/** A list of `host[:port]` without repetition. @throws {SyntaxError} as {@linkcode parseHostPort}. */
export function parseHostPortList(text: string, defaultPort: number): HostPort[] {
  const servers = splitList(text).map((entry) => parseHostPort(entry, defaultPort));
  const seen = new Set<string>();
  for (const { host, port } of servers) {
    const name = `${host} port ${port}`;
    if (seen.has(name)) {
      throw new SyntaxError(`${name} stands in the list twice`);
    }
    seen.add(name);
  }
  return servers;
}

/** Parses `ip[:port]`, where the ip may be `any`. @throws {SyntaxError} on a host name or a bad port. */
export function parseListen(text: string, defaultPort: number): ListenAddress {
  const { name, port } = splitPort(text, defaultPort);
  const hostname = name.toLowerCase() === "any" ? "0.0.0.0" : parseAddressText(name);
  if (hostname === undefined) {
    throw new SyntaxError(`${quoted(text)} is not ip[:port] with an IP address, or any for every interface`);
  }
  return { hostname, port };
}

/**
 * An address that a packet can be sent to, written the shortest way; `undefined` for None and for nothing.
 * @throws {SyntaxError} on other text, and on unspecified, multicast and broadcast addresses.
 */
export function parseHostAddress(text: string): string | undefined {
  if (isNone(text)) {
    return undefined;
  }
  const address = parseAddressText(text);
  if (address === undefined) {
    throw new SyntaxError("not an IP address; an IPv4 or IPv6 address without port or brackets, or None, is accepted");
  }
  const range = ipaddr.parse(address).range();
  if (range === "unspecified" || range === "multicast" || range === "broadcast") {
    throw new SyntaxError(`a ${range} address cannot receive media; the address of one interface is accepted`);
  }
  return address;
}

/** Parses `start:end`. @throws {SyntaxError} unless both are even, within 1024 to 65536, and start is below end. */
export function parsePortRange(text: string): PortRange {
  const [, start, end] = (/^(\d{4,5})\s*:\s*(\d{4,5})$/.exec(text) ?? []).map(Number);
  if (start === undefined || end === undefined || start < 1024 || end > 65536 || start >= end || (start | end) & 1) {
    throw new SyntaxError("not start:end with even numbers from 1024 to 65536 and start below end");
  }
  return { start, end };
}

/** A list of networks, each `address/prefix` or an address. Bits after the prefix are cleared. @throws {SyntaxError} */
export function parseNetworkList(text: string): Network[] {
  return splitList(text).map(parseNetwork);
}

function parseNetwork(text: string): Network {
  const slash = text.indexOf("/");
  const address = parseAddressText(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) {
    throw new SyntaxError(`${quoted(text)} is not a network; an address or address/prefix is accepted`);
  }
  const isV6 = address.includes(":");
  const bits = isV6 ? 128 : 32;
  const prefixLength = slash < 0 ? bits : parseWholeNumber(text.slice(slash + 1), 0, bits, "a prefix length");
  const first = (isV6 ? ipaddr.IPv6 : ipaddr.IPv4).networkAddressFromCIDR(`${address}/${prefixLength}`);
  return { address: first.toString(), prefixLength };
}

/** The address in its usual spelling; `undefined` when it is none. ipaddr.js alone would take `1` and `0x7f.1`, and zones. */
function parseAddressText(text: string): string | undefined {
  const isAddress = ipaddr.IPv4.isValidFourPartDecimal(text) || (ipaddr.IPv6.isValid(text) && !text.includes("%"));
  return isAddress ? ipaddr.parse(text).toString() : undefined;
}

function splitPort(text: string, defaultPort: number): { name: string; port: number } {
  const [, v6, name, port] = /^(?:\[([^\]]*)\]|([^:\[\]]*))(?::(.*))?$/s.exec(text) ?? [];
  if (v6 === undefined && parseAddressText(text)?.includes(":")) {
    throw new SyntaxError(`${quoted(text)}: an IPv6 address must stand in brackets`);
  }
  if ((v6 ?? name) === undefined || (v6 !== undefined && !parseAddressText(v6)?.includes(":"))) {
    throw new SyntaxError(`${quoted(text)} is not host[:port]`);
  }
  return {
    name: v6 ?? name!,
    port: port === undefined ? defaultPort : parseWholeNumber(port, 1, 65535, "a port"),
  };
}
