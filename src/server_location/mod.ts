/**
 * Locating SIP servers: from a URI to the addresses to try.
 *
 * 1. `server_locator.ts` tells literals from names and walks the steps of RFC 3263 §4.
 * 2. `services.ts` knows how transports are named in URIs, NAPTR and SRV records; `srv_order.ts` draws among servers.
 * 3. `dns.ts` answers for special names and asks `lookup_cache.ts`, which asks a `Resolver` (`io/dns_resolver.ts`).
 * 4. Whoever sent reports what failed; `failed_targets.ts` puts it behind the others for a while.
 *
 * | RFC  | done                                                                  | not                              |
 * | ---- | --------------------------------------------------------------------- | -------------------------------- |
 * | 3263 | §4.1, §4.2, §4.3 as a list of targets                                 | §5: responses go by their Via    |
 * | 2782 | priority, weight, "."                                                 |                                  |
 * | 5922 | §7.2: the name that the certificate must carry                        |                                  |
 * | 6761 | localhost, invalid                                                    | the other special names          |
 * @module
 */

export { NotLocatedError, type NotLocatedReason } from "./errors.ts";
export type { DnsAnswer, NaptrRecord, Resolver, SrvRecord } from "./resolver.ts";
export { type LocateOptions, ServerLocator } from "./server_locator.ts";
