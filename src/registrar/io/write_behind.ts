/**
 * Changes of a table that are collected and written together, one transaction for many of them: the last change of each
 * key counts. A disk that takes none is tried again; what waits is bounded.
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import type { Logger } from "../../env/log.ts";
import { inTransaction } from "./database.ts";

/** After a write that failed: a full disk will not be empty in a moment. */
const RETRY_AFTER_MS = 5000;
/** So many are written in one turn, which is some 5 ms: calls must not wait for the rest. */
const MAX_BATCH = 250;
/** So many changes wait for a disk that takes none; then the oldest are given up. */
const MAX_WAITING = 200_000;

/** What is written, and where. */
export interface WriteBehindOptions<T> {
  readonly database: DatabaseSync;
  readonly log: Logger;
  /** For messages: `locations to /var/lib/mediaproxy/proxy.db`. */
  readonly what: string;
  readonly afterMs: number;
  /** Writes one change, within a transaction. */
  readonly write: (change: T) => void;
}

/** See the module comment. */
export class WriteBehind<T> {
  readonly #options: WriteBehindOptions<T>;
  /** What has changed since the last write. */
  readonly #changes = new Map<string, T>();
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #isClosed = false;

  constructor(options: WriteBehindOptions<T>) {
    this.#options = options;
  }

  /** Notes a change; it takes the place of one with the same key. */
  change(key: string, change: T): void {
    if (this.#isClosed) return;
    this.#changes.delete(key); // the last to change is the last to be given up
    this.#changes.set(key, change);
    if (this.#changes.size > MAX_WAITING) this.#changes.delete(this.#changes.keys().next().value!);
    this.#timer ??= setTimeout(() => this.#writeSome(), this.#options.afterMs);
  }

  #writeSome(): void {
    this.#timer = undefined;
    const isWritten = this.#write();
    if (this.#changes.size === 0) return;
    this.#timer = setTimeout(() => this.#writeSome(), isWritten ? 0 : RETRY_AFTER_MS);
  }

  /** Writes the changes that have waited the longest; whether that worked. */
  #write(): boolean {
    const { database, log, what, write } = this.#options;
    const batch = [...this.#changes.entries().take(MAX_BATCH)];
    try {
      inTransaction(database, () => {
        for (const [, change] of batch) write(change);
      });
    } catch (error) {
      log.error(`cannot write ${this.#changes.size} ${what}: ${(error as Error).message}`);
      return false;
    }
    for (const [key] of batch) this.#changes.delete(key);
    return true;
  }

  /** Writes what is left. Twice is harmless. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    while (this.#changes.size > 0 && this.#write());
  }
}
