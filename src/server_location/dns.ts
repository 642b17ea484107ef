/** The DNS with a memory, and the names that it is not asked for (RFC 6761). @module */
import type { Clock } from "../env/clock.ts";
import { type CacheLimits, LookupCache } from "./lookup_cache.ts";
import type { NaptrRecord, Resolver, SrvRecord } from "./resolver.ts";

/** At once if known; a promise rejects when the DNS did not answer. */
export type Records<T> = readonly T[] | Promise<readonly T[]>;

const CACHE_LIMITS: CacheLimits = { maxEntries: 10_000, maxPending: 1_000 };

/** RFC 6761 §6.3. The DNS need not know it, and the hosts file is not read. */
const LOCALHOST = /(?:^|\.)localhost$/;
/** RFC 6761 §6.4. Browsers register contacts there (RFC 7118 §5). */
const INVALID = /(?:^|\.)invalid$/;
const LOOPBACK = { IPv4: ["127.0.0.1"], IPv6: ["::1"] } as const;

/** Looks names up, which are in lower case without a final dot. */
export class CachedDns {
  readonly #naptr: LookupCache<NaptrRecord>;
  readonly #srv: LookupCache<SrvRecord>;
  readonly #addresses: Readonly<Record<"IPv4" | "IPv6", LookupCache<string>>>;

  constructor(resolver: Resolver, clock: Clock, limits: CacheLimits = CACHE_LIMITS) {
    this.#naptr = new LookupCache((name) => resolver.naptr(name), clock, limits);
    this.#srv = new LookupCache((name) => resolver.srv(name), clock, limits);
    this.#addresses = {
      IPv4: new LookupCache((name) => resolver.a(name), clock, limits),
      IPv6: new LookupCache((name) => resolver.aaaa(name), clock, limits),
    };
  }

  naptr(name: string): Records<NaptrRecord> {
    return isSpecial(name) ? [] : this.#naptr.lookUp(name);
  }

  srv(name: string): Records<SrvRecord> {
    return isSpecial(name) ? [] : this.#srv.lookUp(name);
  }

  addresses(name: string, family: "IPv4" | "IPv6"): Records<string> {
    if (LOCALHOST.test(name)) return LOOPBACK[family];
    return INVALID.test(name) ? [] : this.#addresses[family].lookUp(name);
  }
}

function isSpecial(name: string): boolean {
  return LOCALHOST.test(name) || INVALID.test(name);
}
