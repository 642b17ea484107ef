// deno-lint-ignore-file camelcase -- the keys are the wire's
/** How a party's media arrive, and what is wrong with a call that is up: additions to the original's statistics. @module */

/**
 * What came from a party by RTP, as it arrived at the relay (RFC 3550 §A.1, §A.3, §A.8). Covers packets that the relay
 * itself carried: those of a stream that the kernel carries are counted, but nobody looks into them.
 */
export interface MediaQuality {
  /** Without duplicates. */
  packets: number;
  lost: number;
  /** 0 to 100. */
  loss_percent: number;
  /** Runs of lost packets, and the longest of them; those of the latest 64 packets are not known yet. */
  loss_bursts: number;
  longest_loss_burst: number;
  reordered: number;
  duplicates: number;
  /** Silences of a second or more. */
  gaps: number;
  longest_gap_ms: number;
  /** How often another source (SSRC) appeared. */
  ssrc_changes: number;
  payload_types: number[];
  /** In Hz: of the payload type, or inferred from the timestamps; null while it is unknown, and so is the jitter. */
  clock_rate: number | null;
  jitter_ms: number | null;
  max_jitter_ms: number | null;
  /** From the relay to the party and back, by RTCP; null if that told nothing. */
  round_trip_ms: number | null;
  /** What the other party's RTCP said of this party's packets, last; null if it said nothing. */
  reported_loss_percent: number | null;
  reported_jitter_ms: number | null;
  /** RTCP of the party that could not be read: SRTCP, as a rule. */
  unreadable_rtcp: number;
  /** Estimate of how the party sounds to the other one, 1 to 4.5; null for video, and before a second of audio. */
  mos: number | null;
  /** How `mos` was computed. */
  mos_method: string | null;
}
