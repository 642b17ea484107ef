/**
 * Who is where: the bindings of all addresses of record (RFC 3261 §10). All of it is in memory; a store, if there is one,
 * is told of every change and asked once, at start.
 *
 * | a binding goes      | when                                                                        |
 * | ------------------- | --------------------------------------------------------------------------- |
 * | `replaced`          | its phone registers it again                                                |
 * | `unregistered`      | its phone takes it back                                                     |
 * | `expired`           | its phone has not refreshed it                                              |
 * | `connectionClosed`  | the connection is gone without which it cannot be reached                   |
 * | `unreachable`       | it answers no pings (`keepalive.ts`)                                        |
 * @module
 */
import type { Clock } from "../env/clock.ts";
import { DeadlineQueue, NOT_QUEUED, type Timed } from "../env/deadlines.ts";
import type { Logger } from "../env/log.ts";
import { octetsToUtf8 } from "../sip/octets.ts";
import type { ListenPoint } from "../transport/flow.ts";
import {
  type Binding,
  bindingKey,
  needsConnection,
  restoredBinding,
  type StoredBinding,
  storedBinding,
} from "./binding.ts";

export type { Binding, StoredBinding } from "./binding.ts";

/** What survives a restart. Never throws: what cannot be written is logged. */
export interface LocationStore {
  /** All that was kept, in any order. */
  load(): Iterable<StoredBinding>;
  /** Keeps a binding, in the place of one with the same `bindingKey`. */
  put(binding: StoredBinding): void;
  remove(binding: StoredBinding): void;
}

/** Why a binding is gone; see the module comment. */
export type RemovalReason = "replaced" | "unregistered" | "expired" | "connectionClosed" | "unreachable";

/** Hears of each change once it is made. */
export interface LocationObserver {
  /** `nowMs` is monotonic. */
  added(binding: Binding, nowMs: number): void;
  removed(binding: Binding, reason: RemovalReason): void;
}

/** What a table is told. */
export interface LocationOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Of all addresses together. */
  readonly maxBindings: number;
  readonly store?: LocationStore;
  /** Called when {@linkcode LocationTable.nextDeadlineMs} may have become earlier. */
  readonly wake?: () => void;
}

/** A binding in the table, and in the queue of those that expire. Its deadlines are wall time. */
class Entry implements Timed {
  queueIndex = NOT_QUEUED;
  readonly #expire: (entry: Entry) => void;

  constructor(readonly binding: Binding, expire: (entry: Entry) => void) {
    this.#expire = expire;
  }

  get nextDeadlineMs(): number {
    return this.binding.expiresAtMs;
  }

  handleTimeout(): void {
    this.#expire(this);
  }
}

/** See the module comment. */
export class LocationTable {
  readonly #options: LocationOptions;
  readonly #byAor = new Map<string, Entry[]>();
  /** Those that need their connection. */
  readonly #byConnection = new Map<number, Set<Entry>>();
  readonly #expiries: DeadlineQueue<Entry>;
  readonly #observers: LocationObserver[] = [];

  constructor(options: LocationOptions) {
    this.#options = options;
    this.#expiries = new DeadlineQueue(options.wake);
  }

  /** How many bindings there are. */
  get size(): number {
    return this.#expiries.size;
  }

  /** Of how many addresses. */
  get aorCount(): number {
    return this.#byAor.size;
  }

  /** The addresses that have bindings. */
  aors(): IterableIterator<string> {
    return this.#byAor.keys();
  }

  /** How many more there may be. */
  get room(): number {
    return Math.max(this.#options.maxBindings - this.size, 0);
  }

  /** From now on tells `observer` of every change. */
  observe(observer: LocationObserver): void {
    this.#observers.push(observer);
  }

  /** Takes over what the store kept: how many are there again, and how many had expired or had nowhere to go. */
  restore(listenPoints: readonly ListenPoint[]): { readonly restored: number; readonly dropped: number } {
    const { store, clock } = this.#options;
    let dropped = 0;
    for (const stored of store?.load() ?? []) {
      const binding = restoredBinding(stored, listenPoints);
      if (binding === undefined || stored.expiresAtMs <= clock.wallMs() || this.room === 0) {
        dropped++;
        store?.remove(stored);
      } else {
        this.#add(binding);
      }
    }
    return { restored: this.size, dropped };
  }

  /** The bindings of an address that have not expired at `wallMs`, the oldest first. */
  bindingsOf(aor: string, wallMs: number): Binding[] {
    const bindings: Binding[] = [];
    for (const { binding } of this.#byAor.get(aor) ?? []) if (binding.expiresAtMs > wallMs) bindings.push(binding);
    return bindings;
  }

  /** The same as a call should try them: by descending q, of equal ones that which registered last. */
  lookup(aor: string, wallMs: number): Binding[] {
    return this.bindingsOf(aor, wallMs).sort((a, b) => b.q - a.q || b.registeredAtMs - a.registeredAtMs);
  }

  /** All addresses with their bindings. */
  *entries(): Iterable<readonly [aor: string, bindings: readonly Binding[]]> {
    for (const [aor, entries] of this.#byAor) yield [aor, entries.map(({ binding }) => binding)];
  }

  /** Takes out some bindings of an address and puts in others, of which those with the same key replace the former. */
  update(gone: readonly Binding[], added: readonly Binding[]): void {
    const keys = new Set(added.map(bindingKey));
    const reason = added.length > 0 ? "replaced" : "unregistered";
    for (const binding of gone) this.#take(binding, reason, keys.has(bindingKey(binding)));
    for (const binding of added) {
      this.#add(binding);
      this.#options.store?.put(storedBinding(binding));
    }
  }

  /** Takes out a binding; nothing happens if another has taken its place. */
  remove(binding: Binding, reason: RemovalReason): void {
    const { contact, aor, callId } = binding;
    if (!this.#take(binding, reason, false)) return;
    this.#options.log.info(() => `${octetsToUtf8(contact)} of ${octetsToUtf8(aor)} is gone: ${reason}`, { callId });
  }

  /** Drops what cannot be reached any more without that connection; how many bindings that were. */
  connectionClosed(connectionId: number): number {
    const entries = [...this.#byConnection.get(connectionId) ?? []];
    for (const { binding } of entries) this.remove(binding, "connectionClosed");
    return entries.length;
  }

  /** When the next binding expires, by the monotonic clock; `Infinity` without any. */
  get nextDeadlineMs(): number {
    const { clock } = this.#options;
    return this.#expiries.nextDeadlineMs - clock.wallMs() + clock.nowMs();
  }

  /** Drops what has expired by the wall clock. */
  handleTimeouts(_nowMs: number): void {
    this.#expiries.handleTimeouts(this.#options.clock.wallMs());
  }

  #add(binding: Binding): void {
    const entry = new Entry(binding, ({ binding }) => this.remove(binding, "expired"));
    const entries = this.#byAor.get(binding.aor);
    if (entries === undefined) this.#byAor.set(binding.aor, [entry]);
    else entries.push(entry);
    if (needsConnection(binding) && binding.source.connectionId !== 0) {
      const { connectionId } = binding.source;
      let same = this.#byConnection.get(connectionId);
      if (same === undefined) this.#byConnection.set(connectionId, same = new Set());
      same.add(entry);
    }
    this.#expiries.schedule(entry);
    const nowMs = this.#options.clock.nowMs();
    for (const observer of this.#observers) observer.added(binding, nowMs);
  }

  /** Whether it was there. `isKept`: the store is told of what comes in its place. */
  #take(binding: Binding, reason: RemovalReason, isKept: boolean): boolean {
    const entries = this.#byAor.get(binding.aor) ?? [];
    const index = entries.findIndex((entry) => entry.binding === binding);
    if (index < 0) return false;
    const [entry] = entries.splice(index, 1);
    if (entries.length === 0) this.#byAor.delete(binding.aor);
    const { connectionId } = binding.source;
    const same = this.#byConnection.get(connectionId);
    if (same?.delete(entry!) && same.size === 0) this.#byConnection.delete(connectionId);
    this.#expiries.remove(entry!);
    if (!isKept) this.#options.store?.remove(storedBinding(binding));
    for (const observer of this.#observers) observer.removed(binding, reason);
    return true;
  }
}
