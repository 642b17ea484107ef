/**
 * From a SIP URI to the addresses to try (RFC 3263 §4).
 *
 * 1. An address literal, in the host or in `maddr`, is the target itself: no DNS, no promise.
 * 2. With a port: the host's A and AAAA records, with the transport that the URI names, else UDP, or TLS for sips.
 * 3. Without: NAPTR tells the transports and where their SRV records are; without NAPTR the SRV names of every transport
 *    that we speak are tried; a transport in the URI leads to its SRV name directly.
 * 4. Without any SRV record: the host's A and AAAA records with the default port.
 *
 * All servers found are in the list, in the order in which to try them (§4.3): by the domain's order of services, then
 * priority and weight, then the order of the families among our listen points. Those that failed lately are at its end.
 *
 * Deviation: §4.2 leaves the order of A and AAAA open, RFC 6724 prefers IPv6; here the order in which we listen decides,
 * because an operator knows whether his IPv6 works.
 * @module
 */
import type { Clock } from "../env/clock.ts";
import type { RandomSource } from "../env/random.ts";
import { canonicalAddress } from "../control/media_header.ts";
import type { SipUri } from "../sip/uri.ts";
import {
  defaultPort,
  isSecure,
  type ListenPoint,
  type SipTransport,
  type Target,
  type Transport,
} from "../transport/flow.ts";
import { CachedDns, type Records } from "./dns.ts";
import { NotLocatedError } from "./errors.ts";
import { FailedTargets } from "./failed_targets.ts";
import type { Resolver } from "./resolver.ts";
import {
  defaultTransports,
  naptrServices,
  requestedTransport,
  type Service,
  srvServices,
  withoutFinalDot,
} from "./services.ts";
import { orderSrv } from "./srv_order.ts";

/** Each request is tried at so many addresses at most. */
const MAX_TARGETS = 20;
/** More servers of one URI are not looked up: what one request can make us ask is bounded. */
const MAX_SERVERS = 12;
/** A name whose last label is a number is a bad address: no top level domain is one (RFC 3696 §2). */
const ENDS_IN_NUMBER = /(?:^|\.)\d+$/;
/** What the DNS can have at all (RFC 1035 §2.3.4). */
const DOMAIN_NAME = /^(?=.{1,253}$)(?:[^.]{1,63}\.)*[^.]{1,63}$/;

type Family = ListenPoint["family"];

/** What is known about the request besides its URI. */
export interface LocateOptions {
  /**
   * It is too large for a datagram: where the choice is ours, TCP stands before UDP, which stays as the way out
   * (RFC 3261 §18.1.1).
   */
  readonly isLarge?: boolean;
}

interface Server {
  readonly transport: Transport;
  readonly host: string;
  readonly port: number;
}

/** A search in progress. What fails does no harm if something else is found. */
interface Search {
  readonly uri: SipUri;
  readonly name: string;
  readonly isLarge: boolean;
  failure: unknown;
}

/** Finds servers. */
export class ServerLocator {
  readonly #transport: Pick<SipTransport, "listenPoints">;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #dns: CachedDns;
  readonly #failed = new FailedTargets();

  constructor(
    transport: Pick<SipTransport, "listenPoints">,
    resolver: Resolver,
    env: { readonly clock: Clock; readonly random: RandomSource },
  ) {
    this.#transport = transport;
    this.#clock = env.clock;
    this.#random = env.random;
    this.#dns = new CachedDns(resolver, env.clock);
  }

  /**
   * The targets in the order in which to try them: at least one, at most 20. At once if the URI holds an address, else
   * by a promise. Never throws: a failure rejects with NotLocatedError, so that there is one place for it.
   */
  locate(uri: SipUri, options: LocateOptions = {}): Target[] | Promise<Target[]> {
    const isLarge = options.isLarge ?? false;
    const host = uri.params.get("maddr") || uri.host;
    const address = canonicalAddress(host);
    try {
      const requested = requestedTransport(uri);
      if (uri.port === 0) throw new NotLocatedError("unknown-host", "Cannot send to port 0");
      if (address !== undefined) return this.#numeric(uri, address, requested, isLarge);
      const name = withoutFinalDot(host);
      if (!DOMAIN_NAME.test(name) || ENDS_IN_NUMBER.test(name)) throw notFound(name);
      return this.#locateName({ uri, name, isLarge, failure: undefined }, requested);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The target did not answer or could not be reached: for 30 s others are tried before it. */
  markFailed(target: Target): void {
    this.#failed.add(target, this.#clock.nowMs());
  }

  #numeric(uri: SipUri, address: string, requested: Transport | undefined, isLarge: boolean): Target[] {
    const targets = this.#candidates(uri, requested, isLarge, familyOf(address))
      .map((transport) => target(uri, transport, address, uri.port ?? defaultPort(transport)));
    return this.#failed.toLast(targets, this.#clock);
  }

  /**
   * The transports to use where the DNS does not choose: the one that the URI asks for; else one, or for a large
   * request up to two. @throws NotLocatedError if we listen on none
   */
  #candidates(uri: SipUri, requested: Transport | undefined, isLarge: boolean, family?: Family): Transport[] {
    const wanted = requested === undefined ? defaultTransports(uri, isLarge) : [requested];
    const usable: Transport[] = [];
    for (const transport of wanted) {
      if (this.#isUsable(transport, family)) usable.push(transport);
      if (usable.length > 0 && !isLarge) return usable;
    }
    if (usable.length > 0) return usable;
    const where = family === undefined ? "" : ` to ${family}`;
    throw new NotLocatedError("unsupported", `Cannot send over ${wanted.join(" or ")}${where}: we do not listen there`);
  }

  #isUsable(transport: Transport, family?: Family): boolean {
    return this.#transport.listenPoints.some((point) =>
      point.transport === transport && (family === undefined || point.family === family)
    );
  }

  async #locateName(search: Search, requested: Transport | undefined): Promise<Target[]> {
    const servers = await this.#servers(search, requested);
    const targets = await this.#targets(search, servers);
    if (targets.length > 0) return this.#failed.toLast(targets, this.#clock);
    if (search.failure === undefined) throw notFound(search.name);
    throw new NotLocatedError("dns-failure", `Cannot look up ${JSON.stringify(search.name)}: the DNS does not answer`, {
      cause: search.failure,
    });
  }

  async #servers(search: Search, requested: Transport | undefined): Promise<Server[]> {
    const { uri, name, isLarge } = search;
    if (uri.port !== undefined) return this.#ownServers(search, requested, uri.port);
    const services = await this.#services(search, requested);
    const answers = await Promise.all(services.map(({ srvName }) => ask(search, this.#dns.srv(srvName))));
    if (answers.every((records) => records.length === 0)) return this.#ownServers(search, requested);
    const found = services.flatMap(({ transport }, index) =>
      orderSrv(answers[index]!, this.#random)
        .map((record) => ({ transport, host: withoutFinalDot(record.target), port: record.port }))
        .filter(({ host, port }) => host !== "" && port !== 0) // "." says that the service is not offered (RFC 2782)
    );
    if (found.length === 0) throw notFound(name);
    const isDatagram = ({ transport }: Server) => isLarge && transport === "udp";
    return [...found.filter((server) => !isDatagram(server)), ...found.filter(isDatagram)].slice(0, MAX_SERVERS);
  }

  /** The host itself, at the given port or the transport's own. */
  #ownServers({ uri, name, isLarge }: Search, requested: Transport | undefined, port?: number): Server[] {
    return this.#candidates(uri, requested, isLarge)
      .map((transport) => ({ transport, host: name, port: port ?? defaultPort(transport) }));
  }

  /** Where to ask for SRV records (RFC 3263 §4.1 and the first half of §4.2). */
  async #services(search: Search, requested: Transport | undefined): Promise<Service[]> {
    const { uri, name } = search;
    if (requested !== undefined) return srvServices(name, [requested].filter((it) => this.#isUsable(it)));
    const secure = uri.scheme === "sips";
    const isUsable = (transport: Transport) => this.#isUsable(transport);
    const offered = naptrServices(await ask(search, this.#dns.naptr(name)), secure, isUsable);
    if (offered.length > 0) return offered;
    const all: Transport[] = secure ? ["tls"] : ["udp", "tcp", "tls"];
    return srvServices(name, all.filter(isUsable));
  }

  async #targets(search: Search, servers: readonly Server[]): Promise<Target[]> {
    const lists = await Promise.all(servers.map((server) => this.#addressesOf(search, server)));
    const seen = new Set<string>();
    const targets: Target[] = [];
    servers.forEach(({ transport, port }, index) => {
      for (const address of lists[index]!) {
        const name = `${transport} ${port} ${address}`;
        if (seen.has(name) || targets.length >= MAX_TARGETS) continue;
        seen.add(name);
        targets.push(target(search.uri, transport, address, port));
      }
    });
    return targets;
  }

  /** The host's addresses of the families that we listen on with the transport. */
  async #addressesOf(search: Search, { transport, host }: Server): Promise<string[]> {
    const points = this.#transport.listenPoints.filter((point) => point.transport === transport);
    const families = [...new Set(points.map(({ family }) => family))];
    const literal = canonicalAddress(host); // it should not stand in an SRV record, but does in some
    if (literal !== undefined) return families.includes(familyOf(literal)) ? [literal] : [];
    const answers = await Promise.all(families.map((family) => ask(search, this.#dns.addresses(host, family))));
    return answers.flat();
  }
}

/** The records; none, and a note in the search, if there was no answer. */
async function ask<T>(search: Search, records: Records<T>): Promise<readonly T[]> {
  try {
    return await records;
  } catch (error) {
    search.failure ??= error;
    return [];
  }
}

/** The certificate must speak for the domain that was asked for, not for what the DNS or maddr made of it (RFC 5922 §7.2). */
function target(uri: SipUri, transport: Transport, address: string, port: number): Target {
  return isSecure(transport) ? { transport, address, port, serverName: uri.host } : { transport, address, port };
}

function familyOf(address: string): Family {
  return address.includes(":") ? "IPv6" : "IPv4";
}

function notFound(host: string): NotLocatedError {
  return new NotLocatedError("unknown-host", `Cannot find a SIP server for ${JSON.stringify(host.slice(0, 80))}`);
}
