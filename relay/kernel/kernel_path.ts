/**
 * The pairs of flows that the kernel carries: takes them in and out of nftables, and reads their counters.
 *
 * | state    | event                                               | next     | and                                    |
 * | -------- | --------------------------------------------------- | -------- | -------------------------------------- |
 * | entering | nft has taken it                                    | trial    |                                        |
 * | entering | nft has refused it                                  | left     |                                        |
 * | trial    | some packets were taken, all of them given on       | carried  | proven                                 |
 * | trial, carried | packets were taken, but not given on          | leaving  | if none was, a trouble: routing or a firewall eats them |
 * | any of these | the owner wants it back                         | leaving  | its packets go to the sockets at once  |
 * | leaving  | the last counters have been read                    | left     | they are told, its slots are free      |
 * | any      | nft has ended                                       | left     | the kernel has removed the table       |
 *
 * A trial is soon over, so that at most a few packets are lost where the kernel takes what it cannot deliver; the
 * sockets are bound all the time, and whatever the kernel does not take goes on in userspace. After several troubles the
 * path gives up.
 *
 * Counters are read by groups, some at once: fewer would mean that everybody is woken more often, more that commands have
 * to wait. How often depends on how long that takes, so that reading takes a 400th of the time, unless the owners
 * cannot wait so long.
 * @module
 */
import { type Counts, type Family, familyOf, type FlowPair, NO_COUNTS } from "./flow.ts";
import { groupOf, SlotPool } from "./slots.ts";
import type { KernelTable } from "./table.ts";

/** Why a pair is not, or no longer, in the kernel. */
export type LeaveReason =
  /** Its owner asked for it. */
  | "asked"
  /** Its owner's sockets got packets that the kernel should have taken. */
  | "not taken"
  /** The kernel took packets and sent none on. */
  | "eaten"
  /** It sent some on, but not all: those that are too large, perhaps. */
  | "partly eaten"
  /** nft did not take the flows, for example because another stream has the same. */
  | "refused"
  /** nft has ended. */
  | "lost";

/** What a transaction was for. */
export type Step =
  | { readonly kind: "group"; readonly group: number }
  | { readonly kind: "enter" | "leave"; readonly id: number }
  | { readonly kind: "forget" };

/** Which counters of a group are to be read: of what was taken and, after that, if `both`, of what was given on. */
export interface Reading {
  readonly group: number;
  readonly both: boolean;
}

export interface KernelPathOutputs {
  /** Run a transaction, in the order of these calls; then call `executed` or `failed`. */
  execute(commands: string, step: Step): void;
  /** Read counters, after what was executed so far. Then call `listed` for each group in this order, or `failedToList`. */
  list(readings: readonly Reading[]): void;
  /** The kernel takes the packets of a pair from now on. */
  entered(id: number): void;
  /** What a pair was sent since it was told last: by the caller, and by the callee. */
  counted(id: number, caller: Counts, callee: Counts): void;
  /** All have been told for now. */
  read(): void;
  /** A pair is no longer carried; the last counts have been told, unless it is "lost". */
  left(id: number, why: LeaveReason): void;
  /** The path must not be used any longer. */
  failing(reason: string): void;
}

interface Pair {
  readonly id: number;
  readonly slot: number;
  readonly flows: FlowPair;
  /** Of both flows. */
  readonly mark: readonly [number, number];
  /** Of a packet, and no payload. */
  readonly headerBytes: number;
  state: "entering" | "trial" | "carried" | "leaving";
  why: LeaveReason;
  taken: [Counts, Counts];
  /** Packets given on when that was last read, and taken just before. */
  given: [number, number];
  takenBefore: [number, number];
}

interface Group {
  readonly pairs: Set<Pair>;
  /** A listing is on its way. */
  listing: boolean;
  /** It has to be listed again, and with both counters, because of what came after the listing that is on its way. */
  again: boolean;
  againBoth: boolean;
  /** Pairs whose last counters the listing on its way brings, and those that wait for the one after it. */
  leaving: Pair[];
  waiting: Pair[];
}

/** Several packets of 20 ms. */
const TRIAL_MS = 80;
const POLL_MS = 2000;
/** Reading takes one part in so many of the time, the relay's own work included. */
const POLL_SHARE = 400;
/** Listed at once: 5 ms of nft's time, if the groups are full. */
const POLL_GROUPS = 8;
/** Of more groups than that, what was given is read in every third time only, of a third of them each time: what eats the
 * packets of all calls shows at once, what eats those of one has some seconds more. */
const GIVEN_TURNS = 3;
/** So many packets may be lost between taking and giving; a packet that is in between just now is none of them, as what
 * was given is read later. */
const MAX_LOST = 4;
const MAX_TROUBLES = 5;
/** Troubles are forgotten after such a time. */
const TROUBLES_MS = 60_000;

export class KernelPath {
  readonly #table: KernelTable;
  readonly #maxPollMs: number;
  readonly #outputs: KernelPathOutputs;
  readonly #pools: Readonly<Record<Family, SlotPool>>;
  readonly #pairs = new Map<number, Pair>();
  readonly #groups = new Map<number, Group>();
  readonly #troublesAtMs: number[] = [];
  /** In the order in which their trials end. */
  #trials: { readonly pair: Pair; readonly endsAtMs: number }[] = [];
  #gone = false;
  #pollAtMs = -Infinity;
  #pollStartedAtMs = -Infinity;
  #polls = 0;
  /** Groups that are still to be listed, and those whose listing is on its way. */
  #toPoll: Reading[] = [];
  readonly #polling = new Set<number>();

  /** The counters are read every `maxPollMs` at least. */
  constructor(table: KernelTable, maxPollMs: number, outputs: KernelPathOutputs) {
    this.#table = table;
    this.#maxPollMs = maxPollMs;
    this.#outputs = outputs;
    this.#pools = { 4: new SlotPool(4, table.capacity), 6: new SlotPool(6, table.capacity) };
  }

  /** Pairs that are in the kernel, or on their way in or out. */
  get size(): number {
    return this.#pairs.size;
  }

  /** Takes a pair of flows in; `id` is the owner's, and not in use. Returns whether there is room for it. */
  enter(id: number, flows: FlowPair): boolean {
    const slot = this.#gone ? undefined : this.#pool(flows).take();
    if (slot === undefined) return false;
    const pair: Pair = {
      id,
      slot,
      flows,
      mark: [this.#table.mark(slot), this.#table.mark(slot + 1)],
      headerBytes: familyOf(flows[0].local.address) === 6 ? 48 : 28,
      state: "entering",
      why: "asked",
      taken: [NO_COUNTS, NO_COUNTS],
      given: [0, 0],
      takenBefore: [0, 0],
    };
    this.#pairs.set(id, pair);
    this.#group(groupOf(slot)).pairs.add(pair);
    this.#outputs.execute(this.#table.enter(slot, flows), { kind: "enter", id });
    return true;
  }

  #pool([{ local }]: FlowPair): SlotPool {
    return this.#pools[familyOf(local.address)];
  }

  #group(number: number): Group {
    let group = this.#groups.get(number);
    if (group === undefined) {
      group = { pairs: new Set(), listing: false, again: false, againBoth: false, leaving: [], waiting: [] };
      this.#groups.set(number, group);
      this.#outputs.execute(this.#table.addGroup(number), { kind: "group", group: number });
    }
    return group;
  }

  /** Takes a pair out. "left" follows, if the pair is not out already. */
  leave(id: number, why: Exclude<LeaveReason, "refused" | "lost">, nowMs: number): void {
    const pair = this.#pairs.get(id);
    if (pair === undefined || pair.state === "leaving") return;
    pair.state = "leaving";
    pair.why = why;
    this.#outputs.execute(this.#table.leave(pair.flows), { kind: "leave", id });
    if (why === "eaten" || why === "not taken") this.#trouble(why, nowMs);
  }

  #trouble(why: "not taken" | "eaten", nowMs: number): void {
    this.#troublesAtMs.push(nowMs);
    while (this.#troublesAtMs[0]! <= nowMs - TROUBLES_MS) this.#troublesAtMs.shift();
    if (this.#troublesAtMs.length < MAX_TROUBLES) return;
    this.#troublesAtMs.length = 0;
    this.#outputs.failing(
      why === "eaten"
        ? "packets of several calls were taken, but not sent on: a firewall or the routing eats them"
        : "packets of several calls were not taken: other rules come before ours",
    );
  }

  /** Takes all pairs out. */
  leaveAll(nowMs: number): void {
    for (const id of [...this.#pairs.keys()]) this.leave(id, "asked", nowMs);
  }

  /** A transaction succeeded. */
  executed(step: Step, nowMs: number): void {
    if (step.kind !== "enter" && step.kind !== "leave") return;
    const pair = this.#pairs.get(step.id);
    if (pair === undefined) return;
    if (step.kind === "leave") {
      this.#group(groupOf(pair.slot)).waiting.push(pair);
      this.#list({ group: groupOf(pair.slot), both: false });
    } else if (pair.state === "entering") {
      pair.state = "trial";
      this.#trials.push({ pair, endsAtMs: nowMs + TRIAL_MS });
      this.#outputs.entered(pair.id);
    }
  }

  /** A transaction was refused, with nft's words. */
  failed(step: Step, message: string): void {
    switch (step.kind) {
      case "group":
        return this.#outputs.failing(`nft refuses a rule: ${message}`);
      case "forget":
        return this.#outputs.failing(`nft does not know what it was told: ${message}`);
      case "enter":
      case "leave": {
        const pair = this.#pairs.get(step.id);
        if (pair === undefined) return;
        // A refused entry leaves nothing behind. What could not be taken out may still be in: an empty table is safe.
        if (step.kind === "enter") this.#remove(pair, "refused");
        else this.#outputs.failing(`nft does not know what it was told: ${message}`);
      }
    }
  }

  #list(...readings: readonly Reading[]): void {
    const now = readings.filter((reading) => this.#beginsToList(reading));
    if (now.length > 0) this.#outputs.list(now);
  }

  /** A group that is being listed is listed again after that. */
  #beginsToList({ group: number, both }: Reading): boolean {
    const group = this.#group(number);
    group.again = group.listing;
    group.againBoth = group.listing && (both || group.againBoth);
    if (group.listing) return false;
    group.listing = true;
    group.leaving = group.waiting;
    group.waiting = [];
    return true;
  }

  /** A group's counters: what was taken, and, read after that, what was given on; of IP packets, by mark. */
  listed(
    number: number,
    taken: ReadonlyMap<number, Counts>,
    given: ReadonlyMap<number, Counts> | undefined,
    nowMs: number,
  ): void {
    const group = this.#group(number);
    group.listing = false;
    for (const pair of group.pairs) this.#count(pair, taken, given, nowMs);
    this.#forget(number, group.leaving);
    group.leaving = [];
    if (group.again || group.waiting.length > 0) this.#list({ group: number, both: group.againBoth });
    const polled = this.#polling.delete(number);
    if (this.#polling.size > 0) return;
    if (polled && this.#toPoll.length > 0) return this.#poll();
    if (polled) this.#schedulePoll(nowMs);
    this.#outputs.read();
  }

  /** What nft answered to a listing makes no sense, or it refused to list. */
  failedToList(message: string): void {
    this.#outputs.failing(`the counters cannot be read: ${message}`);
  }

  #count(
    pair: Pair,
    taken: ReadonlyMap<number, Counts>,
    given: ReadonlyMap<number, Counts> | undefined,
    nowMs: number,
  ): void {
    if (pair.state === "entering") return; // nft has not said yet that it is in
    const [caller, callee] = [this.#countFlow(pair, 0, taken), this.#countFlow(pair, 1, taken)];
    if (caller.packets > 0 || callee.packets > 0) this.#outputs.counted(pair.id, caller, callee);
    if (pair.state === "leaving" || given === undefined) return;
    let lost = 0;
    let nothingGiven = false;
    for (const index of [0, 1] as const) {
      const { packets } = pair.taken[index];
      const givenNow = given.get(pair.mark[index])?.packets ?? 0;
      lost = Math.max(lost, packets - givenNow);
      if (packets > pair.takenBefore[index] && givenNow === pair.given[index]) nothingGiven = true;
      pair.takenBefore[index] = packets;
      pair.given[index] = givenNow;
    }
    if (lost > (pair.state === "trial" ? 0 : MAX_LOST)) {
      this.leave(pair.id, nothingGiven ? "eaten" : "partly eaten", nowMs);
    } else if (pair.taken[0].packets + pair.taken[1].packets > 0) {
      pair.state = "carried";
    }
  }

  /** What a party has sent since the last time. */
  #countFlow({ mark, headerBytes, taken: known }: Pair, index: 0 | 1, taken: ReadonlyMap<number, Counts>): Counts {
    const { packets, bytes } = taken.get(mark[index]) ?? NO_COUNTS;
    const before = known[index];
    if (packets === before.packets) return NO_COUNTS;
    const now = known[index] = { packets, bytes: bytes - packets * headerBytes };
    return { packets: packets - before.packets, bytes: now.bytes - before.bytes };
  }

  /** The last counters of pairs that leave have been read. */
  #forget(group: number, pairs: readonly Pair[]): void {
    if (pairs.length > 0) {
      this.#outputs.execute(this.#table.forget(group, pairs.map(({ slot }) => slot)), { kind: "forget" });
    }
    for (const pair of pairs) this.#remove(pair, pair.why);
  }

  #remove(pair: Pair, why: LeaveReason): void {
    this.#pairs.delete(pair.id);
    this.#groups.get(groupOf(pair.slot))!.pairs.delete(pair);
    this.#pool(pair.flows).give(pair.slot);
    this.#outputs.left(pair.id, why);
  }

  /** nft has ended, and the table with it. Nothing can enter any more. */
  gone(): void {
    this.#gone = true;
    for (const pair of [...this.#pairs.values()]) this.#remove(pair, "lost");
  }

  /** When `handleTimeout` has something to do; Infinity while it waits for nft, or for pairs. */
  get nextDeadlineMs(): number {
    const trialAtMs = this.#trials[0]?.endsAtMs ?? Infinity;
    const polls = this.#polling.size === 0 && this.#pairs.size > 0;
    return polls ? Math.min(trialAtMs, this.#pollAtMs) : trialAtMs;
  }

  /** Early or repeated calls do nothing: ends trials, and reads counters when it is time. */
  handleTimeout(nowMs: number): void {
    if (this.#gone) return;
    const ended = this.#trials.findIndex(({ endsAtMs }) => endsAtMs > nowMs);
    const due = this.#trials.splice(0, ended < 0 ? this.#trials.length : ended);
    // If nothing has come by then, the next readings decide.
    for (const { pair } of due) if (pair.state === "trial") this.#list({ group: groupOf(pair.slot), both: true });
    if (this.#polling.size > 0 || nowMs < this.#pollAtMs) return;
    const groups = [...this.#groups].filter(([, { pairs }]) => pairs.size > 0).map(([group]) => group);
    const turns = groups.length <= POLL_GROUPS ? 1 : GIVEN_TURNS;
    this.#polls++;
    this.#toPoll = groups.map((group, index) => ({ group, both: (index + this.#polls) % turns === 0 }));
    this.#pollStartedAtMs = nowMs;
    this.#pollAtMs = nowMs + POLL_MS;
    this.#poll();
  }

  #poll(): void {
    const readings = this.#toPoll.splice(0, POLL_GROUPS);
    for (const { group } of readings) this.#polling.add(group);
    this.#list(...readings);
  }

  #schedulePoll(nowMs: number): void {
    const tookMs = nowMs - this.#pollStartedAtMs;
    const pauseMs = Math.min(Math.max(POLL_MS, tookMs * POLL_SHARE), this.#maxPollMs);
    this.#pollAtMs = Math.max(this.#pollStartedAtMs + pauseMs, nowMs);
  }
}
