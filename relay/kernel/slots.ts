/**
 * Which packet mark means which flow.
 *
 * ```text
 *  31           24 23        18 17              6 5            0
 * +---------------+------------+-----------------+--------------+
 * |   0x4d ('M')  |  instance  |      group      |              |
 * +---------------+------------+-----------------+--------------+
 *                              |<----------- slot ------------->|
 * ```
 * Several relays may run on one host, and a mark is seen by the rules of all of them: the instance tells them apart.
 * Counters are read a group at a time. The two directions of a pair are neighbours, in one group; even groups are IPv4's,
 * odd ones IPv6's.
 * @module
 */
import type { Family } from "./flow.ts";

const MARKS = 0x4d000000;
const SLOT_BITS = 18;
/** Reading takes nft some 10 us for each element: a stream that ends should not have to wait for hundreds. */
const GROUP_SHIFT = 6;

/** What a firewall may ask for: the packets that any relay has the kernel carry. */
export const IS_CARRIED = "meta mark & 0xff000000 == 0x4d000000";

/** How many relays a host can have that carry media in the kernel. */
export const MAX_INSTANCES = 64;
export const MAX_SLOTS = 1 << SLOT_BITS;
export const SLOTS_PER_GROUP = 1 << GROUP_SHIFT;
/** What of a mark is ours and the instance's, and what is the group's. */
export const INSTANCE_MASK = 0xfffc0000;
export const GROUP_MASK = 0x0003ffc0;

/** A mark as nft wants it. */
export function markText(mark: number): string {
  return `0x${mark.toString(16).padStart(8, "0")}`;
}

/** The mark of an instance's slot 0. */
export function instanceMark(instance: number): number {
  return MARKS + (instance << SLOT_BITS);
}

/** The group that a slot is in. */
export function groupOf(slot: number): number {
  return slot >>> GROUP_SHIFT;
}

/** Whose flows a group has. */
export function familyOfGroup(group: number): Family {
  return group % 2 === 0 ? 4 : 6;
}

/** Hands out pairs of one family's slots, from the lowest group that has some, so that there are few groups to read. */
export class SlotPool {
  readonly #free: number[][] = [];
  readonly #capacity: number;
  readonly #firstGroup: number;
  #taken = 0;

  /** `capacity` is in slots. */
  constructor(family: Family, capacity: number) {
    this.#firstGroup = family === 4 ? 0 : 1;
    this.#capacity = Math.min(capacity, MAX_SLOTS / 2);
  }

  /** The first of two slots; `undefined` when all are taken. */
  take(): number | undefined {
    for (const free of this.#free) {
      const slot = free?.pop();
      if (slot !== undefined) return slot;
    }
    if (this.#taken + 2 > this.#capacity) return undefined;
    const group = this.#firstGroup + 2 * groupOf(this.#taken);
    const slot = group * SLOTS_PER_GROUP + this.#taken % SLOTS_PER_GROUP;
    this.#taken += 2;
    return slot;
  }

  /** Gives back what `take` returned. */
  give(slot: number): void {
    (this.#free[groupOf(slot)] ??= []).push(slot);
  }
}
