/**
 * Which worker has which pairs in the kernel: passes on what workers ask for, and tells them what becomes of it. A
 * worker's pairs leave the kernel with it.
 *
 * Counts go to a worker all at once when some have been read: a message for each pair would cost more than reading them
 * (1,000 pairs: 1.3 ms to clone, instead of 0.02; Deno 2.9.6).
 * @module
 */
import type { FlowPair } from "./flow.ts";
import type { KernelPair, KernelPairOwner, KernelReply, KernelRequest } from "./gate.ts";

/** Where the pairs of all workers go. */
export interface PairCarrier {
  /** Whether pairs may enter. */
  readonly on: boolean;
  /** Returns `undefined` if the pair cannot be carried. */
  enter(flows: FlowPair, owner: KernelPairOwner): KernelPair | undefined;
}

/** A worker from its start to its end. */
interface Worker {
  /** By the worker's own numbers. */
  readonly pairs: Map<number, KernelPair>;
  /** What it has not been told yet. */
  counts: number[];
}

export class WorkerPairs {
  readonly #carrier: PairCarrier;
  readonly #post: (worker: number, reply: KernelReply) => void;
  readonly #workers = new Map<number, Worker>();

  constructor(carrier: PairCarrier, post: (worker: number, reply: KernelReply) => void) {
    this.#carrier = carrier;
    this.#post = post;
  }

  /** A worker begins, perhaps in the place of one that has failed. */
  started(number: number): void {
    this.lost(number);
    this.#workers.set(number, { pairs: new Map(), counts: [] });
    this.#post(number, { type: "open", open: this.#carrier.on });
  }

  /** Its streams are no more, so nobody wants to know of their pairs. */
  lost(number: number): void {
    const worker = this.#workers.get(number);
    this.#workers.delete(number);
    for (const pair of worker?.pairs.values() ?? []) pair.leave("asked");
  }

  /** Whether pairs may enter has changed. */
  changed(open: boolean): void {
    for (const number of this.#workers.keys()) this.#post(number, { type: "open", open });
  }

  /** Some counters have been read: to be called when all owners have been told. */
  read(): void {
    for (const [number, worker] of this.#workers) this.#tellCounts(number, worker);
  }

  #tellCounts(number: number, worker: Worker): void {
    if (worker.counts.length === 0) return;
    this.#post(number, { type: "counted", counts: Float64Array.from(worker.counts) });
    worker.counts = [];
  }

  received(number: number, request: KernelRequest): void {
    const worker = this.#workers.get(number);
    if (worker === undefined) return;
    const { pair } = request;
    if (request.type === "leave") return worker.pairs.get(pair)?.leave(request.why);
    const post = (reply: KernelReply) => {
      if (this.#workers.get(number) !== worker) return; // another one has taken its place
      this.#tellCounts(number, worker);
      this.#post(number, reply);
    };
    const carried = this.#carrier.enter(request.flows, {
      entered: () => post({ type: "entered", pair }),
      counted: (caller, callee) =>
        void worker.counts.push(pair, caller.packets, caller.bytes, callee.packets, callee.bytes),
      left: (why) => {
        worker.pairs.delete(pair);
        post({ type: "left", pair, why });
      },
    });
    if (carried !== undefined) worker.pairs.set(pair, carried);
    else post({ type: "left", pair, why: this.#carrier.on ? "refused" : "lost" });
  }
}
