/** What is known of a session, up or ended, as the wire wants it (`src/control/explanation.ts` explains the keys). @module */
import type { Explanation, PartyExplanation, StreamExplanation } from "../src/control/explanation.ts";
import { bracketed } from "../src/control/media_header.ts";
import type { Leg } from "./leg.ts";
import { mediaQuality } from "./quality/quality.ts";
import type { Session } from "./session.ts";
import { dropCounts, mediaProblems } from "./statistics.ts";
import type { Stream } from "./stream.ts";
import type { Party } from "./transport.ts";

/** Less is a pause. */
const SILENT_MS = 5000;

/** What the session itself does not know. */
export interface ExplanationContext {
  /** The relay's own word for its address. */
  readonly relay: string;
  isRoutable(address: string): boolean;
  readonly nowMs: number;
  /** Infinity while the session is up. */
  readonly endedAtMs: number;
}

/** All that is known of `session`. */
export function explainSession(session: Session, context: ExplanationContext): Explanation {
  const atMs = Math.min(context.endedAtMs, context.nowMs);
  const streams = session.streams;
  return {
    call_id: session.callId,
    relay: context.relay,
    from_uri: session.fromUri,
    to_uri: session.toUri,
    caller_ua: session.callerUserAgent ?? "Unknown",
    callee_ua: session.calleeUserAgent ?? "Unknown",
    age: seconds(atMs - session.createdAtMs),
    answered: session.toTag !== undefined,
    ended_ago: context.endedAtMs === Infinity ? null : seconds(context.nowMs - context.endedAtMs),
    streams: streams.map((stream) => explainStream(stream, context, atMs)),
    problems: streams.flatMap((stream, index) => mediaProblems(stream, index, session.createdAtMs)),
  };
}

function explainStream(stream: Stream, context: ExplanationContext, atMs: number): StreamExplanation {
  const deadline = stream.alive ? stream.deadline() : undefined;
  return {
    media_type: stream.type,
    status: stream.status,
    answered: stream.answered,
    on_hold: stream.onHold,
    carried_by: stream.inKernel ? "kernel" : "userspace",
    bundled: stream.bundled,
    learning: stream.learningMode,
    ends_in: deadline === undefined ? null : Math.max(0, seconds(deadline.atMs - atMs)),
    ends_as: deadline?.status ?? null,
    timeout_wait: Math.round(stream.timeoutWaitMs / 1000),
    caller: explainParty(stream, "caller", context, Math.min(atMs, stream.endedAtMs)),
    callee: explainParty(stream, "callee", context, Math.min(atMs, stream.endedAtMs)),
  };
}

function explainParty(
  stream: Stream,
  party: Party,
  context: ExplanationContext,
  atMs: number,
): PartyExplanation | null {
  const side = stream.side(party);
  const other = stream.side(party === "caller" ? "callee" : "caller");
  if (side === undefined || other === undefined) return null;
  const { rtp, rtcp } = side;
  const { sdp, signalingAddress, onHold, ice, learntHow } = stream[party];
  const { refused, destination, lastMediaAtMs } = rtp;
  return {
    signalled: sdp === undefined ? null : addressText(sdp.address, sdp.port),
    signalled_routable: sdp !== undefined && context.isRoutable(sdp.address),
    signaling_address: signalingAddress === "" ? null : signalingAddress,
    holds: onHold,
    ice,
    told: stream.told(party),
    learnt: rtp.remote === "Unknown" ? null : rtp.remote,
    learnt_how: learntHow ?? null,
    rebindings: rtp.rebindings,
    sent_to: destination.port === 0 ? null : addressText(destination.hostname, destination.port),
    packets: rtp.packets,
    rtcp_packets: rtcp.packets,
    stun_packets: rtp.stunPackets + rtcp.stunPackets,
    silent_for: lastMediaAtMs === -Infinity ? null : seconds(atMs - lastMediaAtMs),
    silence: atMs - lastMediaAtMs < SILENT_MS ? null : stream.silence?.cause(party) ?? null,
    dropped: dropCounts([rtp, rtcp]),
    refused: refused.port === 0 ? null : explainRefused(refused, atMs),
    quality: mediaQuality(rtp.reception, other.rtp.reception, stream.type === "audio"),
  };
}

function explainRefused({ hostname, port, reason, atMs }: Leg["refused"], nowMs: number) {
  return { address: addressText(hostname, port), reason, seconds_ago: seconds(nowMs - atMs) };
}

function addressText(hostname: string, port: number): string {
  return `${bracketed(hostname)}:${port}`;
}

function seconds(durationMs: number): number {
  return Math.max(0, Math.round(durationMs / 1000));
}
