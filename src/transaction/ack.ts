/** The requests that an INVITE's client transaction makes of it: ACK and CANCEL. @module */
import { HeaderField } from "../sip/header_field.ts";
import { SipRequest, type SipResponse } from "../sip/message.ts";

/** As RFC 3261 §8.1.1.6 recommends: it is not the INVITE's journey that goes on. */
const MAX_FORWARDS = HeaderField.of("max-forwards", "70");

/** The ACK of a final response from 300 to 699 to `invite`, which has our Via as its first (RFC 3261 §17.1.1.3). */
export function createAck(invite: SipRequest, response: SipResponse): SipRequest {
  return createFor(invite, "ACK", response.fields.find(({ name }) => name === "to"));
}

/** The CANCEL of `invite`, which has our Via as its first (RFC 3261 §9.1). `reason` is a Reason header's value (RFC 3326). */
export function createCancel(invite: SipRequest, reason?: string): SipRequest {
  const cancel = createFor(invite, "CANCEL", undefined);
  if (reason !== undefined) cancel.appendHeader("reason", reason);
  return cancel;
}

/** The topmost Via, Route, From, To and Call-ID of `invite`, and its CSeq with another method. */
function createFor(invite: SipRequest, method: string, to: HeaderField | undefined): SipRequest {
  const fields: HeaderField[] = [];
  let hasVia = false;
  for (const field of invite.fields) {
    switch (field.name) {
      case "via":
        if (!hasVia) fields.push(field, MAX_FORWARDS);
        hasVia = true;
        break;
      case "route":
      case "from":
      case "call-id":
        fields.push(field);
        break;
      case "to":
        fields.push(to ?? field);
        break;
      case "cseq":
        fields.push(HeaderField.of("cseq", `${invite.cseq.sequence} ${method}`));
    }
  }
  return new SipRequest(method, invite.requestUri, fields);
}
