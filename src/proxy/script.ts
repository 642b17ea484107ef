/**
 * What a routing script is: a module whose default export is a {@linkcode RoutingScript}. It says what becomes of each
 * request; the proxy does the rest: transactions, retransmissions, forking, CANCEL, timers.
 *
 * ```ts ignore
 * import type { RoutingScript } from "https://example.com/mediaproxy/mod.ts";
 *
 * export default {
 *   request(call) {
 *     if (call.isOnRecordedRoute) return call.relay();
 *     if (!call.lookup()) return call.reply(404);
 *     if (call.request.method === "INVITE") call.engageMediaProxy();
 *     call.recordRoute();
 *     call.relay();
 *   },
 * } satisfies RoutingScript;
 * ```
 *
 * | route     | runs                                                            | as in Kamailio and OpenSIPS |
 * | --------- | --------------------------------------------------------------- | --------------------------- |
 * | `request` | for each request that is no retransmission and no CANCEL         | request_route               |
 * | `branch`  | for each copy before it leaves                                  | branch_route                |
 * | `reply`   | for each response above 100, before it goes upstream            | onreply_route               |
 * | `failure` | when all branches have failed, before the caller is told        | failure_route               |
 * | `local`   | for requests of the proxy's own: the BYEs of a dialog it ends    | local_route, event_route    |
 *
 * CANCEL needs no route: the proxy ends the branches, and `failure` runs with `isCanceled`.
 * @module
 */
import type { Logger } from "../env/log.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import type { SipUri } from "../sip/uri.ts";
import type { Flow, Target } from "../transport/flow.ts";

/** The routes of a script. A route may wait; what it throws is logged and, for a request, answered with 500. */
export interface RoutingScript {
  request(call: IncomingRequest): void | Promise<void>;
  branch?(branch: OutgoingBranch): void | Promise<void>;
  reply?(reply: IncomingReply): void | Promise<void>;
  failure?(call: FailedRequest): void | Promise<void>;
  local?(local: LocalRequest): void | Promise<void>;
}

/** What a script may take from the configuration. */
export interface ScriptSettings {
  /** The domains that the proxy serves, in lower case. */
  readonly domains: readonly string[];
  /** `[Proxy] authenticate`. */
  readonly authenticate: boolean;
  /** `[Proxy] ring_timeout`. */
  readonly ringTimeoutMs: number;
}

/** What a script's module exports as its default: the routes, or a function that makes them from the configuration. */
export type RoutingScriptExport = RoutingScript | ((settings: ScriptSettings) => RoutingScript);

/** What use_media_proxy returns: 1 done or nothing to do, -1 an error (which is logged), -2 no SDP body. */
export type UseMediaProxyResult = 1 | -1 | -2;

/** What the routes of one request share. */
export interface RouteScope {
  /** Attribute-value pairs of the transaction, by bare name: `mp_media_relay`, or whatever a script likes. */
  readonly avps: Map<string, string>;
  /** Flags of the transaction. */
  readonly flags: Set<string>;
  /** Lines carry the Call-ID. */
  readonly log: Logger;
  /** Sends the media of this message, and of no other, through a relay. Not to be mixed with `engageMediaProxy`. */
  useMediaProxy(): Promise<UseMediaProxyResult>;
  /** Ends the media session that `useMediaProxy` began: on BYE and on failures. */
  endMediaSession(): Promise<1 | -1>;
}

/** A place to which a request can go. */
export interface Destination {
  /** The Request-URI. */
  readonly uri: string;
  /** Where it is sent, if not where routes and Request-URI lead (RFC 3263). */
  readonly target?: Target;
  /** Routes to go by: the Path that a phone registered with (RFC 3327). */
  readonly path?: readonly string[];
  /** 0 to 1; destinations with the same are tried at once, lower ones after they failed. 1 if absent. */
  readonly q?: number;
}

export interface RelayOptions {
  /** How long a phone may ring before that counts as a failure (408). Without it: until timer C. */
  readonly ringMs?: number;
}

/** A request that came in. What is changed in `request` is what leaves. */
export interface IncomingRequest extends RouteScope {
  readonly request: SipRequest;
  /** The way it came. */
  readonly source: Flow;
  /** Whether it belongs to a dialog: its To has a tag. */
  readonly hasToTag: boolean;
  /** Whether its sender is behind a NAT: its Via or Contact says another address than the packet. */
  readonly isNatted: boolean;
  /** Whether it comes from an address of `trusted_peers`. */
  readonly isTrusted: boolean;
  /** Whether a response or a copy of it has been sent. */
  readonly isHandled: boolean;
  /** Where it goes, instead of where its Request-URI leads. `lookup` and `setDestinations` set it. */
  readonly destinations: readonly Destination[];

  /** Whether a URI's domain is one that this proxy serves. */
  isLocal(uri: SipUri | string): boolean;
  /** Whether a Route of ours led it here; the routes that did are taken off already (RFC 3261 §16.4). */
  looseRoute(): boolean;
  /**
   * Whether that Route is one which we recorded in this very call: it is signed, so that nobody can have made it up. What
   * comes without may be anybody's, whatever tag its To has.
   */
  readonly isOnRecordedRoute: boolean;
  /** A parameter that `recordRoute` gave to the Route by which it came. */
  routeParam(name: string): string | undefined;
  /** Keeps this proxy in the dialog's path (RFC 3261 §16.6 step 4). `params` such as `;id=7` come back by `routeParam`; `sig` is ours. */
  recordRoute(params?: string): void;
  /** Notes in the Contact where its sender really is, so that requests to it find the way through the NAT. */
  aliasContact(): void;
  /** Sends by what `aliasContact` noted in the Request-URI. Whether there was anything. */
  resolveAlias(): boolean;

  /**
   * The user who sent it, by digest (RFC 7616). Without good credentials it is answered with a challenge or a refusal,
   * and there is no user.
   */
  authenticate(kind?: "www" | "proxy"): string | undefined;
  /** Whether a URI is the address of that user, by name or alias, in one of our domains. */
  isAddressOf(user: string, uri: SipUri | string): boolean;
  /** Serves REGISTER (RFC 3261 §10.3) for the address of its To, and answers it. */
  register(): void;
  /** Takes the contacts registered for an address, by default the Request-URI's, as destinations. Whether there are any. */
  lookup(uri?: SipUri | string): boolean;
  /** Whether an address, by default the Request-URI's, belongs to a user, registered or not. */
  isUser(uri?: SipUri | string): boolean;
  /** Sets where it goes. */
  setDestinations(destinations: readonly Destination[]): void;

  /**
   * From now on the media of this dialog runs through a relay, until it ends. Only for an INVITE without To tag; `false`
   * for other requests.
   */
  engageMediaProxy(): boolean;

  /** Routes for this request, in place of the script's. */
  onBranch(route: NonNullable<RoutingScript["branch"]>): void;
  onReply(route: NonNullable<RoutingScript["reply"]>): void;
  onFailure(route: NonNullable<RoutingScript["failure"]>): void;

  /** Answers it. `headers` by their names. An ACK is never answered. */
  reply(status: number, reason?: string, headers?: Readonly<Record<string, string>>): void;
  /** Forwards it to its destinations. */
  relay(options?: RelayOptions): void;
  /** Does nothing with it, on purpose. */
  drop(): void;
}

/** A request of which all branches have failed. It may be relayed to other destinations, or answered differently. */
export interface FailedRequest extends IncomingRequest {
  /** What the caller will be told, unless this route relays or replies. */
  readonly response: SipResponse;
  readonly status: number;
  /** Whether the caller gave up; it can not be relayed any more. */
  readonly isCanceled: boolean;
}

/** One copy of a request before it leaves. */
export interface OutgoingBranch extends RouteScope {
  /** Without our Via and Record-Route. */
  readonly request: SipRequest;
  readonly destination: Destination;
}

/** A response on its way upstream. What is changed in `response` is what the caller gets. */
export interface IncomingReply extends RouteScope {
  readonly response: SipResponse;
  /** As it came in, with what the script changed. */
  readonly request: SipRequest;
  readonly source: Flow;
  readonly status: number;
  /** Whether its sender is behind a NAT. */
  readonly isNatted: boolean;
  /** Notes in the Contact where its sender really is. */
  aliasContact(): void;
  /** Keeps a provisional response from the caller. */
  drop(): void;
}

/** A request that the proxy itself sends. */
export interface LocalRequest {
  readonly request: SipRequest;
  readonly log: Logger;
}
