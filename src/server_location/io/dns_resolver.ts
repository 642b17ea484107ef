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

/**
 * `servers` are asked in turn, beginning with the one that answered last, so that a dead one costs its time once; without
 * any the system's are. A look-up takes three times `attemptMs` at most.
 */
export function createDnsResolver(servers: readonly HostPort[] = [], attemptMs: number = ATTEMPT_MS): Resolver {
  const nameServers = new NameServers(servers.map(({ host, port }) => ({ ipAddr: host, port })));
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

/** The configured servers, of which one is asked at a time. */
class NameServers {
  readonly #all: readonly NameServer[];
  #index = 0;

  constructor(all: readonly NameServer[]) {
    this.#all = all;
  }

  /** `undefined`: the system's. */
  get current(): NameServer | undefined {
    return this.#all[this.#index];
  }

  /** `failed` did not answer. Look-ups that run side by side move on once, not once each. */
  moveOn(failed: NameServer | undefined): void {
    if (failed === this.current && this.#all.length > 0) this.#index = (this.#index + 1) % this.#all.length;
  }
}

async function askInTurn<T>(ask: Ask<T>, nameServers: NameServers, attemptMs: number): Promise<DnsAnswer<T>> {
  for (let attempt = 1;; attempt++) {
    const nameServer = nameServers.current;
    try {
      const records = await ask({ signal: AbortSignal.timeout(attemptMs), ...(nameServer && { nameServer }) });
      return { records, ttlMs: POSITIVE_TTL_MS };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return { records: [], ttlMs: NEGATIVE_TTL_MS };
      nameServers.moveOn(nameServer);
      if (attempt >= ATTEMPTS) throw error;
    }
  }
}

/** With a final dot the system's search list stays out of it; names of one label, of containers, may need it. */
function absolute(name: string): string {
  return name.includes(".") ? `${name}.` : name;
}
