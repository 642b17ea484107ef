/** What tells transactions apart (RFC 3261 §17.1.3, §17.2.3). @module */
import type { SipRequest } from "../sip/message.ts";
import { serializeVia } from "../sip/via.ts";
import { isUnique } from "./branch.ts";

/**
 * The key of a client transaction: a CANCEL has the branch of what it cancels. Besides, the method in CSeq must be the
 * request's.
 */
export function clientKey(branch: string, method: string): string {
  return method === "CANCEL" ? `CANCEL ${branch}` : branch;
}

/**
 * The key of the server transaction that `request` belongs to; an ACK belongs to its INVITE's. To be asked for before
 * anything is changed in the topmost Via.
 */
export function serverKey(request: SipRequest): string {
  const method = request.method === "ACK" ? "INVITE" : request.method;
  const via = request.topVia;
  const branch = via.params.get("branch") ?? "";
  // sent-by keeps apart what two peers name alike, by chance or on purpose
  if (isUnique(branch)) return `${method} ${branch} ${via.host}:${via.port ?? ""}`;
  return `${method} ${serializeVia(via)} ${rfc2543Ids(request, method)}`;
}

/** The key of the INVITE that a CANCEL with the key `cancelKey` cancels: the same but for the method (RFC 3261 §9.2). */
export function cancelledKey(cancelKey: string): string {
  return `INVITE${cancelKey.slice("CANCEL".length)}`;
}

/**
 * What an RFC 2543 peer's retransmission, ACK and CANCEL share with the request. The tag in To belongs to it, but not
 * with an INVITE, as the ACK has that of the response; CSeq and the topmost Via tell those apart.
 */
function rfc2543Ids(request: SipRequest, method: string): string {
  const toTag = method === "INVITE" || method === "CANCEL" ? "" : request.toTag;
  return `${request.callId} ${request.cseq.sequence} ${request.fromTag} ${toTag} ${request.requestUri}`;
}
