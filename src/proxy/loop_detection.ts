/** Loops: a request that comes back unchanged (RFC 3261 §16.3 step 4, RFC 5393 §4.2). @module */
import type { SipRequest } from "../sip/message.ts";
import { parseVia } from "../sip/via.ts";
import type { OwnAddress } from "./own_address.ts";
import { parseSipUri, serializeHostPort } from "../sip/uri.ts";

/**
 * What decides where a request goes, as a short word that stands at the end of our branch: a request that comes back with
 * the same one would go around for ever. One that comes back with another Request-URI is a spiral, and welcome.
 */
export function loopMark(request: SipRequest): string {
  return hashTexts(request.requestUri, ...MARKED.flatMap((name) => request.headerFields(name)));
}

/** A short word that is made of texts. */
export function hashTexts(...texts: readonly string[]): string {
  return (texts.reduce(hashText, 0x811c9dc5) >>> 0).toString(36);
}

const MARKED = ["route", "call-id", "from", "to", "cseq", "proxy-require", "proxy-authorization"];

/** FNV-1a, as far as it goes in 32 bits: nobody gains by a collision but a 482 for his own call. */
function hashText(hash: number, text: string): number {
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return Math.imul(hash ^ 0x0a, 0x01000193);
}

/** Whether `request` has been here with the same mark. `request` is as it came: before its routes were taken off. */
export function isLoop(request: SipRequest, own: OwnAddress): boolean {
  const vias = request.headerValues("via");
  if (vias.length < 2) return false; // who sent it here is not us
  const mark = `.${loopMark(request)}`;
  return vias.some((text) => {
    if (!text.includes(mark)) return false; // hardly ever there, and cheaper than parsing
    try {
      const { params, host, port, transport } = parseVia(text);
      const sentBy = parseSipUri(`sip:${serializeHostPort(host, port)};transport=${transport.toLowerCase()}`);
      return params.get("branch")?.endsWith(mark) === true && own.listenPointOf(sentBy) !== undefined;
    } catch {
      return false; // whatever wrote that, we did not
    }
  });
}
