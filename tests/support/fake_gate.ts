/** A kernel path that a test plays. @module */
import { type Counts, type FlowPair, NO_COUNTS } from "../../relay/kernel/flow.ts";
import type { KernelGate, KernelPair, KernelPairOwner } from "../../relay/kernel/gate.ts";
import type { LeaveReason } from "../../relay/kernel/kernel_path.ts";

/** A pair that has entered, or wants to. */
export class FakePair implements KernelPair {
  readonly flows: FlowPair;
  readonly owner: KernelPairOwner;
  /** Why its owner wants it back; `undefined` while it does not. */
  wantedBack: string | undefined = undefined;

  constructor(flows: FlowPair, owner: KernelPairOwner) {
    this.flows = flows;
    this.owner = owner;
  }

  leave(why: string): void {
    this.wantedBack = why;
  }

  /** The kernel has counted packets of 172 bytes. */
  counted(caller: number, callee: number, nowMs: number): void {
    const counts = (packets: number): Counts => packets === 0 ? NO_COUNTS : { packets, bytes: packets * 172 };
    this.owner.counted(counts(caller), counts(callee), nowMs);
  }

  left(nowMs: number, why: LeaveReason = "asked"): void {
    this.owner.left(why, nowMs);
  }
}

/** Closed, until a test opens it. */
export class FakeGate implements KernelGate {
  open = false;
  readonly pairs: FakePair[] = [];

  enter(flows: FlowPair, owner: KernelPairOwner): KernelPair {
    const pair = new FakePair(flows, owner);
    this.pairs.push(pair);
    return pair;
  }
}
