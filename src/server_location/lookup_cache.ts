/** Remembers answers of the DNS for as long as they are good, also empty ones and failures. @module */
import type { Clock } from "../env/clock.ts";
import type { DnsAnswer } from "./resolver.ts";

/** A record is used for at least this long, so that a TTL of 0 does not mean a query for each request. */
const MIN_TTL_MS = 1_000;
/** And no longer than this, so that no answer outlives a change of mind by much. */
const MAX_TTL_MS = 3_600_000;
/** After this, a name is asked for again that had no answer at all: long enough to keep a flood off a dead server. */
const FAILURE_TTL_MS = 5_000;
/** More records of one name are not looked at. */
const MAX_RECORDS = 64;

/** How much is remembered at most. */
export interface CacheLimits {
  /** Names; beyond them the one that was learnt first is forgotten. */
  readonly maxEntries: number;
  /** Queries under way; beyond them a look-up fails at once. */
  readonly maxPending: number;
}

interface Entry<T> {
  readonly expiresAtMs: number;
  readonly records: readonly T[];
  /** Why there was no answer. */
  readonly failure: Error | undefined;
}

/** The answers to one type of query. Whoever asks while the same query is under way gets its answer. */
export class LookupCache<T> {
  readonly #ask: (name: string) => Promise<DnsAnswer<T>>;
  readonly #clock: Clock;
  readonly #limits: CacheLimits;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #pending = new Map<string, Promise<readonly T[]>>();

  constructor(ask: (name: string) => Promise<DnsAnswer<T>>, clock: Clock, limits: CacheLimits) {
    this.#ask = ask;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** The records of `name`, at once if they are known. Rejects when there was no answer. */
  lookUp(name: string): readonly T[] | Promise<readonly T[]> {
    const known = this.#entries.get(name);
    if (known !== undefined && known.expiresAtMs > this.#clock.nowMs()) {
      return known.failure === undefined ? known.records : Promise.reject(known.failure);
    }
    const pending = this.#pending.get(name);
    if (pending !== undefined) return pending;
    if (this.#pending.size >= this.#limits.maxPending) {
      return Promise.reject(new Error(`Cannot look up ${name}: ${this.#pending.size} other names are being looked up`));
    }
    const asked = this.#lookUpAnew(name);
    this.#pending.set(name, asked);
    return asked;
  }

  async #lookUpAnew(name: string): Promise<readonly T[]> {
    try {
      const { records: all, ttlMs } = await this.#ask(name);
      const records = all.slice(0, MAX_RECORDS);
      this.#remember(name, records, Math.min(Math.max(ttlMs, MIN_TTL_MS), MAX_TTL_MS), undefined);
      return records;
    } catch (error) {
      this.#remember(name, [], FAILURE_TTL_MS, error as Error);
      throw error;
    } finally {
      this.#pending.delete(name);
    }
  }

  #remember(name: string, records: readonly T[], ttlMs: number, failure: Error | undefined): void {
    this.#entries.delete(name); // so that it moves to the end
    if (this.#entries.size >= this.#limits.maxEntries) {
      this.#entries.delete(this.#entries.keys().next().value!);
    }
    this.#entries.set(name, { expiresAtMs: this.#clock.nowMs() + ttlMs, records, failure });
  }
}
