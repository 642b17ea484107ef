/** A party's reception as the wire wants it (`src/control/quality.ts` explains the keys). @module */
import type { MediaQuality } from "../../src/control/quality.ts";
import { codecImpairment, meanOpinionScore, transmissionRating } from "../../src/rtp/mod.ts";
import type { Reception } from "./reception.ts";
import type { SourceStatistics } from "./source_statistics.ts";

/** A jitter buffer that adapts holds about twice the jitter; a packet is 20 ms of speech, and a codec looks ahead. */
const JITTER_BUFFER_FACTOR = 2;
const PACKET_AND_CODEC_MS = 25;
/** A second of audio; fewer packets say nothing. */
const MIN_PACKETS = 50;

/** How `party`'s media arrived; null before any. `other` is the party that hears them. */
export function mediaQuality(party: Reception, other: Reception, isAudio: boolean): MediaQuality | null {
  const { main, sources, reports } = party;
  if (main === undefined) return null;
  const sum = (field: (source: SourceStatistics) => number) => sources.reduce((total, it) => total + field(it), 0);
  const most = (field: (source: SourceStatistics) => number) => Math.max(...sources.map(field));
  const lost = sum((source) => source.lost);
  const { clockRate } = main;
  const said = reports.reported.find(({ ssrc }) => ssrc === main.ssrc);
  return {
    packets: sum((source) => source.received),
    lost,
    loss_percent: rounded(100 * lost / Math.max(1, sum((source) => source.expected)), 2),
    loss_bursts: sum((source) => source.lossBursts),
    longest_loss_burst: most((source) => source.longestBurst),
    reordered: sum((source) => source.reordered),
    duplicates: sum((source) => source.duplicates),
    gaps: sum((source) => source.gaps),
    longest_gap_ms: Math.round(most((source) => source.longestGapMs)),
    ssrc_changes: party.sourceChanges,
    payload_types: [...new Set(sources.flatMap((source) => source.payloadTypes))],
    clock_rate: clockRate === 0 ? null : clockRate,
    jitter_ms: clockRate === 0 ? null : rounded(main.jitterMs, 1),
    max_jitter_ms: clockRate === 0 ? null : rounded(main.maxJitterMs, 1),
    round_trip_ms: reports.roundTripMs < 0 ? null : rounded(reports.roundTripMs, 1),
    reported_loss_percent: said === undefined ? null : rounded(said.fractionLost * 100, 1),
    reported_jitter_ms: said === undefined || clockRate === 0 ? null : rounded(said.jitter / clockRate * 1000, 1),
    unreadable_rtcp: reports.unreadable,
    ...isAudio && main.received >= MIN_PACKETS
      ? score(main, reports.roundTripMs, other.reports.roundTripMs)
      : { mos: null, mos_method: null },
  };
}

function score(source: SourceStatistics, roundTripMs: number, otherRoundTripMs: number) {
  const networkMs = (Math.max(0, roundTripMs) + Math.max(0, otherRoundTripMs)) / 2;
  const delayMs = networkMs + JITTER_BUFFER_FACTOR * source.jitterMs + PACKET_AND_CODEC_MS;
  const loss = source.lost / Math.max(1, source.expected);
  const codec = codecImpairment(source.payloadTypes[0]!);
  const meanBurst = source.lossBursts === 0 ? 1 : source.lostInBursts / source.lossBursts;
  const rating = transmissionRating({ delayMs, loss, burstRatio: meanBurst * (1 - loss), codec });
  const network = roundTripMs < 0 && otherRoundTripMs < 0 ? "network delay unknown, taken as 0" : "RTCP round trips";
  return {
    mos: rounded(meanOpinionScore(rating), 2),
    mos_method: `G.107 E-model, R ${rounded(rating, 1)}: codec ${codec.name}, loss at the relay, ` +
      `delay ${Math.round(delayMs)} ms (${network}; jitter buffer)`,
  };
}

function rounded(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}
