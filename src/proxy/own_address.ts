/** Which addresses, names and routes are ours. @module */
import { parseNameAddr } from "../sip/name_addr.ts";
import type { SipRequest } from "../sip/message.ts";
import { parseSipUri, type SipUri } from "../sip/uri.ts";
import { defaultPort, isReliable, type ListenPoint, type Transport } from "../transport/flow.ts";

/** What a request's Route headers, as far as they were ours, said. */
export interface OwnRoute {
  /** Whether one of ours stood there: the request is on a path that we recorded, or was sent here on purpose. */
  readonly found: boolean;
  /** The listen point that the request leaves from, if the recorded route names it. */
  readonly leaveFrom: ListenPoint | undefined;
  /** The parameters that the script gave to `recordRoute`; of the side that the request came in by. */
  readonly parameter: (name: string) => string | undefined;
}

const NO_ROUTE: OwnRoute = { found: false, leaveFrom: undefined, parameter: () => undefined };

/** Knows our listen points and domains. */
export class OwnAddress {
  readonly #listenPoints: readonly ListenPoint[];
  readonly #byAddress = new Map<string, ListenPoint>();
  readonly #domains: ReadonlySet<string>;

  /** `domains` are in lower case. */
  constructor(listenPoints: readonly ListenPoint[], domains: readonly string[]) {
    this.#listenPoints = listenPoints;
    this.#domains = new Set(domains);
    for (const point of listenPoints) {
      const { transport, advertisedHost, advertisedPort, address, port } = point;
      this.#byAddress.set(key(transport, advertisedHost.toLowerCase(), advertisedPort), point);
      this.#byAddress.set(key(transport, address, port), point);
    }
  }

  /** Whether the domain part of `uri` is a domain that we serve, or an address of ours. */
  isLocal(uri: SipUri): boolean {
    return this.#domains.has(uri.host) && this.#isOwnPort(uri.port) || this.listenPointOf(uri) !== undefined;
  }

  #isOwnPort(port: number | undefined): boolean {
    return port === undefined ||
      this.#listenPoints.some((point) => point.advertisedPort === port || point.port === port);
  }

  /** The listen point that `uri` names, if it is one of ours. */
  listenPointOf(uri: SipUri): ListenPoint | undefined {
    const transport = transportOf(uri);
    return this.#byAddress.get(key(transport, uri.host, uri.port ?? defaultPort(transport)));
  }

  /**
   * Takes off the routes that lead to us (RFC 3261 §16.4): of a strict router's request the last one, which holds what
   * should be the Request-URI; else the topmost one, or two if we recorded one for each side.
   */
  takeRoutes(request: SipRequest): OwnRoute {
    const first = this.#undoStrictRouting(request) ?? this.#takeFirst(request);
    if (first === undefined) return NO_ROUTE;
    const parameter = (name: string) => first.params.get(name);
    if (!first.params.has("r2")) return { found: true, leaveFrom: undefined, parameter };
    const second = this.#takeFirst(request);
    return { found: true, leaveFrom: second && this.listenPointOf(second), parameter };
  }

  /** Returns our route that stood in the Request-URI, if a strict router has put it there. */
  #undoStrictRouting(request: SipRequest): SipUri | undefined {
    if (!request.hasHeader("route") || !request.requestUri.includes(";lr")) return undefined;
    const { uri } = request;
    if (uri.user !== undefined || !uri.params.has("lr") || !this.isLocal(uri)) return undefined;
    const routes = request.headerValues("route");
    const last = routes.pop();
    if (last === undefined) return undefined; // there were commas, and no routes
    request.setRequestUri(parseNameAddr(last).uri);
    request.setHeaderValues("route", routes);
    return uri;
  }

  #takeFirst(request: SipRequest): SipUri | undefined {
    const uri = firstRoute(request);
    if (uri === undefined || !this.isLocal(uri)) return undefined;
    request.removeFirstValue("route");
    return uri;
  }
}

/** The URI of the topmost Route; `undefined` without one. @throws SipSyntaxError if it is none of SIP's */
export function firstRoute(request: SipRequest): SipUri | undefined {
  if (!request.hasHeader("route")) return undefined;
  const value = request.headerValues("route")[0];
  return value === undefined ? undefined : parseSipUri(parseNameAddr(value).uri);
}

/** The URI that Record-Route, Path or Service-Route name us by, without angle brackets. */
export function ownRouteUri({ transport, advertisedHost, advertisedPort }: ListenPoint, params = ""): string {
  const host = advertisedHost.includes(":") ? `[${advertisedHost}]` : advertisedHost;
  const port = advertisedPort === defaultPort(transport) ? "" : `:${advertisedPort}`;
  const scheme = isReliable(transport) ? `;transport=${transport}` : "";
  return `sip:${host}${port}${scheme};lr${params}`;
}

/** The transport that a URI asks for: its parameter, else TLS for sips, else UDP. */
export function transportOf(uri: SipUri): Transport {
  const parameter = uri.params.get("transport")?.toLowerCase();
  switch (parameter) {
    case "tcp":
      return uri.scheme === "sips" ? "tls" : "tcp";
    case "ws":
      return uri.scheme === "sips" ? "wss" : "ws";
    case "tls":
    case "wss":
      return parameter;
    default:
      return uri.scheme === "sips" ? "tls" : "udp";
  }
}

function key(transport: Transport, host: string, port: number): string {
  return `${transport} ${host} ${port}`;
}
