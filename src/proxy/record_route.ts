/** Record-Route: how in-dialog requests find us again (RFC 3261 §16.6 step 4, RFC 5658). @module */
import type { SipRequest } from "../sip/message.ts";
import type { ListenPoint } from "../transport/flow.ts";
import { ownRouteUri } from "./own_address.ts";

/**
 * Adds our Record-Route to a request that came by `arrived` and leaves by `leaves`. If those differ there are two, one for
 * each side: each party then talks to the address and transport that it knows (RFC 5658 §4).
 */
export function addRecordRoute(request: SipRequest, arrived: ListenPoint, leaves: ListenPoint, params: string): void {
  if (arrived === leaves) {
    request.prependHeader("record-route", `<${ownRouteUri(leaves, params)}>`);
    return;
  }
  request.prependHeader("record-route", `<${ownRouteUri(arrived, `;r2=on${params}`)}>`);
  request.prependHeader("record-route", `<${ownRouteUri(leaves, `;r2=on${params}`)}>`);
}
