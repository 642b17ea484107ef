/** What the module says to a dispatcher: `update` and `remove` (PROTOCOL 1). @module */
import { type MediaDescription, serializeMediaHeader } from "../control/media_header.ts";
import { ipaddr } from "../deps/ipaddr.ts";
import { serializeRequest } from "../control/request.ts";
import { octetsToUtf8, utf8ToOctets } from "../sip/octets.ts";

/** As much as dispatchers are known to read: the original module's own buffer. */
const MAX_REQUEST_BYTES = 8192;
const PLAIN = /^[\x20-\x7e]*$/;
const LINE_BREAK = /[\r\n]/;
const NOT_OCTET = /[^\0-\xff]/;
const NOT_ASCII = /[^\0-\x7f]/g;

/** What `update` says, all of it octet strings. Empty ones mean that there is nothing to say. */
export interface UpdateFacts {
  readonly type: "request" | "reply";
  readonly dialogId: string;
  readonly callId: string;
  readonly cseq: number;
  /** URI texts, with their scheme and parameters. */
  readonly fromUri: string;
  readonly toUri: string;
  readonly fromTag: string;
  readonly toTag: string;
  readonly userAgent: string;
  readonly signalingIp: string;
  readonly mediaRelay: string;
  /** How the relay is to learn addresses in this call; an addition, which other relays ignore. */
  readonly learning: string;
  /** `undefined` if the message has no SDP: the call was answered without. */
  readonly media: readonly MediaDescription[] | undefined;
}

/** Names a session for `remove`. A `SipMessage` is one. */
export interface SessionName {
  readonly callId: string;
  /** The tags as in the message that ends the call, swapped if the callee does; "" if there is none. */
  readonly fromTag: string;
  readonly toTag: string;
}

/**
 * The value of `signaling_ip`. A relay needs to know where the message goes only if that is another network than where it
 * came from: another address family, or inside rather than outside. Else the plain form, which every relay knows.
 */
export function signalingIpValue(source: string, destination: string | undefined): string {
  if (destination === undefined || network(source) === network(destination)) return source;
  return JSON.stringify({ signaling_ip: source, destination_ip: destination });
}

function network(address: string): string {
  const parsed = ipaddr.process(address);
  return `${parsed.kind()} ${parsed.range() === "unicast" ? "public" : "private"}`;
}

/** A request that no dispatcher may be given. */
export class RequestError extends Error {
  override name = "RequestError";
}

/**
 * An `update`, its headers in the order in which the original sends them.
 * @throws RequestError if a value has a line break, or the whole is longer than 8,192 bytes
 */
export function serializeUpdate(facts: UpdateFacts): string {
  const headers: [string, string][] = [
    ["type", facts.type],
    ["dialog_id", facts.dialogId],
    ["call_id", facts.callId],
    ["cseq", String(facts.cseq)],
    ["from_uri", addressOf(facts.fromUri)],
    ["to_uri", addressOf(facts.toUri)],
    ["from_tag", facts.fromTag],
    ["to_tag", facts.toTag],
    ["user_agent", facts.userAgent],
    ["signaling_ip", facts.signalingIp],
    ["media_relay", facts.mediaRelay],
  ];
  if (facts.media !== undefined) headers.push(["media", serializeMediaHeader(facts.media)]);
  if (facts.learning !== "") headers.push(["learning", facts.learning]);
  return serialize("update", headers);
}

/**
 * A `remove`.
 * @throws RequestError as `serializeUpdate()`
 */
export function serializeRemove({ callId, fromTag, toTag }: SessionName): string {
  return serialize("remove", [["call_id", callId], ["from_tag", fromTag], ["to_tag", toTag]]);
}

function serialize(command: string, headers: readonly [string, string][]): string {
  const text = serializeRequest(command, new Map(headers.map(([name, value]) => [name, wireValue(name, value)])));
  if (text.length > MAX_REQUEST_BYTES) {
    throw new RequestError(`Cannot send ${command}: ${text.length} bytes are more than ${MAX_REQUEST_BYTES}`);
  }
  return text;
}

/** `alice@example.com`: without `sip:`, and cut where the parameters begin. */
function addressOf(uri: string): string {
  const [address = ""] = uri.split(";", 1);
  return address.replace(/^sips?:/i, "");
}

/**
 * A value that can be written. A message that was parsed has no line breaks in its values, but an AVP may hold anything,
 * and a line break would begin a header of its own.
 *
 * Interop: the original dispatcher drops the connection over bytes that are not UTF-8, and all its calls with it, so
 * those become question marks.
 */
function wireValue(name: string, value: string): string {
  if (PLAIN.test(value)) return value;
  if (LINE_BREAK.test(value)) throw new RequestError(`Cannot send ${name}: a line break is in it`);
  if (NOT_OCTET.test(value)) return utf8ToOctets(value);
  return octetsToUtf8(value).includes("\ufffd") ? value.replace(NOT_ASCII, "?") : value;
}
