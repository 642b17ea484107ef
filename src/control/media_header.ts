/**
 * The `media` header: the streams of an SDP body that a relay can carry.
 *
 * ```text
 * media: audio:192.0.2.1:6000:sendrecv:ice=no,video:[2001:db8::1]:6002:sendonly:ice=yes
 *        type  address   port direction parameters
 * ```
 * @module
 */
import { ipaddr } from "../deps/ipaddr.ts";
import { ControlSyntaxError } from "./errors.ts";

export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** One `m=` line with a supported transport, in SDP order. */
export interface MediaDescription {
  /** The media type of the m= line: `audio`, `video`, `image` ... */
  readonly type: string;
  /** The connection address in canonical form, without brackets. 0.0.0.0 is a hold (RFC 3264 §8.4). */
  readonly address: string;
  /** 0 to 65535; 0 is a stream that is refused or disabled (RFC 3264 §6). */
  readonly port: number;
  readonly direction: Direction;
  /** Whether the stream carries ICE credentials and a candidate. */
  readonly ice: boolean;
}

/** The one spelling of an IPv4 address that everybody reads alike: no leading zeros, which some take for octal. */
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
/** As many m= lines as the SIP server's module will look at (PROTOCOL 2). */
const MAX_STREAMS = 32;
const STREAM = /^([A-Za-z0-9._+-]{1,32}):(.{2,64}?):(\d{1,5})(?::(sendrecv|sendonly|recvonly|inactive)(?::([^:]*))?)?$/;

/**
 * Parses the value of a `media` header.
 *
 * Interop: Kamailio and OpenSIPS write an IPv6 address without brackets. It is read from both ends, so both forms work.
 *
 * @throws ControlSyntaxError if a stream has another form, or there are more than 32.
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * const [stream] = parseMediaHeader("audio:192.0.2.1:6000:sendrecv:ice=no");
 * assertEquals(stream, { type: "audio", address: "192.0.2.1", port: 6000, direction: "sendrecv", ice: false });
 * ```
 */
export function parseMediaHeader(value: string): MediaDescription[] {
  const streams = value.split(",");
  if (streams.length > MAX_STREAMS) {
    throw new ControlSyntaxError(`Cannot parse the media header: more than ${MAX_STREAMS} streams`);
  }
  return streams.map(parseStream);
}

function parseStream(text: string): MediaDescription {
  const [, type, addressText, portText, direction = "sendrecv", parameters = ""] = STREAM.exec(text) ?? [];
  const address = addressText === undefined ? undefined : canonicalAddress(addressText);
  const port = Number(portText);
  if (type === undefined || address === undefined || port > 65535) {
    throw new ControlSyntaxError(
      `Cannot parse the media header: ${
        JSON.stringify(text.slice(0, 80))
      } is not type:address:port:direction:ice=yes|no`,
    );
  }
  return { type, address, port, direction: direction as Direction, ice: parameters.split(";").includes("ice=yes") };
}

/** The value of a `media` header; IPv6 addresses are in brackets. */
export function serializeMediaHeader(streams: readonly MediaDescription[]): string {
  return streams.map(({ type, address, port, direction, ice }) =>
    `${type}:${bracketed(address)}:${port}:${direction}:ice=${ice ? "yes" : "no"}`
  ).join(",");
}

/**
 * An address literal in the form in which sockets show it, so that two spellings compare equal: no brackets, shortest
 * IPv6, IPv4-mapped as IPv4. `undefined` if it is none.
 */
export function canonicalAddress(text: string): string | undefined {
  if (IPV4.test(text)) return text;
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (!bare.includes(":") || bare.includes("%") || !ipaddr.IPv6.isValid(bare)) return undefined;
  return ipaddr.process(bare).toString();
}

/** An address as it stands before a port: IPv6 in brackets. */
export function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
