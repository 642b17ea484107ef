/** What is asked of the DNS, and how it answers (RFC 3263, RFC 2782, RFC 3403). @module */

/** An NAPTR record as RFC 3263 §4.1 uses it: the replacement is where to ask for SRV records. */
export interface NaptrRecord {
  /** The lowest comes first. */
  readonly order: number;
  /** Among those of the same order the lowest comes first. */
  readonly preference: number;
  /** `s` if the replacement has SRV records. */
  readonly flags: string;
  /** The protocol and transport, such as `SIP+D2U`. */
  readonly services: string;
  /** Empty for SIP. */
  readonly regexp: string;
  /** A domain name, perhaps with a final dot. */
  readonly replacement: string;
}

/** An SRV record. */
export interface SrvRecord {
  /** The lowest comes first; the others are for when all of those have failed. */
  readonly priority: number;
  /** The share among the records of the same priority. */
  readonly weight: number;
  readonly port: number;
  /** A host name, perhaps with a final dot; `.` alone says that the service is not offered. */
  readonly target: string;
}

/** The records of one name and type; none if there is no such name, or it has none of the type. */
export interface DnsAnswer<T> {
  readonly records: readonly T[];
  /** How long the answer is good for. */
  readonly ttlMs: number;
}

/** Asks the DNS. Rejects when no answer came, within a time limit of its own; what does not exist is an empty answer. */
export interface Resolver {
  naptr(name: string): Promise<DnsAnswer<NaptrRecord>>;
  srv(name: string): Promise<DnsAnswer<SrvRecord>>;
  /** IPv4 addresses. */
  a(name: string): Promise<DnsAnswer<string>>;
  /** IPv6 addresses in canonical form, without brackets. */
  aaaa(name: string): Promise<DnsAnswer<string>>;
}
