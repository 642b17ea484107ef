/** Finding dispatchers: by address, SRV record or host name. @module */
import { lookup } from "node:dns/promises";
import type { HostPort } from "../../src/config/mod.ts";
import type { Logger } from "../../src/env/log.ts";

/** A dispatcher to connect to. */
export interface DispatcherAddress {
  readonly host: string;
  readonly port: number;
}

const LOOKUP_MS = 5000;

/**
 * The addresses of a configured dispatcher. A name is first taken for a SIP domain, whose `_sip._udp` SRV records
 * name its proxies (RFC 3263), then for a host; the port is always the configured one, as the record has SIP's.
 * Empty if the name cannot be resolved.
 */
export async function resolveDispatcher(entry: HostPort, log: Logger): Promise<DispatcherAddress[]> {
  const { host, port, isAddress } = entry;
  if (isAddress) return [{ host, port }];
  const targets = await srvTargets(host);
  const found = await Promise.all((targets.length > 0 ? targets : [host]).map(hostAddress));
  const addresses = found.filter((address) => address !== undefined);
  if (addresses.length === 0) {
    log.error(`cannot resolve the dispatcher ${host}: it has neither a SRV record nor an address`);
  }
  return [...new Set(addresses)].map((address) => ({ host: address, port }));
}

async function srvTargets(domain: string): Promise<string[]> {
  try {
    const records = await Deno.resolveDns(`_sip._udp.${domain}`, "SRV", { signal: AbortSignal.timeout(LOOKUP_MS) });
    return records.map(({ target }) => target.replace(/\.$/, "")).filter((target) => target !== "");
  } catch {
    return []; // no such record, or no DNS server: the name may still be a host
  }
}

async function hostAddress(host: string): Promise<string | undefined> {
  try {
    return (await lookup(host)).address;
  } catch {
    return undefined;
  }
}
