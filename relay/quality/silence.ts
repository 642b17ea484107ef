/**
 * Why nothing comes from a party, as far as a relay can tell: what has arrived at its ports instead.
 * @module
 */
import type { SilenceCause } from "../../src/control/problem.ts";
import type { Leg } from "../leg.ts";

/** The drops that explain a silence, in the order in which they do. */
const DROPS: readonly (readonly [SilenceCause, (leg: Leg) => number])[] = [
  ["wrong source", (leg) => leg.wrongSource],
  ["unvouched source", (leg) => leg.unvouchedSource],
  ["obsolete source", (leg) => leg.obsoleteSource],
  ["undecided", (leg) => leg.undecided],
  ["loop", (leg) => leg.loop],
  ["not media", (leg) => leg.notMedia],
];

/** One for all that nothing was dropped of: 200 bytes for each session less. */
const NOTHING: readonly number[] = DROPS.map(() => 0);

/** A party that is listened to: its legs, and what had been dropped when it was heard last. */
export class Silence {
  readonly #rtp: Leg;
  readonly #rtcp: Leg;
  #droppedBefore: readonly number[] = NOTHING;
  #heardAtMs = -Infinity;

  constructor(rtp: Leg, rtcp: Leg) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
  }

  /** When media came last. What was dropped before that explains no silence after it; to be called about once a second. */
  heardAtMs(): number {
    if (this.#rtp.lastMediaAtMs !== this.#heardAtMs) {
      this.#heardAtMs = this.#rtp.lastMediaAtMs;
      const counts = DROPS.map(([, count]) => count(this.#rtp));
      this.#droppedBefore = counts.some((count) => count > 0) ? counts : NOTHING;
    }
    return this.#heardAtMs;
  }

  cause(): SilenceCause {
    const drop = DROPS.find(([, count], index) => count(this.#rtp) > this.#droppedBefore[index]!);
    if (drop !== undefined) return drop[0];
    if (this.#rtp.packets > 0) return this.#rtp.reception.main === undefined ? "no RTP" : "stopped";
    if (this.#rtp.stunPackets > 0) return "only STUN";
    return this.#rtcp.packets > 0 ? "only RTCP" : "nothing came";
  }
}
