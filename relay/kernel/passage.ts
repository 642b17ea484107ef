/**
 * One component (RTP or RTCP) of a stream on its way into the kernel and back.
 *
 * | state     | event                                                         | next      | and                       |
 * | --------- | ------------------------------------------------------------- | --------- | ------------------------- |
 * | userspace | both parties have been where they are for `kernel_after`       | entering  |                           |
 * | entering  | the kernel takes its packets                                   | kernel    |                           |
 * | entering, kernel | a party's address changed or is in doubt, or the stream ends | leaving |                        |
 * | kernel    | a party sends more than it may                                 | leaving   | to stay in userspace       |
 * | kernel    | packets come to the sockets, and the kernel has counted none   | leaving   | a trouble of the path     |
 * | any       | it has left                                                    | userspace | to stay there, if it was not asked to |
 *
 * The sockets are bound in every state, and what comes to them is carried as ever, so no change of state loses a packet.
 * What is new, such as a party's new address behind its NAT, shows there too, because the kernel only takes packets
 * from where they were learnt to come from.
 * @module
 */
import type { Leg } from "../leg.ts";
import { type Counts, type Endpoint, flowPair } from "./flow.ts";
import type { KernelGate, KernelPair, KernelPairOwner } from "./gate.ts";
import type { LeaveReason } from "./kernel_path.ts";

/** How streams use the kernel path. */
export interface KernelAccess {
  readonly gate: KernelGate;
  /** So long both parties' addresses must have stood. */
  readonly afterMs: number;
  /** A party that sends more is for the sockets to limit. */
  readonly maxPacketsPerSecond: number;
}

/** Whose component it is. */
export interface PassageOwner {
  /** All its packets come to the sockets again. */
  leftKernel(): void;
}

/** A leg, and the address of the socket that it is about. */
export interface PassageSide {
  readonly leg: Leg;
  readonly local: Endpoint;
}

/** Longer than the counters are ever left unread. */
const NOT_TAKEN_MS = 10_000;
/** More than were on their way when the kernel began. */
const NOT_TAKEN_PACKETS = 50;

export class KernelPassage implements KernelPairOwner {
  readonly #access: KernelAccess;
  readonly #owner: PassageOwner;
  readonly #caller: PassageSide;
  readonly #callee: PassageSide;
  #state: "userspace" | "entering" | "kernel" | "leaving" = "userspace";
  #pair: KernelPair | undefined = undefined;
  /** Since when both parties have been where they are; Infinity while they are not, or nobody has looked. */
  #steadySinceMs = Infinity;
  /** The kernel cannot carry it between these addresses. */
  #unfit = false;
  #enteredAtMs = Infinity;
  #socketPacketsBefore = 0;
  #kernelPackets = 0;
  #countedAtMs = Infinity;

  constructor(access: KernelAccess, owner: PassageOwner, caller: PassageSide, callee: PassageSide) {
    this.#access = access;
    this.#owner = owner;
    this.#caller = caller;
    this.#callee = callee;
  }

  /** Whether the kernel takes its packets. */
  get inKernel(): boolean {
    return this.#state === "kernel";
  }

  /** Whether counters that are still to be read belong to it. */
  get isAway(): boolean {
    return this.#state !== "userspace";
  }

  /** To be called about once a second: enters when it is time, and looks whether the kernel does what it should. */
  check(nowMs: number): void {
    if (this.#state === "userspace") return this.#enterIfSteady(nowMs);
    if (this.#state !== "kernel" || this.#kernelPackets > 0 || nowMs - this.#enteredAtMs < NOT_TAKEN_MS) return;
    if (this.#socketPackets() - this.#socketPacketsBefore >= NOT_TAKEN_PACKETS) this.#leave("not taken");
  }

  #enterIfSteady(nowMs: number): void {
    const { gate, afterMs } = this.#access;
    const [caller, callee] = [this.#caller, this.#callee];
    if (caller.leg.state !== "latched" || callee.leg.state !== "latched") return;
    this.#steadySinceMs = Math.min(this.#steadySinceMs, nowMs);
    if (this.#unfit || !gate.open || nowMs - this.#steadySinceMs < afterMs) return;
    const flows = flowPair(
      { remote: endpoint(caller.leg), local: caller.local },
      { remote: endpoint(callee.leg), local: callee.local },
    );
    if (flows === undefined) {
      this.#unfit = true;
      return;
    }
    this.#state = "entering";
    caller.leg.inKernel = callee.leg.inKernel = true;
    this.#pair = gate.enter(flows, this);
  }

  #socketPackets(): number {
    return this.#caller.leg.socketPackets + this.#callee.leg.socketPackets;
  }

  /** An address was learnt, or holds no more. */
  changed(): void {
    this.#steadySinceMs = Infinity;
    this.#unfit = false;
    this.leave();
  }

  /** Back to userspace; its last counters come when `isAway` ends. */
  leave(): void {
    this.#steadySinceMs = Infinity;
    if (this.#state === "entering" || this.#state === "kernel") this.#leave("asked");
  }

  #leave(why: "asked" | "not taken"): void {
    this.#state = "leaving";
    this.#pair!.leave(why);
  }

  entered(nowMs: number): void {
    if (this.#state !== "entering") return;
    this.#state = "kernel";
    this.#enteredAtMs = this.#countedAtMs = nowMs;
    this.#socketPacketsBefore = this.#socketPackets();
    this.#kernelPackets = 0;
  }

  counted(caller: Counts, callee: Counts, nowMs: number): void {
    this.#kernelPackets += caller.packets + callee.packets;
    this.#caller.leg.carried(caller, nowMs);
    this.#callee.leg.carried(callee, nowMs);
    const allowed = this.#access.maxPacketsPerSecond * Math.max(1, (nowMs - this.#countedAtMs) / 1000);
    this.#countedAtMs = nowMs;
    if (caller.packets <= allowed && callee.packets <= allowed) return;
    this.#unfit = true;
    this.leave();
  }

  left(why: LeaveReason, nowMs: number): void {
    this.#state = "userspace";
    this.#steadySinceMs = Infinity;
    // What was lost with nft may enter again.
    if (why !== "asked" && why !== "lost") this.#unfit = true;
    this.#caller.leg.backFromKernel(nowMs);
    this.#callee.leg.backFromKernel(nowMs);
    this.#owner.leftKernel();
  }
}

function endpoint({ destination: { hostname, port } }: Leg): Endpoint {
  return { address: hostname, port };
}
