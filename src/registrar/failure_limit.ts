/**
 * How often one may fail: so many times in a window of time, then it is shut out, each time for twice as long. Who has
 * kept away or done well for as long as the longest of these times is forgotten.
 * @module
 */

/** When somebody is shut out, and for how long. */
export interface FailureLimitOptions {
  /** So many failures in a window are one too many. */
  readonly maxFailures: number;
  readonly windowMs: number;
  /** How long the first time lasts. */
  readonly blockMs: number;
  /** The longest that it gets. */
  readonly maxBlockMs: number;
  /** So many are remembered; then the one that began to fail the longest ago is forgotten. */
  readonly maxEntries: number;
}

interface Entry {
  failures: number;
  windowEndsAtMs: number;
  blockedUntilMs: number;
  /** How long the next time lasts. */
  nextBlockMs: number;
}

/** Counts failures by who failed. */
export class FailureLimit {
  readonly #options: FailureLimitOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: FailureLimitOptions) {
    this.#options = options;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  isBlocked(who: string, nowMs: number): boolean {
    return (this.#entries.get(who)?.blockedUntilMs ?? -Infinity) > nowMs;
  }

  /** Counts a failure; whether it was one too many. */
  fail(who: string, nowMs: number): boolean {
    const { maxFailures, windowMs, maxBlockMs } = this.#options;
    const entry = this.#entryFor(who, nowMs);
    if (nowMs >= entry.windowEndsAtMs) {
      entry.failures = 0;
      entry.windowEndsAtMs = nowMs + windowMs;
    }
    entry.failures++;
    if (entry.failures < maxFailures) return false;
    entry.failures = 0;
    entry.blockedUntilMs = nowMs + entry.nextBlockMs;
    entry.nextBlockMs = Math.min(2 * entry.nextBlockMs, maxBlockMs);
    return true;
  }

  /** Forgets all failures. */
  forgive(who: string): void {
    this.#entries.delete(who);
  }

  #entryFor(who: string, nowMs: number): Entry {
    const { windowMs, blockMs, maxBlockMs, maxEntries } = this.#options;
    const known = this.#entries.get(who);
    if (known !== undefined && nowMs < Math.max(known.windowEndsAtMs, known.blockedUntilMs) + maxBlockMs) return known;
    this.#entries.delete(who);
    if (this.#entries.size >= maxEntries) this.#entries.delete(this.#entries.keys().next().value!);
    const entry = { failures: 0, windowEndsAtMs: nowMs + windowMs, blockedUntilMs: -Infinity, nextBlockMs: blockMs };
    this.#entries.set(who, entry);
    return entry;
  }
}
