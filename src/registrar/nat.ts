/**
 * Who is behind a NAT, and how requests find the way back (RFC 3581, RFC 7362).
 *
 * A phone behind a NAT puts an address into its Contact that leads nowhere. Proxies therefore add where it really is as a
 * parameter of the Contact's URI, which comes back as the Request-URI of later requests, as Kamailio's nathelper does:
 *
 * ```text
 * Contact: <sip:alice@10.0.0.5:5060;alias=203.0.113.7~40001~1>      address ~ port ~ transport, IPv6 in brackets
 * ```
 * @module
 */
import { bracketed, canonicalAddress } from "../control/media_header.ts";
import { ipaddr } from "../deps/ipaddr.ts";
import { type SipMessage, SipRequest } from "../sip/message.ts";
import { type NameAddr, parseNameAddr, serializeNameAddr } from "../sip/name_addr.ts";
import { parseSipUri, serializeSipUri, type SipUri } from "../sip/uri.ts";
import { defaultPort, type Flow, isReliable, type Target, type Transport } from "../transport/flow.ts";

/** The digits of nathelper's aliases; 4 is SCTP. */
const DIGITS: Readonly<Record<Transport, string>> = { udp: "1", tcp: "2", tls: "3", ws: "5", wss: "6" };
const ALIAS = /^(\[[0-9a-f:.]+\]|[0-9.]+)~(\d{1,5})~([12356])$/i;
/** Addresses that mean nothing outside of their own network (RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291). */
const LOCAL_RANGES = new Set(["private", "carrierGradeNat", "linkLocal", "uniqueLocal", "loopback", "unspecified"]);

/**
 * Whether who sent a message can be reached only the way it came: a request's Via, or the Contact, says an address that
 * cannot be the sender's. Total. A request that another proxy has handed on is not judged: its sender is that proxy.
 */
export function isNatted(message: SipMessage, flow: Flow): boolean {
  if (message instanceof SipRequest) {
    if (isHandedOn(message)) return false;
    if (isNattedVia(message, flow)) return true;
  }
  const contact = contactOf(message);
  return contact !== undefined && isNattedContact(contact.uri, flow);
}

function isHandedOn(request: SipRequest): boolean {
  return request.headerValues("via").length > 1;
}

/** Whether a request's sender has another address than its own Via says; a name says nothing. */
export function isNattedVia(request: SipRequest, { address }: Flow): boolean {
  if (isHandedOn(request)) return false;
  const { host } = request.topVia;
  return ipaddr.isValid(host) ? host !== address : host.endsWith(".invalid");
}

/**
 * Whether a contact is not where it says: its address is private but the sender's is another, its name cannot exist, or
 * it is a browser, which nobody can connect to (RFC 7118 §5).
 */
export function isNattedContact({ host }: SipUri, { transport, address }: Flow): boolean {
  if (transport === "ws" || transport === "wss" || host.endsWith(".invalid")) return true;
  return host !== address && isLocalAddress(host);
}

function isLocalAddress(host: string): boolean {
  return ipaddr.isValid(host) && LOCAL_RANGES.has(ipaddr.process(host).range());
}

/** Adds to the Contact where the message came from, unless that is what it says. Whether it did. */
export function aliasContact(message: SipMessage, flow: Flow): boolean {
  if (message instanceof SipRequest && isHandedOn(message)) return false;
  const contact = contactOf(message);
  if (contact === undefined || contact.uri.params.has("alias") || isWhereItSays(contact.uri, flow)) return false;
  const { nameAddr, uri } = contact;
  uri.params.set("alias", `${bracketed(flow.address)}~${flow.port}~${DIGITS[flow.transport]}`);
  message.replaceFirstValue("contact", serializeNameAddr({ ...nameAddr, uri: serializeSipUri(uri) }));
  return true;
}

/** A connection from the very port that is to be connected to is the same either way; UDP phones use one port for all. */
function isWhereItSays(uri: SipUri, { transport, address, port }: Flow): boolean {
  return uri.host === address && (!isReliable(transport) || (uri.port ?? defaultPort(transport)) === port);
}

/**
 * Takes the alias off a Request-URI: where to send the request. `undefined`, and nothing changed, if there is none, or if
 * a Route is left: then the proxy that it names looks after it.
 */
export function resolveAlias(request: SipRequest): Target | undefined {
  if (!request.requestUri.includes(";alias=") || request.hasHeader("route")) return undefined;
  const uri = parsedUri(request.requestUri);
  const [, addressText, portText, digit] = ALIAS.exec(uri?.params.get("alias") ?? "") ?? [];
  const address = addressText === undefined ? undefined : canonicalAddress(addressText);
  const port = Number(portText);
  const transport = (Object.keys(DIGITS) as Transport[]).find((candidate) => DIGITS[candidate] === digit);
  if (uri === undefined || address === undefined || transport === undefined || port < 1 || port > 65535) {
    return undefined;
  }
  uri.params.delete("alias");
  request.setRequestUri(serializeSipUri(uri));
  return { transport, address, port, onlyExisting: isReliable(transport) };
}

/** The Contact, if there is one of SIP's. The URI is a copy that may be changed. */
function contactOf(message: SipMessage): { readonly nameAddr: NameAddr; readonly uri: SipUri } | undefined {
  const value = message.headerValues("contact")[0];
  if (value === undefined || value === "*") return undefined;
  try {
    const nameAddr = parseNameAddr(value);
    return { nameAddr, uri: parseSipUri(nameAddr.uri) };
  } catch {
    return undefined; // whoever needs it will refuse the message
  }
}

function parsedUri(text: string): SipUri | undefined {
  try {
    return parseSipUri(text);
  } catch {
    return undefined;
  }
}
