/**
 * Pings for phones behind NATs on UDP, whose NATs forget them after half a minute of silence (RFC 7362 §3, RFC 4787
 * REQ-5). A ping is an OPTIONS, which is to be answered: a phone that has gone without a word is noticed long before its
 * registration expires. Connections need none: those who opened them keep them up (RFC 5626 §3.5.1).
 *
 * A binding's first ping comes at a random instant within the interval, the others an interval apart. So pings stay
 * spread out, after a restart too.
 * @module
 */
import { DeadlineQueue, NOT_QUEUED, type Timed } from "../env/deadlines.ts";
import { randomBelow, type RandomSource } from "../env/random.ts";
import type { Binding } from "./binding.ts";
import type { LocationObserver } from "./location.ts";

/** What comes out of it. */
export interface KeepaliveOutput {
  /** Send an OPTIONS to the binding's target; its outcome is told by `answered` or `failed`. */
  ping(binding: Binding): void;
  /** The phone has not answered so many pings in a row: take the binding out, for `unreachable`. */
  lost(binding: Binding, failures: number): void;
}

/** What it is told. */
export interface KeepaliveOptions {
  /** Between two pings to a phone; 0 for none at all. */
  readonly intervalMs: number;
  /** So many failures in a row are the end of a binding; 5 if absent. */
  readonly maxFailures?: number;
  readonly random: RandomSource;
  readonly output: KeepaliveOutput;
  /** Called when {@linkcode Keepalive.nextDeadlineMs} may have become earlier. */
  readonly wake?: () => void;
}

/** A binding that is pinged. */
class Pinged implements Timed {
  queueIndex = NOT_QUEUED;
  failures = 0;
  nextDeadlineMs: number;
  readonly #binding: Binding;
  readonly #options: KeepaliveOptions;

  constructor(binding: Binding, firstAtMs: number, options: KeepaliveOptions) {
    this.#binding = binding;
    this.nextDeadlineMs = firstAtMs;
    this.#options = options;
  }

  handleTimeout(nowMs: number): void {
    const { intervalMs, output } = this.#options;
    const late = Math.floor((nowMs - this.nextDeadlineMs) / intervalMs);
    this.nextDeadlineMs += (late + 1) * intervalMs; // after a stall pings are left out, not sent one after the other
    output.ping(this.#binding);
  }
}

/** Follows a location table, which is to be told by `observe`. Times are monotonic. */
export class Keepalive implements LocationObserver {
  readonly #options: KeepaliveOptions;
  readonly #pinged = new Map<Binding, Pinged>();
  readonly #pings: DeadlineQueue<Pinged>;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
    this.#pings = new DeadlineQueue(options.wake);
  }

  /** How many bindings are pinged. */
  get size(): number {
    return this.#pinged.size;
  }

  added(binding: Binding, nowMs: number): void {
    const { intervalMs, random } = this.#options;
    const { natted, source, target } = binding;
    if (intervalMs === 0 || !natted || source.transport !== "udp" || target === undefined) return;
    const pinged = new Pinged(binding, nowMs + randomBelow(random, intervalMs), this.#options);
    this.#pinged.set(binding, pinged);
    this.#pings.schedule(pinged);
  }

  removed(binding: Binding): void {
    const pinged = this.#pinged.get(binding);
    if (pinged === undefined) return;
    this.#pinged.delete(binding);
    this.#pings.remove(pinged);
  }

  /** Any response will do: it shows that the phone is there. Nothing happens if the binding is gone. */
  answered(binding: Binding): void {
    const pinged = this.#pinged.get(binding);
    if (pinged !== undefined) pinged.failures = 0;
  }

  /** No response came, or the ping could not be sent. Nothing happens if the binding is gone. */
  failed(binding: Binding): void {
    const pinged = this.#pinged.get(binding);
    if (pinged === undefined) return;
    pinged.failures++;
    if (pinged.failures < (this.#options.maxFailures ?? 5)) return;
    this.removed(binding);
    this.#options.output.lost(binding, pinged.failures);
  }

  get nextDeadlineMs(): number {
    return this.#pings.nextDeadlineMs;
  }

  handleTimeouts(nowMs: number): void {
    this.#pings.handleTimeouts(nowMs);
  }
}
