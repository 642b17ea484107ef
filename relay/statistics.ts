/** A session's statistics as the wire wants them (`src/control/statistics.ts` explains the keys). @module */
import type { MediaProblem } from "../src/control/problem.ts";
import type { MediaQuality } from "../src/control/quality.ts";
import type { SessionStatistics, StreamStatistics } from "../src/control/statistics.ts";
import { codecName } from "../src/rtp/mod.ts";
import type { Leg } from "./leg.ts";
import { mediaQuality } from "./quality/quality.ts";
import type { Session } from "./session.ts";
import type { Stream } from "./stream.ts";
import type { Party } from "./transport.ts";

/** `wallMs` is the wall time at `nowMs`. */
export function sessionStatistics(
  session: Session,
  nowMs: number,
  wallMs: number,
): SessionStatistics {
  const { startedAtMs } = session;
  const started = startedAtMs !== Infinity;
  return {
    call_id: session.callId,
    from_tag: session.fromTag,
    from_uri: session.fromUri,
    to_tag: session.toTag ?? null,
    to_uri: session.toUri,
    start_time: started ? (wallMs - (nowMs - startedAtMs)) / 1000 : null,
    duration: started ? Math.floor((nowMs - startedAtMs) / 1000) : 0,
    caller_ua: session.callerUserAgent ?? "Unknown",
    callee_ua: session.calleeUserAgent ?? "Unknown",
    username: session.username ?? null,
    streams: session.answeredStreams.map((stream) => streamStatistics(stream, startedAtMs, nowMs)),
    dialog_id: session.dialogId ?? null,
    problems: session.answeredStreams.flatMap((stream, index) => mediaProblems(stream, index, startedAtMs)),
  };
}

/** Times count from `sessionAtMs`. */
export function mediaProblems(stream: Stream, index: number, sessionAtMs: number): MediaProblem[] {
  return (stream.silence?.problems ?? []).map(({ kind, causes, startedAtMs, endedAtMs }) => ({
    stream: index,
    kind,
    causes,
    start_time: Math.max(0, Math.floor((startedAtMs - sessionAtMs) / 1000)),
    end_time: endedAtMs === Infinity ? null : Math.floor((endedAtMs - sessionAtMs) / 1000),
  }));
}

function streamStatistics(stream: Stream, sessionAtMs: number, nowMs: number): StreamStatistics {
  const { status, answeredAtMs, firstMediaAtMs } = stream;
  const endedAtMs = Math.min(stream.endedAtMs, nowMs);
  const caller = stream.legs("caller");
  const callee = stream.legs("callee");
  const secondsAfter = (ms: number) => Math.max(0, Math.floor((ms - sessionAtMs) / 1000));
  return {
    media_type: stream.type,
    status,
    timeout_wait: Math.round(stream.timeoutWaitMs / 1000),
    caller_codec: codecName(caller[0]?.payloadType ?? -1),
    callee_codec: codecName(callee[0]?.payloadType ?? -1),
    start_time: secondsAfter(answeredAtMs),
    end_time: secondsAfter(endedAtMs),
    post_dial_delay: firstMediaAtMs === Infinity ? null : Math.max(0, firstMediaAtMs - stream.createdAtMs) / 1000,
    caller_bytes: sum(caller, (leg) => leg.bytes),
    callee_bytes: sum(callee, (leg) => leg.bytes),
    caller_packets: sum(caller, (leg) => leg.packets),
    callee_packets: sum(callee, (leg) => leg.packets),
    caller_local: stream.local("caller"),
    callee_local: stream.local("callee"),
    caller_remote: stream.remote("caller"),
    callee_remote: stream.remote("callee"),
    carried_by: stream.inKernel ? "kernel" : "userspace",
    kernel_packets: sum([...caller, ...callee], (leg) => leg.kernelPackets),
    dropped: dropCounts([...caller, ...callee]),
    caller_quality: quality(stream, "caller"),
    callee_quality: quality(stream, "callee"),
  };
}

function quality(stream: Stream, party: Party): MediaQuality | null {
  const [[leg], [other]] = [stream.legs(party), stream.legs(party === "caller" ? "callee" : "caller")];
  if (leg === undefined || other === undefined) return null;
  return mediaQuality(leg.reception, other.reception, stream.type === "audio");
}

/** Packets that were not forwarded, by reason. */
export function dropCounts(legs: readonly Leg[]): Record<string, number> {
  return {
    not_media: sum(legs, (leg) => leg.notMedia),
    wrong_source: sum(legs, (leg) => leg.wrongSource),
    obsolete_source: sum(legs, (leg) => leg.obsoleteSource),
    unvouched_source: sum(legs, (leg) => leg.unvouchedSource),
    undecided: sum(legs, (leg) => leg.undecided),
    loop: sum(legs, (leg) => leg.loop),
    no_destination: sum(legs, (leg) => leg.noDestination),
    too_fast: sum(legs, (leg) => leg.tooFast),
  };
}

function sum(legs: readonly Leg[], field: (leg: Leg) => number): number {
  return legs.reduce((total, leg) => total + field(leg), 0);
}
