/** Finding dispatchers: by address, SRV record or host name. @module */
import { lookup } from "node:dns/promises";
import type { HostPort } from "../../src/config/mod.ts";
import type { Logger } from "../../src/env/log.ts";

/** A dispatcher to connect to. */
export interface DispatcherAddress {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
}

/** Looks names up. Rejects, or gives nothing, for what does not exist. */
export interface Resolver {
  /** The targets of a SRV record. */
  srvTargets(name: string): Promise<string[]>;
  /** The address of a host. */
  address(host: string): Promise<string>;
}

const LOOKUP_MS = 5000;

/** The system's DNS and hosts file. */
export const systemResolver: Resolver = {
  async srvTargets(name) {
    const records = await Deno.resolveDns(name, "SRV", { signal: AbortSignal.timeout(LOOKUP_MS) });
    return records.map(({ target }) => target);
  },
  async address(host) {
    return (await lookup(host)).address;
  },
};

/**
 * The addresses of a configured dispatcher. A name is first taken for a SIP domain, whose `_sip._udp` SRV records name
 * its proxies (RFC 3263 §4.2), then for a host; the port is always the configured one, as the record has SIP's.
 * Empty if the name cannot be resolved just now.
 */
export async function resolveDispatcher(
  entry: HostPort,
  resolver: Resolver,
  log: Logger,
): Promise<DispatcherAddress[]> {
  const { host, port, isAddress } = entry;
  if (isAddress) return [{ host, port }];
  const targets = (await resolver.srvTargets(`_sip._udp.${host}`).catch(() => []))
    .map((target) => target.replace(/\.$/, ""))
    .filter((target) => target !== ""); // "." means that the service is not offered (RFC 2782)
  const found = await Promise.all(
    (targets.length > 0 ? targets : [host]).map((name) => resolver.address(name).catch(() => undefined)),
  );
  const addresses = [...new Set(found.filter((address) => address !== undefined))];
  if (addresses.length === 0) {
    log.error("cannot resolve the dispatcher: it has neither a SRV record nor an address", { dispatcher: host });
  }
  return addresses.map((address) => ({ host: address, port }));
}
