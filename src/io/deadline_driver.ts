/** Wakes machines when they are due: one timer for all of them. @module */
import type { Clock } from "../env/clock.ts";
import { systemClock } from "./clock.ts";

/** Machines with a common queue of deadlines. */
export interface DeadlineSource {
  /** Nothing is due before this; `Infinity` for never. */
  readonly nextDeadlineMs: number;
  handleTimeouts(nowMs: number): void;
}

/** Deadlines are met up to so much late, never early: under load many are met in one turn. */
const TICK_MS = 5;
/** The longest that a timer can sleep. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Sleeps until the earliest deadline of its sources. {@linkcode rearm} is to be called when one of them has a new
 * deadline; it sets a timer only if that is earlier than the one that is set already, and a timer that finds nothing due
 * is set again.
 */
export class DeadlineDriver {
  readonly #clock: Clock;
  readonly #sources: DeadlineSource[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer will fire. -Infinity, which nothing is earlier than, while it fires and when all is over. */
  #armedAtMs = Infinity;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Looks after `source` as well. */
  add(source: DeadlineSource): void {
    this.#sources.push(source);
    this.rearm();
  }

  /** Looks whether there is an earlier deadline now. Cheap; bound, so that it can be handed on as it is. */
  readonly rearm = (): void => {
    let earliestMs = Infinity;
    for (const { nextDeadlineMs } of this.#sources) if (nextDeadlineMs < earliestMs) earliestMs = nextDeadlineMs;
    if (earliestMs >= this.#armedAtMs) return;
    clearTimeout(this.#timer);
    const delayMs = Math.min(Math.max(Math.ceil(earliestMs - this.#clock.nowMs()), TICK_MS), MAX_DELAY_MS);
    this.#armedAtMs = earliestMs;
    this.#timer = setTimeout(this.#fire, delayMs);
  };

  readonly #fire = (): void => {
    this.#armedAtMs = -Infinity;
    const nowMs = this.#clock.nowMs();
    try {
      for (const source of this.#sources) if (source.nextDeadlineMs <= nowMs) source.handleTimeouts(nowMs);
    } finally { // a fault of one source must not put the others to sleep for ever
      if (this.#timer !== undefined) this.#armedAtMs = Infinity; // not closed meanwhile
      this.rearm();
    }
  };

  /** Wakes nobody any more. Twice is harmless. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armedAtMs = -Infinity;
  }
}
