/** A request in the hands of a script: what `request` and `failure` routes see. @module */
import { type Logger, withFields } from "../env/log.ts";
import { aliasContact, isNatted, resolveAlias } from "../registrar/nat.ts";
import type { Dialog } from "../dialog/dialog.ts";
import { createResponse, type SipRequest, type SipResponse } from "../sip/message.ts";
import { SipSyntaxError } from "../sip/errors.ts";
import { octetsToUtf8 } from "../sip/octets.ts";
import type { SipUri } from "../sip/uri.ts";
import type { ClientHandler, ServerTransaction } from "../transaction/mod.ts";
import type { Flow, Target } from "../transport/flow.ts";
import { AnsweredCall } from "./answered_call.ts";
import { authenticate } from "./authentication.ts";
import { asUri } from "./branch_plan.ts";
import type { Call, FailureOutcome } from "./call.ts";
import { ForwardedRequest } from "./forwarded_request.ts";
import type { OwnRoute } from "./own_address.ts";
import { addressOfRecord, destinationOf, registerRequest } from "./registration.ts";
import { SIGNATURE_PARAMETER } from "./route_signature.ts";
import type { Destination, RelayOptions, RoutingScript, UseMediaProxyResult } from "./script.ts";
import type { ProxyServices } from "./services.ts";
import { addressOfDestination } from "./media_destination.ts";

type Stage = "request" | "relayed" | "failure" | "done";

/** What a script has put into a call, apart from changes of the request itself. */
interface Kept {
  readonly avps: Map<string, string>;
  readonly flags: Set<string>;
  readonly routes: Omit<RoutingScript, "request">;
}

/** See {@linkcode FailedRequest} for what routes see, and {@linkcode Call} for the rest. */
export class RoutedRequest implements Call {
  readonly request: SipRequest;
  /** As it came, with received and rport. */
  readonly received: SipRequest;
  readonly source: Flow;
  /** None for an ACK. */
  readonly server: ServerTransaction | undefined;
  readonly avps: Map<string, string>;
  readonly flags: Set<string>;
  /** The dialog whose media is engaged, if this is the INVITE that did it or a request in it. */
  dialog: Dialog | undefined = undefined;
  readonly #services: ProxyServices;
  readonly #ownRoute: OwnRoute;
  #log: Logger | undefined = undefined;
  #stage: Stage = "request";
  #destinations: readonly Destination[] = [];
  #recordRouteParams: string | undefined = undefined;
  #routes: Omit<RoutingScript, "request">;
  #forwarded: ForwardedRequest | undefined = undefined;
  #canceled = false;
  #failure: SipResponse | undefined = undefined;
  #outcome: FailureOutcome = { kind: "none" };
  /** Forwards an ACK. */
  readonly #forwardAck: (call: RoutedRequest) => void;

  constructor(
    received: SipRequest,
    source: Flow,
    server: ServerTransaction | undefined,
    services: ProxyServices,
    forwardAck: (call: RoutedRequest) => void,
    kept: Kept = { avps: new Map(), flags: new Set(), routes: {} },
  ) {
    this.received = received;
    this.request = received.clone();
    this.source = source;
    this.server = server;
    this.#services = services;
    this.#forwardAck = forwardAck;
    this.avps = kept.avps;
    this.flags = kept.flags;
    this.#routes = kept.routes;
    this.#ownRoute = services.own.takeRoutes(this.request);
  }

  get log(): Logger {
    return this.#log ??= withFields(this.#services.log, { callId: octetsToUtf8(this.received.callId) });
  }

  get hasToTag(): boolean {
    return this.received.toTag !== "";
  }

  get isNatted(): boolean {
    return isNatted(this.received, this.source);
  }

  get isTrusted(): boolean {
    return this.#services.settings.isTrusted(this.source.address);
  }

  get isHandled(): boolean {
    return this.#stage !== "request" && this.#stage !== "failure";
  }

  get isCanceled(): boolean {
    return this.#canceled;
  }

  get destinations(): readonly Destination[] {
    return this.#destinations;
  }

  /** The destinations or, if no route set any, the Request-URI. */
  get destinationsOrUri(): readonly Destination[] {
    return this.#destinations.length > 0 ? this.#destinations : [{ uri: this.request.requestUri }];
  }

  isLocal(uri: SipUri | string): boolean {
    try {
      return this.#services.own.isLocal(asUri(uri));
    } catch (error) {
      if (error instanceof SipSyntaxError) return false;
      throw error;
    }
  }

  looseRoute(): boolean {
    return this.#ownRoute.found;
  }

  routeParam(name: string): string | undefined {
    return this.#ownRoute.parameter(name);
  }

  get isOnRecordedRoute(): boolean {
    if (!this.#ownRoute.found) return false;
    const { routeSignature, media } = this.#services;
    if (media.dialogs.find(this.received) !== undefined) return true;
    return routeSignature.isGenuine(this.#ownRoute.parameter(SIGNATURE_PARAMETER), this.received.callId);
  }

  recordRoute(params = ""): void {
    this.#recordRouteParams = params + this.#services.routeSignature.parameterFor(this.received.callId);
  }

  /** What `recordRoute` was given, and its signature; `undefined` if it was not called. */
  get recordRouteParams(): string | undefined {
    return this.#recordRouteParams;
  }

  /** Targets that leave from where the recorded route says (RFC 5658). */
  pinned(targets: readonly Target[]): readonly Target[] {
    const { leaveFrom } = this.#ownRoute;
    if (leaveFrom === undefined) return targets;
    return targets.map((target) =>
      target.listenPoint === undefined && target.transport === leaveFrom.transport
        ? { ...target, listenPoint: leaveFrom }
        : target
    );
  }

  aliasContact(): void {
    aliasContact(this.request, this.source);
  }

  resolveAlias(): boolean {
    const target = resolveAlias(this.request);
    if (target === undefined) return false;
    this.#destinations = [{ uri: this.request.requestUri, target: this.pinned([target])[0]! }];
    return true;
  }

  authenticate(kind: "www" | "proxy" = this.request.method === "REGISTER" ? "www" : "proxy"): string | undefined {
    return authenticate(this, kind, this.#services);
  }

  register(): void {
    registerRequest(this, this.#services);
  }

  lookup(uri: SipUri | string = this.request.uri): boolean {
    const { registrar, users, clock } = this.#services;
    const bindings = registrar.lookup(addressOfRecord(asUri(uri), users), clock.wallMs());
    this.#destinations = bindings.map(destinationOf);
    return bindings.length > 0;
  }

  isUser(uri: SipUri | string = this.request.uri): boolean {
    const { users, settings } = this.#services;
    const name = addressOfRecord(asUri(uri), users).split("@")[0]!;
    return users.find(name, settings.realm) !== undefined;
  }

  isAddressOf(user: string, uri: SipUri | string): boolean {
    if (!this.isLocal(uri)) return false;
    return addressOfRecord(asUri(uri), this.#services.users).split("@")[0] === user;
  }

  setDestinations(destinations: readonly Destination[]): void {
    this.#destinations = destinations;
  }

  engageMediaProxy(): boolean {
    return this.#services.media.engage(this);
  }

  useMediaProxy(): Promise<UseMediaProxyResult> {
    return this.#services.mediaproxy.useMediaProxy({
      message: this.request,
      sourceAddress: this.source.address,
      destinationAddress: addressOfDestination(this.destinationsOrUri[0]),
      avps: this.avps,
    });
  }

  endMediaSession(): Promise<1 | -1> {
    return this.#services.mediaproxy.endMediaSession(this.received);
  }

  onBranch(route: NonNullable<RoutingScript["branch"]>): void {
    this.#routes.branch = route;
  }

  onReply(route: NonNullable<RoutingScript["reply"]>): void {
    this.#routes.reply = route;
  }

  onFailure(route: NonNullable<RoutingScript["failure"]>): void {
    this.#routes.failure = route;
  }

  get branchRoute(): RoutingScript["branch"] {
    return this.#routes.branch ?? this.#services.script().branch;
  }

  get replyRoute(): RoutingScript["reply"] {
    return this.#routes.reply ?? this.#services.script().reply;
  }

  get failureRoute(): RoutingScript["failure"] {
    return this.#routes.failure ?? this.#services.script().failure;
  }

  reply(status: number, reason?: string, headers: Readonly<Record<string, string>> = {}): void {
    this.replyWith(status, Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]), reason);
  }

  /** Answers with headers, of which several may have the same canonical name. */
  replyWith(status: number, headers: readonly (readonly [name: string, value: string])[], reason?: string): void {
    if (!this.#claim("reply")) return;
    const response = createResponse(this.received, status, reason, this.#toTag());
    for (const [name, value] of headers) response.appendHeader(name, value);
    if (this.#stage === "failure") this.#outcome = { kind: "reply", response };
    else this.respond(response);
    if (status >= 200) this.#stage = "done";
  }

  relay({ ringMs }: RelayOptions = {}): void {
    if (!this.#claim("relay")) return;
    if (this.#stage === "failure") {
      this.#outcome = { kind: "relay", ringMs };
      this.#stage = "done";
      return;
    }
    this.#stage = "relayed";
    if (this.server === undefined) return this.#forwardAck(this);
    if (this.#canceled) return this.respond(createResponse(this.received, 487, undefined, this.#toTag()));
    this.#forwarded = new ForwardedRequest(this, this.#services);
    this.#forwarded.forward(ringMs).catch((error) => {
      this.log.error(`internal error: ${(error as Error).stack}`);
      this.respond(createResponse(this.received, 500, undefined, this.#toTag()));
    });
  }

  drop(): void {
    if (this.#claim("drop")) this.#stage = "done";
  }

  #claim(action: string): boolean {
    if (!this.isHandled) return true;
    this.log.warning(`the script cannot ${action} ${this.received.method}: it was relayed or answered already`);
    return false;
  }

  #toTag(): string {
    return this.#services.toTag(this.received);
  }

  /** Sends a response upstream, and lets the dialog know of a failure. */
  respond(response: SipResponse): void {
    if (response.status >= 300) this.#services.media.handleRejection(this);
    this.server?.respond(response);
  }

  /** The sender's CANCEL. Before the request was relayed it keeps that from happening. */
  cancel(reason: string | undefined): void {
    this.#canceled = true;
    this.#forwarded?.cancel(reason);
  }

  /** Lets the failure route decide. */
  beginFailure(response: SipResponse, isCanceled: boolean): void {
    this.#failure = response;
    this.#canceled ||= isCanceled;
    this.#destinations = [];
    this.#outcome = { kind: "none" };
    this.#stage = "failure";
  }

  /** What the failure route decided. */
  endFailure(): FailureOutcome {
    this.#stage = "relayed";
    return this.#outcome;
  }

  get response(): SipResponse {
    if (this.#failure === undefined) throw new TypeError("Cannot read response: no branch has failed yet");
    return this.#failure;
  }

  get status(): number {
    return this.response.status;
  }

  putAway(): ClientHandler {
    return new AnsweredCall(
      this.received,
      madeAgain(this.source, this.server, this.#services, {
        avps: this.avps,
        flags: this.flags,
        routes: this.#routes,
      }),
      this.#services,
    );
  }

  /** A script's fault: logged with its stack. */
  logScriptError(route: string, error: unknown): void {
    this.log.error(`the script's ${route} route failed: ${(error as Error)?.stack ?? error}`);
  }
}

/** A function of its own, so that what it returns refers to its arguments and to nothing else. */
function madeAgain(source: Flow, server: ServerTransaction | undefined, services: ProxyServices, kept: Kept) {
  return (invite: SipRequest): RoutedRequest => {
    const call = new RoutedRequest(invite, source, server, services, () => {}, kept);
    call.dialog = services.media.dialogs.find(invite);
    return call;
  };
}
