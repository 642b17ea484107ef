/** Timers and the monotonic clock under a test's hand, for shells that use them. @module */

interface Timer {
  readonly id: number;
  atMs: number;
  readonly intervalMs: number;
  readonly call: () => void;
}

/** Takes the place of the timers and of `performance.now` until it is disposed. */
export class FakeTime implements Disposable {
  #nowMs = 0;
  #nextId = 1;
  readonly #timers = new Map<number, Timer>();
  readonly #real = {
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    clearTimeout: globalThis.clearTimeout,
    clearInterval: globalThis.clearInterval,
    now: performance.now,
  };

  constructor() {
    const add = (repeat: boolean) => (call: () => void, delayMs = 0) => {
      const id = this.#nextId++;
      this.#timers.set(id, { id, atMs: this.#nowMs + delayMs, intervalMs: repeat ? delayMs : Infinity, call });
      return id;
    };
    const clear = (id?: number) => void this.#timers.delete(id ?? 0);
    Object.assign(globalThis, {
      setTimeout: add(false),
      setInterval: add(true),
      clearTimeout: clear,
      clearInterval: clear,
    });
    performance.now = () => this.#nowMs;
  }

  /** Moves time on, and lets everything happen that is due, in order, with what it waits for. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      const due = [...this.#timers.values()].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#nowMs = due.atMs;
      if (due.intervalMs === Infinity) this.#timers.delete(due.id);
      else due.atMs += due.intervalMs;
      due.call();
      await this.#settle();
    }
    this.#nowMs = endMs;
    await this.#settle();
  }

  /** Promises settle in microtasks; a handful of rounds is more than any chain here has. */
  async #settle(): Promise<void> {
    for (let round = 0; round < 20; round++) await Promise.resolve();
  }

  [Symbol.dispose](): void {
    const { now, ...timers } = this.#real;
    Object.assign(globalThis, timers);
    performance.now = now;
  }
}
