/** A phone, or another proxy, of a conversation: it knows its dialog, and writes its messages as a real one would. @module */
import { createResponse, type SipMessage, SipRequest, SipResponse } from "../../src/sip/message.ts";
import { parseNameAddr } from "../../src/sip/name_addr.ts";
import { parseMessage } from "../../src/sip/parse_message.ts";
import { defaultPort, type Flow, type Transport } from "../../src/transport/flow.ts";
import { answerChallenge } from "../../src/sip/digest.ts";
import { serializeHostPort } from "../../src/sip/uri.ts";
import { seededRandom } from "./fakes.ts";

/** Headers of a message: set, taken off (`undefined`), in the order in which they were written. */
export type Fields = readonly (readonly [name: string, value: string])[];

/** What a phone remembers of its call (RFC 3261 §12). */
interface SimDialog {
  readonly callId: string;
  /** Values of From and To of what it sends. */
  local: string;
  remote: string;
  remoteTarget: string;
  routes: readonly string[];
  cseq: number;
}

const DIALOG_METHODS = new Set(["INVITE", "SUBSCRIBE", "NOTIFY", "REFER"]);
/** Of a dialog only the first exchange says them (RFC 3261 §12.2). */
const ROUTE_METHODS = new Set(["INVITE", "SUBSCRIBE", "REFER"]);

/** See the module comment. */
export class SimPhone {
  readonly name: string;
  readonly flow: Flow;
  /** The requests that came, the last of each method. */
  readonly #received = new Map<string, SipRequest>();
  #lastReceived: SipRequest | undefined;
  #invite: SipRequest | undefined;
  #inviteFinal: SipResponse | undefined;
  #lastRequest: SipRequest | undefined;
  /** What the last 401 or 407 asks for. */
  #challenge: SipResponse | undefined;
  #lastSent = "";
  #dialog: SimDialog | undefined;
  #branches = 0;
  #calls = 0;
  readonly #random = seededRandom(7);

  constructor(name: string, flow: Flow) {
    this.name = name;
    this.flow = flow;
  }

  /** Where it can be called, as it says itself. */
  get contact(): string {
    const { transport, address, port } = this.flow;
    const suffix = transport === "udp" ? "" : `;transport=${transport}`;
    const place = serializeHostPort(address, port === defaultPort(transport) ? undefined : port);
    return `<sip:${this.name}@${place}${suffix}>`;
  }

  /** A message has come. */
  receive(message: SipMessage): void {
    if (message instanceof SipRequest) this.#receiveRequest(message);
    else this.#receiveResponse(message);
  }

  #receiveRequest(request: SipRequest): void {
    this.#received.set(request.method, request);
    if (request.method !== "ACK" && request.method !== "CANCEL") this.#lastReceived = request;
    if (!DIALOG_METHODS.has(request.method) || request.toTag !== "") return;
    this.#dialog = {
      callId: request.callId,
      local: `${request.header("to")};tag=${this.name}`,
      remote: request.header("from")!,
      remoteTarget: targetOf(request) ?? request.from.uri,
      routes: request.headerValues("record-route"),
      cseq: 100,
    };
  }

  #receiveResponse(response: SipResponse): void {
    const { method } = response.cseq;
    if (response.status === 401 || response.status === 407) this.#challenge = response;
    if (method === "INVITE" && response.status >= 200) this.#inviteFinal = response;
    const dialog = this.#dialog;
    if (dialog?.callId !== response.callId || response.status === 100 || response.status >= 300) return;
    if (!ROUTE_METHODS.has(method)) return;
    dialog.remote = response.header("to")!;
    dialog.remoteTarget = targetOf(response) ?? dialog.remoteTarget;
    const recorded = response.headerValues("record-route");
    if (recorded.length > 0) dialog.routes = recorded.toReversed();
  }

  /**
   * Writes `INVITE sip:bob@example.com`, `BYE` in the dialog, `ACK`, `CANCEL`, `180`, `200 BYE`; `again`: the same octets;
   * `once more by another way`: the same with another branch;
   * `authorized`: the last request with what a challenge asks for, `authorized PASSWORD` with another password.
   */
  write(what: string, fields: Fields, body: string): string {
    const [first = "", second] = what.split(" ");
    if (first === "again") return this.#lastSent;
    if (first === "once") return this.#lastSent.replace(/branch=[^;\r]+/, `branch=z9hG4bK-other-${++this.#branches}`);
    const message = /^\d{3}$/.test(first)
      ? this.#response(Number(first), second)
      : first === "authorized"
      ? this.#authorized(second)
      : this.#request(first, second);
    for (const [name, value] of fields) {
      if (value === "none") message.removeHeader(name.toLowerCase());
      else message.setHeaderValues(name.toLowerCase(), value === "" ? [""] : value.split(" && "));
    }
    if (body !== "") message.setBody(body, message.header("content-type") ?? "application/sdp");
    if (message instanceof SipRequest && message.method === "INVITE") {
      this.#invite = message;
      this.#inviteFinal = undefined;
    }
    if (message instanceof SipRequest && message.method !== "ACK") this.#lastRequest = message;
    return this.#lastSent = message.serialize();
  }

  /** The last request anew, with an answer to the challenge (RFC 3261 §22.2). */
  #authorized(password = `${this.name}-secret`): SipRequest {
    const [request, challenge] = [this.#lastRequest, this.#challenge];
    if (request === undefined || challenge === undefined) throw new TypeError(`nobody has challenged ${this.name}`);
    const copy = request.clone();
    const isProxy = challenge.status === 407;
    const { method, requestUri: uri, body } = copy;
    const answer = { username: this.name, password, method, uri, body };
    const asked = challenge.headerFields(isProxy ? "proxy-authenticate" : "www-authenticate");
    copy.setHeader(isProxy ? "proxy-authorization" : "authorization", answerChallenge(asked, answer, this.#random));
    copy.setHeader("cseq", `${copy.cseq.sequence + 1} ${method}`);
    copy.setHeader(
      "via",
      copy.header("via")!.replace(/branch=[^;]+/, `branch=z9hG4bK-${this.name}-${++this.#branches}`),
    );
    if (this.#dialog?.callId === copy.callId) this.#dialog.cseq = copy.cseq.sequence;
    return copy;
  }

  #request(method: string, uri: string | undefined): SipRequest {
    if (method === "CANCEL") return this.#cancel();
    if (method === "ACK" && (this.#inviteFinal?.status ?? 200) >= 300) return this.#ack();
    return uri === undefined ? this.#inDialog(method) : this.#initial(method, uri);
  }

  #initial(method: string, uri: string): SipRequest {
    const from = `<sip:${this.name}@example.com>;tag=${this.name}`;
    const to = method === "REGISTER" ? `<sip:${this.name}@example.com>` : `<${uri}>`;
    const callId = method === "REGISTER" ? `reg-${this.name}` : `${this.name}-${++this.#calls}`;
    const cseq = method === "REGISTER" ? ++this.#branches : 1;
    if (DIALOG_METHODS.has(method)) {
      this.#dialog = { callId, local: from, remote: to, remoteTarget: uri, routes: [], cseq };
    }
    return this.#compose(method, uri, { from, to, callId, cseq, routes: [] });
  }

  #inDialog(method: string): SipRequest {
    const dialog = this.#dialog;
    if (dialog === undefined) throw new TypeError(`${this.name} has no dialog for ${method}`);
    if (method !== "ACK") dialog.cseq++;
    const cseq = method === "ACK" ? this.#invite?.cseq.sequence ?? dialog.cseq : dialog.cseq;
    const { local: from, remote: to, callId, routes } = dialog;
    return this.#compose(method, dialog.remoteTarget, { from, to, callId, cseq, routes });
  }

  #compose(
    method: string,
    uri: string,
    ids: { from: string; to: string; callId: string; cseq: number; routes: readonly string[] },
  ): SipRequest {
    const request = new SipRequest(method, uri);
    const { transport, address, port } = this.flow;
    const sentBy = port === defaultPort(transport) ? address : `${address}:${port}`;
    const branch = `z9hG4bK-${this.name}-${++this.#branches}`;
    request.appendHeader("via", `SIP/2.0/${transport.toUpperCase()} ${sentBy};branch=${branch};rport`);
    request.appendHeader("max-forwards", "70");
    for (const route of ids.routes) request.appendHeader("route", route);
    request.appendHeader("from", ids.from);
    request.appendHeader("to", ids.to);
    request.appendHeader("call-id", ids.callId);
    request.appendHeader("cseq", `${ids.cseq} ${method}`);
    if (DIALOG_METHODS.has(method) || method === "REGISTER" || method === "UPDATE") {
      request.appendHeader("contact", this.contact);
    }
    request.appendHeader("content-length", "0");
    return request;
  }

  /** In the transaction of the INVITE that it ends (RFC 3261 §9.1, §17.1.1.3). */
  #cancel(): SipRequest {
    return this.#ofInvite("CANCEL", this.#invite?.header("to"));
  }

  #ack(): SipRequest {
    return this.#ofInvite("ACK", this.#inviteFinal?.header("to"));
  }

  #ofInvite(method: string, to: string | undefined): SipRequest {
    const invite = this.#invite;
    if (invite === undefined) throw new TypeError(`${this.name} has sent no INVITE`);
    const request = new SipRequest(method, invite.requestUri);
    for (const name of ["via", "max-forwards", "route", "from"]) {
      request.setHeaderValues(name, invite.headerFields(name));
    }
    request.appendHeader("to", to!);
    request.appendHeader("call-id", invite.callId);
    request.appendHeader("cseq", `${invite.cseq.sequence} ${method}`);
    request.appendHeader("content-length", "0");
    return request;
  }

  #response(status: number, method: string | undefined): SipResponse {
    const request = method === undefined ? this.#lastReceived : this.#received.get(method);
    if (request === undefined) throw new TypeError(`${this.name} has got no ${method ?? "request"} to answer`);
    const response = createResponse(request, status, undefined, this.name);
    if (DIALOG_METHODS.has(request.method) && status > 100 && status < 300) {
      response.setHeaderValues("record-route", request.headerFields("record-route"));
      response.appendHeader("contact", this.contact);
    }
    return response;
  }
}

function targetOf(message: SipMessage): string | undefined {
  const contact = message.headerValues("contact")[0];
  return contact === undefined ? undefined : parseNameAddr(contact).uri;
}

/** The message that a text is. */
export function messageOf(text: string): SipMessage {
  return parseMessage(text);
}

/** `udp 203.0.113.10:5060` in its parts. */
export function parsePlace(text: string): { transport: Transport; address: string; port: number } {
  const [, transport, address, port] = /^(udp|tcp|tls|ws|wss) (\S+?)(?::(\d+))?$/.exec(text) ?? [];
  if (transport === undefined || address === undefined) throw new TypeError(`no place: ${text}`);
  const kind = transport as Transport;
  return { transport: kind, address: address.replace(/^\[|\]$/g, ""), port: Number(port ?? defaultPort(kind)) };
}
