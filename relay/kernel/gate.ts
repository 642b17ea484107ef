/**
 * The way from a worker to the kernel path, which is the main isolate's: nftables has one table for a relay.
 * @module
 */
import { type Counts, type FlowPair, NO_COUNTS } from "./flow.ts";
import type { LeaveReason } from "./kernel_path.ts";

/** From a worker to the main isolate. `pair` is the worker's own number. */
export type KernelRequest =
  | { readonly type: "enter"; readonly pair: number; readonly flows: FlowPair }
  | { readonly type: "leave"; readonly pair: number; readonly why: OwnersReason };

/** From the main isolate to a worker. */
export type KernelReply =
  /** Whether pairs may enter. */
  | { readonly type: "open"; readonly open: boolean }
  | { readonly type: "entered"; readonly pair: number }
  /** Of several pairs, as `countsOf` reads them. */
  | { readonly type: "counted"; readonly counts: Float64Array }
  | { readonly type: "left"; readonly pair: number; readonly why: LeaveReason };

/** The fields of a pair in `counted`: its number, and packets and bytes of the caller and of the callee. */
const FIELDS = 5;

/** What is in a `counted` message. */
export function* countsOf(counts: Float64Array): Iterable<{ pair: number; caller: Counts; callee: Counts }> {
  for (let at = 0; at < counts.length; at += FIELDS) {
    yield {
      pair: counts[at]!,
      caller: countsAt(counts, at + 1),
      callee: countsAt(counts, at + 3),
    };
  }
}

function countsAt(counts: Float64Array, at: number): Counts {
  return counts[at] === 0 ? NO_COUNTS : { packets: counts[at]!, bytes: counts[at + 1]! };
}

/** Why an owner wants a pair back. */
export type OwnersReason = "asked" | "not taken";

/** Told what becomes of a pair. */
export interface KernelPairOwner {
  /** The kernel takes its packets from now on. */
  entered(nowMs: number): void;
  /** What the kernel was sent since the last time, by the caller and by the callee. */
  counted(caller: Counts, callee: Counts, nowMs: number): void;
  /** The kernel no longer carries it, and there are no more counts to come. */
  left(why: LeaveReason, nowMs: number): void;
}

/** A pair that the kernel carries. */
export interface KernelPair {
  /** Takes it out; `left` follows, once the last packets have been counted. */
  leave(why: OwnersReason): void;
}

/** Where pairs enter. */
export interface KernelGate {
  /** Whether they may. */
  readonly open: boolean;
  /** `left` follows, at the latest when the pair is taken out. */
  enter(flows: FlowPair, owner: KernelPairOwner): KernelPair;
}

/** A worker's gate. */
export class RemoteGate implements KernelGate {
  readonly #post: (request: KernelRequest) => void;
  readonly #owners = new Map<number, KernelPairOwner>();
  #lastPair = 0;
  open = false;

  constructor(post: (request: KernelRequest) => void) {
    this.#post = post;
  }

  enter(flows: FlowPair, owner: KernelPairOwner): KernelPair {
    const pair = ++this.#lastPair;
    this.#owners.set(pair, owner);
    this.#post({ type: "enter", pair, flows });
    return { leave: (why) => this.#post({ type: "leave", pair, why }) };
  }

  /** A message of the main isolate. */
  received(reply: KernelReply, nowMs: number): void {
    switch (reply.type) {
      case "open":
        this.open = reply.open;
        return;
      case "entered":
        return this.#owners.get(reply.pair)?.entered(nowMs);
      case "counted":
        for (const { pair, caller, callee } of countsOf(reply.counts)) {
          this.#owners.get(pair)?.counted(caller, callee, nowMs);
        }
        return;
      case "left": {
        const owner = this.#owners.get(reply.pair);
        this.#owners.delete(reply.pair);
        return owner?.left(reply.why, nowMs);
      }
      default:
        return reply satisfies never;
    }
  }
}
