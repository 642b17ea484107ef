/** Transports, as URIs, NAPTR and SRV records name them (RFC 3263 §4.1). @module */
import type { SipUri } from "../sip/uri.ts";
import { isSecure, type Transport } from "../transport/flow.ts";
import { NotLocatedError } from "./errors.ts";
import type { NaptrRecord } from "./resolver.ts";

/** A transport, and the domain name whose SRV records tell its servers. */
export interface Service {
  readonly transport: Transport;
  readonly srvName: string;
}

/** RFC 7118's D2W services are left out: WebSocket connections are opened by the clients, not by us. */
const NAPTR_SERVICES: ReadonlyMap<string, Transport> = new Map([
  ["SIP+D2U", "udp"],
  ["SIP+D2T", "tcp"],
  ["SIPS+D2T", "tls"],
]);

const SRV_PREFIXES: Readonly<Partial<Record<Transport, string>>> = {
  udp: "_sip._udp.",
  tcp: "_sip._tcp.",
  tls: "_sips._tcp.",
};

const USUAL_ORDER: readonly Transport[] = ["udp", "tcp"];
const LARGE_ORDER: readonly Transport[] = ["tcp", "udp"];
const SECURE_ORDER: readonly Transport[] = ["tls"];

/** More are not looked at. */
const MAX_NAPTR_SERVICES = 6;

/**
 * The transport that the URI's scheme and parameter ask for; `undefined` if it leaves the choice to us.
 * @throws NotLocatedError for an unknown transport, and for sips: over UDP
 */
export function requestedTransport(uri: SipUri): Transport | undefined {
  const secure = uri.scheme === "sips";
  const name = uri.params.get("transport")?.toLowerCase();
  switch (name) {
    case undefined:
      return undefined;
    case "tcp":
      return secure ? "tls" : "tcp";
    case "ws":
      return secure ? "wss" : "ws";
    case "tls":
    case "wss":
      return name;
    case "udp":
      if (!secure) return "udp";
  }
  throw new NotLocatedError(
    "unsupported",
    `Cannot reach a ${uri.scheme} URI over ${JSON.stringify(name.slice(0, 80))}: not a transport that we speak`,
  );
}

/** The transports to choose from where the DNS does not say, the best first (RFC 3263 §4.1, RFC 3261 §18.1.1). */
export function defaultTransports(uri: SipUri, isLarge: boolean): readonly Transport[] {
  if (uri.scheme === "sips") return SECURE_ORDER;
  return isLarge ? LARGE_ORDER : USUAL_ORDER;
}

/** The SRV records of each transport that has such. */
export function srvServices(domain: string, transports: readonly Transport[]): Service[] {
  return transports.flatMap((transport) => {
    const prefix = SRV_PREFIXES[transport];
    return prefix === undefined ? [] : [{ transport, srvName: `${prefix}${domain}` }];
  });
}

/** What the NAPTR records offer that we can use, in the order that the domain wants; all secure if `secure`. */
export function naptrServices(
  records: readonly NaptrRecord[],
  secure: boolean,
  isUsable: (transport: Transport) => boolean,
): Service[] {
  return records
    .filter(({ flags, regexp }) => flags.toLowerCase() === "s" && regexp === "")
    .toSorted((a, b) => a.order - b.order || a.preference - b.preference)
    .flatMap(({ services, replacement }) => {
      const transport = NAPTR_SERVICES.get(services.toUpperCase());
      const fits = transport !== undefined && isUsable(transport) && (!secure || isSecure(transport));
      return fits ? [{ transport, srvName: withoutFinalDot(replacement) }] : [];
    })
    .slice(0, MAX_NAPTR_SERVICES);
}

/** A domain name in the one form that names are compared and remembered in. */
export function withoutFinalDot(name: string): string {
  return (name.endsWith(".") ? name.slice(0, -1) : name).toLowerCase();
}
