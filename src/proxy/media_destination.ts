/** Where the media's other party is, as far as a proxy knows before it answers: a relay with several addresses asks. @module */
import type { Dialog } from "../dialog/dialog.ts";
import { canonicalAddress } from "../control/media_header.ts";
import type { SipRequest } from "../sip/message.ts";
import { parseSipUri } from "../sip/uri.ts";
import type { Destination } from "./script.ts";

/** The address that a request goes to: the phone's, if it has registered with us, else one that its URI names. */
export function addressOfDestination(destination: Destination | undefined): string | undefined {
  if (destination === undefined) return undefined;
  if (destination.target !== undefined) return destination.target.address;
  try {
    return canonicalAddress(parseSipUri(destination.uri).host);
  } catch {
    return undefined; // a tel: URI, or one that cannot be read; whoever forwards it says so
  }
}

/** The address of the party to which a request within a dialog goes. */
export function addressOfOtherParty(dialog: Dialog, request: SipRequest): string | undefined {
  const party = dialog.sideOf(request) === "caller" ? dialog.leg(request.toTag)?.party : dialog.caller;
  return party?.target.address;
}
