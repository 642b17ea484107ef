// deno-lint-ignore-file camelcase -- the keys are the wire's
/** What is wrong with a call that is up: an addition to the original's statistics. @module */

/** Why nothing comes from a party, as far as a relay can tell. */
export type SilenceCause =
  /** No packet at all. */
  | "nothing came"
  /** It did send RTP, and no longer does. */
  | "stopped"
  /** Packets come from another address than the one that was learnt. */
  | "wrong source"
  /** In strict mode: packets come from an address that signalling does not vouch for. */
  | "unvouched source"
  /** Packets still come from where the party was before it moved. */
  | "obsolete source"
  /** Packets come, but whether they are the party's is not decided yet. */
  | "undecided"
  /** Packets come from one of the relay's own ports. */
  | "loop"
  /** Packets come that are no media. */
  | "not media"
  /** ICE checks come, but no media. */
  | "only STUN"
  /** DTLS came, but no RTP, or something else that is no RTP. */
  | "no RTP"
  /** RTCP comes, but no RTP. */
  | "only RTCP";

/** An audio stream of an answered call, not on hold, in which a party has not been heard for `one_way_after`. */
export interface MediaProblem {
  /** Its place in `streams`, from 0. */
  stream: number;
  /** `one-way`: the other party is heard; `silent`: neither is. */
  kind: "one-way" | "silent";
  /** Why, for each party that is not heard. */
  causes: { caller?: SilenceCause; callee?: SilenceCause };
  /** Whole seconds since the session's start: when the silence began, and when it ended; null: it goes on. */
  start_time: number;
  end_time: number | null;
}
