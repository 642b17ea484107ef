/**
 * The worker isolates as such: starts them, carries messages to and from them, and puts a new one in the place of one
 * that has failed. What the messages mean is up to `directory/session_directory.ts`.
 *
 * Terminated, an isolate closes its sockets within some 10 ms. One that never leaves a loop of its own cannot be ended by
 * Deno 2.9.6: it keeps its core and its ports until the process ends, but no longer has calls.
 * @module
 */
import type { FromWorker, ToWorker } from "../directory/worker_messages.ts";

/** What is heard of workers, which are numbered from 1. */
export interface WorkersHandler {
  /** The first message for a new isolate. `usedBelow` is above the ports that the one before it has used. */
  start(worker: number, usedBelow: number): ToWorker;
  /** It exists, and `start` is on its way to it. */
  started(worker: number): void;
  received(worker: number, message: FromWorker): void;
  lost(worker: number, reason: string): void;
}

/** An isolate that fails at once must not be started without a pause. */
const MIN_LIFE_MS = 500;

export class Workers implements Disposable {
  readonly #handler: WorkersHandler;
  readonly #isolates = new Map<number, Isolate>();
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();

  constructor(handler: WorkersHandler) {
    this.#handler = handler;
  }

  /** How many isolates there are. */
  get count(): number {
    return this.#isolates.size;
  }

  /** Starts an isolate in the place of the one that has this number, if there is one. */
  start(number: number, usedBelow: number): void {
    const before = this.#isolates.get(number);
    before?.terminate();
    const waitMs = Math.max(0, (before?.startedAtMs ?? -Infinity) + MIN_LIFE_MS - performance.now());
    this.#timers.set(number, setTimeout(() => this.#startNow(number, usedBelow), waitMs));
  }

  #startNow(number: number, usedBelow: number): void {
    this.#timers.delete(number);
    const isolate = new Isolate(number, this.#handler);
    this.#isolates.set(number, isolate);
    isolate.post(this.#handler.start(number, usedBelow));
    this.#handler.started(number);
  }

  post(number: number, message: ToWorker): void {
    this.#isolates.get(number)?.post(message);
  }

  /** Ends an isolate as a fault of its own would. */
  kill(number: number): void {
    this.#isolates.get(number)?.terminate();
    this.#handler.lost(number, "it was killed");
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const isolate of this.#isolates.values()) isolate.terminate();
  }
}

class Isolate {
  readonly #worker: Worker;
  readonly startedAtMs = performance.now();
  /** What is to be said, until the turn is over. */
  #outbox: ToWorker[] = [];
  #terminated = false;

  constructor(number: number, handler: WorkersHandler) {
    const worker = this.#worker = new Worker(new URL("./worker.ts", import.meta.url), {
      type: "module",
      name: `relay ${number}`,
    });
    worker.onmessage = ({ data }: MessageEvent<FromWorker[]>) => {
      for (const message of data) {
        if (!this.#terminated) handler.received(number, message);
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (!this.#terminated) handler.lost(number, event.message);
    };
  }

  post(message: ToWorker): void {
    if (this.#outbox.push(message) > 1) return;
    queueMicrotask(() => {
      if (!this.#terminated) this.#worker.postMessage(this.#outbox);
      this.#outbox = [];
    });
  }

  terminate(): void {
    this.#terminated = true;
    this.#worker.terminate();
  }
}
