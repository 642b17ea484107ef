/** Asks the name servers. @module */
import type { HostPort } from "../../config/mod.ts";
import type { DnsAnswer, Resolver } from "../resolver.ts";

/** The TTL of an answer stays inside of Deno's resolver. A minute is what most SIP domains have. */
const POSITIVE_TTL_MS = 60_000;
/** Of "there is none". Short, as Deno gives a server's SERVFAIL as the same. */
const NEGATIVE_TTL_MS = 10_000;
/** An answer is waited for so long, then asked for again at the next server: a datagram may be lost. */
const ATTEMPT_MS = 1_000;
const ATTEMPTS = 3;

/** `servers` are asked in turn; without any the system's are. A look-up takes three times `attemptMs` at most. */
export function createDnsResolver(servers: readonly HostPort[] = [], attemptMs: number = ATTEMPT_MS): Resolver {
  const nameServers = servers.map(({ host, port }) => ({ ipAddr: host, port }));
  const lookUp = <T>(ask: Ask<T>) => askInTurn(ask, nameServers, attemptMs);
  return {
    naptr: (name) => lookUp((options) => Deno.resolveDns(absolute(name), "NAPTR", options)),
    srv: (name) => lookUp((options) => Deno.resolveDns(absolute(name), "SRV", options)),
    a: (name) => lookUp((options) => Deno.resolveDns(absolute(name), "A", options)),
    aaaa: (name) => lookUp((options) => Deno.resolveDns(absolute(name), "AAAA", options)),
  };
}

type Ask<T> = (options: Deno.ResolveDnsOptions) => Promise<T[]>;
type NameServer = NonNullable<Deno.ResolveDnsOptions["nameServer"]>;

async function askInTurn<T>(
  ask: Ask<T>,
  nameServers: readonly NameServer[],
  attemptMs: number,
): Promise<DnsAnswer<T>> {
  for (let attempt = 0;; attempt++) {
    const nameServer = nameServers[attempt % nameServers.length];
    try {
      const records = await ask({ signal: AbortSignal.timeout(attemptMs), ...(nameServer && { nameServer }) });
      return { records, ttlMs: POSITIVE_TTL_MS };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return { records: [], ttlMs: NEGATIVE_TTL_MS };
      if (attempt + 1 >= ATTEMPTS) throw error;
    }
  }
}

/** With a final dot the system's search list stays out of it; names of one label, of containers, may need it. */
function absolute(name: string): string {
  return name.includes(".") ? `${name}.` : name;
}
