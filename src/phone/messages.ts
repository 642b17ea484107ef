/** The requests of a test phone (RFC 3261 §8.1.1, §12.2.1.1). @module */
import { randomHex, type RandomSource } from "../env/random.ts";
import { SipRequest, type SipResponse } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name_addr.ts";

/** One side of a dialog, as the phone that takes part in it keeps it. */
export interface DialogState {
  readonly callId: string;
  /** From and To of our requests, with their tags. */
  readonly local: string;
  readonly remote: string;
  /** The URI of the other side's Contact. */
  readonly remoteTarget: string;
  readonly routeSet: readonly string[];
  cseq: number;
}

/** Who a phone is. */
export interface Identity {
  /** `sip:alice@example.com` */
  readonly uri: string;
  /** `<sip:alice@192.168.1.10:5060>` */
  readonly contact: string;
}

/** A request outside of a dialog. */
export function newRequest(
  method: string,
  requestUri: string,
  { uri, contact }: Identity,
  to: string,
  random: RandomSource,
): SipRequest {
  return fill(new SipRequest(method, requestUri), {
    from: `<${uri}>;tag=${randomHex(random, 6)}`,
    to,
    callId: randomHex(random, 12),
    sequence: 1,
    contact,
  });
}

/** A request within a dialog. */
export function inDialogRequest(method: string, dialog: DialogState, contact: string): SipRequest {
  const request = new SipRequest(method, dialog.remoteTarget);
  for (const route of dialog.routeSet) request.appendHeader("route", route);
  if (method !== "ACK") dialog.cseq++;
  const { local, remote, callId, cseq } = dialog;
  return fill(request, { from: local, to: remote, callId, sequence: cseq, contact });
}

function fill(request: SipRequest, { from, to, callId, sequence, contact }: {
  readonly from: string;
  readonly to: string;
  readonly callId: string;
  readonly sequence: number;
  readonly contact: string;
}): SipRequest {
  request.appendHeader("max-forwards", "70");
  request.appendHeader("from", from);
  request.appendHeader("to", to);
  request.appendHeader("call-id", callId);
  request.appendHeader("cseq", `${sequence} ${request.method}`);
  request.appendHeader("contact", contact);
  request.appendHeader("user-agent", "MediaProxy test phone");
  return request;
}

/** The caller's side of the dialog that a 2xx begins (RFC 3261 §12.1.2). */
export function callerDialog(invite: SipRequest, response: SipResponse): DialogState {
  return {
    callId: invite.callId,
    local: invite.header("from")!,
    remote: response.header("to")!,
    remoteTarget: contactUri(response) ?? invite.requestUri,
    routeSet: response.headerValues("record-route").reverse(),
    cseq: invite.cseq.sequence,
  };
}

/** The callee's side (RFC 3261 §12.1.1). `response` is its own 2xx. */
export function calleeDialog(invite: SipRequest, response: SipResponse): DialogState {
  return {
    callId: invite.callId,
    local: response.header("to")!,
    remote: invite.header("from")!,
    remoteTarget: contactUri(invite) ?? invite.from.uri,
    routeSet: invite.headerValues("record-route"),
    cseq: 0,
  };
}

function contactUri(message: SipRequest | SipResponse): string | undefined {
  const [contact] = message.headerValues("contact");
  return contact === undefined ? undefined : parseNameAddr(contact).uri;
}
