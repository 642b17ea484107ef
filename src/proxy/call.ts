/** A request in the hands of the proxy, as its parts see it; `routed_request.ts` makes it. @module */
import type { Dialog } from "../dialog/dialog.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import type { ClientHandler, ServerTransaction } from "../transaction/mod.ts";
import type { Target } from "../transport/flow.ts";
import type { Destination, FailedRequest, RoutingScript } from "./script.ts";

/** What a failure route decided. */
export type FailureOutcome =
  | { readonly kind: "none" }
  | { readonly kind: "relay"; readonly ringMs: number | undefined }
  | { readonly kind: "reply"; readonly response: SipResponse };

/** See the module comment. */
export interface Call extends FailedRequest {
  /** As it came, with received and rport. */
  readonly received: SipRequest;
  /** None for an ACK. */
  readonly server: ServerTransaction | undefined;
  /** The dialog whose media is engaged, if this is the INVITE that did it or a request in it. */
  dialog: Dialog | undefined;
  /** The destinations or, if no route set any, the Request-URI. */
  readonly destinationsOrUri: readonly Destination[];
  /** What `recordRoute` was given, and its signature; `undefined` if it was not called. */
  readonly recordRouteParams: string | undefined;
  /** The routes that apply: this request's own, else the script's. */
  readonly branchRoute: RoutingScript["branch"];
  readonly replyRoute: RoutingScript["reply"];
  readonly failureRoute: RoutingScript["failure"];
  /** Targets that leave from where the recorded route says (RFC 5658). */
  pinned(targets: readonly Target[]): readonly Target[];
  /** Answers with headers, of which several may have the same canonical name. */
  replyWith(status: number, headers: readonly (readonly [name: string, value: string])[], reason?: string): void;
  /** Sends a response upstream, and lets the dialog know of a failure. */
  respond(response: SipResponse): void;
  /** Lets the failure route decide. */
  beginFailure(response: SipResponse, isCanceled: boolean): void;
  /** What the failure route decided. */
  endFailure(): FailureOutcome;
  /** What is to hear of further 2xx in its place, and does not refer to it. */
  putAway(): ClientHandler;
  /** A script's fault: logged with its stack. */
  logScriptError(route: string, error: unknown): void;
}
