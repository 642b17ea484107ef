/** The copy of a request that goes to one destination (RFC 3261 §16.6). @module */
import { parseNameAddr } from "../sip/name_addr.ts";
import type { SipRequest } from "../sip/message.ts";
import { parseSipUri, serializeSipUri, type SipUri } from "../sip/uri.ts";
import { firstRoute } from "./own_address.ts";
import type { Destination } from "./script.ts";

/** The path MTU is not known (RFC 3261 §18.1.1). */
const MAX_DATAGRAM_REQUEST_BYTES = 1300;
/** Via, Record-Route and what else is added before it leaves. */
const ADDED_BYTES = 300;

/**
 * Copies `request` for `destination`: Request-URI, Max-Forwards, Path, and what a strict router wants (steps 1 to 6).
 * `breadth` is its share of Max-Breadth (RFC 5393 §5.3.3).
 */
export function copyFor(
  request: SipRequest,
  destination: Destination,
  maxForwards: number,
  breadth: number,
): SipRequest {
  const copy = request.clone();
  const uri = asRequestUri(destination.uri);
  if (uri !== copy.requestUri) copy.setRequestUri(uri);
  const hops = copy.header("max-forwards");
  copy.setHeader("max-forwards", String(hops === undefined ? maxForwards : Number(hops) - 1));
  copy.setHeader("max-breadth", String(breadth));
  for (const route of destination.path?.toReversed() ?? []) copy.prependHeader("route", route);
  return copy;
}

/**
 * A URI as a Request-URI: without the headers and the method that it may have as a Contact (RFC 3261 §16.6 step 2,
 * §19.1.1), and without the colon too many that RFC 5118 §4.10 is about.
 */
function asRequestUri(text: string): string {
  if (!/\?|:::|;method=/i.test(text) || !/^sips?:/i.test(text)) return text;
  const uri = parseSipUri(text);
  const params = uri.params.clone();
  params.delete("method");
  return serializeSipUri({ ...uri, params, headers: "" });
}

/**
 * The URI that says where a request goes next: its first Route, else its Request-URI (step 7). A first Route without `lr`
 * is a strict router's, and takes the place of the Request-URI (step 6).
 * @throws SipSyntaxError
 */
export function nextHop(request: SipRequest): SipUri {
  const route = firstRoute(request);
  if (route === undefined) return request.uri;
  if (!route.params.has("lr")) {
    const [first, ...rest] = request.headerValues("route");
    request.setHeaderValues("route", [...rest, `<${request.requestUri}>`]);
    request.setRequestUri(parseNameAddr(first!).uri);
  }
  return route;
}

/** Whether a request might be fragmented as a datagram, and goes over TCP if it can (RFC 3261 §18.1.1). */
export function isLarge(request: SipRequest): boolean {
  return request.body.length + headBytes(request) + ADDED_BYTES > MAX_DATAGRAM_REQUEST_BYTES;
}

function headBytes(request: SipRequest): number {
  let bytes = request.method.length + request.requestUri.length + 12;
  for (const { text } of request.fields) bytes += text.length + 2;
  return bytes;
}

/** A URI, parsed if it is text. @throws SipSyntaxError */
export function asUri(uri: SipUri | string): SipUri {
  return typeof uri === "string" ? parseSipUri(uri) : uri;
}
