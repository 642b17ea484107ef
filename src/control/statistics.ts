// deno-lint-ignore-file camelcase -- the keys are the wire's
/**
 * Statistics of sessions and the summary of a relay, as JSON (PROTOCOL 3). The keys are the wire's own; what the
 * original does not have is marked "addition", and may be absent.
 * @module
 */
import * as v from "../deps/valibot.ts";
import { ControlSyntaxError } from "./errors.ts";
import type { MediaProblem } from "./problem.ts";
import type { MediaQuality } from "./quality.ts";
import { parseJson } from "./signaling_ip.ts";

export type StreamStatus =
  | "active"
  | "on hold"
  | "closed"
  | "rejected"
  | "no-traffic timeout"
  | "conntrack timeout"
  | "on hold timeout"
  | "unselected ICE candidate";

/** One stream of an ended or running session. Times are whole seconds since the session's start. */
export interface StreamStatistics {
  media_type: string;
  status: StreamStatus;
  /** The time limit that ended the stream, in seconds; 0 if none did. */
  timeout_wait: number;
  /** From the RTP payload type (RFC 3551 §6): `G711u`, `Dynamic(96)`, `Unknown(77)`, or `Unknown` before any packet. */
  caller_codec: string;
  callee_codec: string;
  start_time: number;
  end_time: number;
  /** Seconds from the offer to the first packet; null before it. */
  post_dial_delay: number | null;
  /** RTP and RTCP that came from the party: UDP payload bytes, and packets. */
  caller_bytes: number;
  callee_bytes: number;
  caller_packets: number;
  callee_packets: number;
  /** `address:port`, or `Unknown`. */
  caller_local: string;
  callee_local: string;
  caller_remote: string;
  callee_remote: string;
  /** Addition: who carries its RTP now, and how many of all packets the kernel has carried. */
  carried_by?: "userspace" | "kernel";
  kernel_packets?: number;
  /** Addition: packets that were not forwarded, by reason. */
  dropped?: Record<string, number>;
  /** Addition: how the party's media arrived; null before any RTP. */
  caller_quality?: MediaQuality | null;
  callee_quality?: MediaQuality | null;
}

export interface SessionStatistics {
  call_id: string;
  from_tag: string;
  from_uri: string;
  to_tag: string | null;
  to_uri: string;
  /** Seconds since 1970 at which the call was answered; null if it was not. */
  start_time: number | null;
  /** Whole seconds since then. */
  duration: number;
  caller_ua: string;
  callee_ua: string;
  username: string | null;
  streams: StreamStatistics[];
  /** Addition: from a relay, so that a dispatcher that restarts can end the dialog. */
  dialog_id?: string | null;
  /** Addition: times in which a party was not heard, also those that are over. */
  problems?: MediaProblem[];
  /** Addition: in the answer to `sessions`, whether the asking dispatcher set the session up. */
  own?: boolean;
}

/** What a dispatcher hands to accounting. */
export type EndedSession = SessionStatistics & {
  dialog_id: string | null;
  /** Whether media stopped, rather than the call being hung up. */
  timed_out: boolean;
  all_streams_ice: boolean;
};

/** The state of a relay's kernel path. */
export interface KernelSummary {
  status: "on" | "off";
  /** Why it is off. */
  reason?: string;
  /** Components (RTP or RTCP of a stream) that the kernel carries. */
  components: number;
  /** Components that went back to userspace since the start, by reason. */
  left: Record<string, number>;
}

export interface RelaySummary {
  ip: string;
  version: string;
  status: "active" | "halting";
  /** Seconds. */
  uptime: number;
  session_count: number;
  stream_count: Record<string, number>;
  /** Bits per second, averaged over traffic_sampling_period. */
  bps_relayed: number;
  /** Addition: with `ip`, what tells two relays behind one address apart. */
  port_range?: string;
  /** Addition: answered calls in which a party is not heard now. */
  problem_count?: number;
  /** Addition: streams whose RTP the kernel carries. */
  kernel_stream_count?: number;
  /** Addition: what this relay understands beyond the original's commands; `branches`: `remove` ends one of several
   * callees that answered; `explain`: the command of that name (`explanation.ts`). */
  capabilities?: string[];
  /** Addition: the kernel path. */
  kernel?: KernelSummary;
  /** Addition: what was refused since the start: new sessions and offers, by the limit of the configuration, and loops. */
  refused?: Record<string, number>;
}

const Statistics = v.looseObject({
  call_id: v.string(),
  from_tag: v.string(),
  to_tag: v.nullable(v.string()),
  dialog_id: v.optional(v.nullable(v.string())),
  own: v.optional(v.boolean()),
  streams: v.array(v.looseObject({ status: v.string() })),
});

const Summary = v.looseObject({
  ip: v.string(),
  version: v.string(),
  status: v.string(),
  port_range: v.optional(v.string()),
  capabilities: v.optional(v.array(v.string())),
});

/**
 * Decodes one session's statistics as a relay of any make sends them. Keys that we do not know are kept, because
 * accounting may.
 * @throws ControlSyntaxError if it is not JSON, or lacks what names the session.
 */
export function decodeStatistics(json: string): SessionStatistics {
  return decoded(v.safeParse(Statistics, parseJson(json)), json, "session statistics");
}

/**
 * Decodes the answer to `sessions`.
 * @throws ControlSyntaxError as `decodeStatistics`.
 */
export function decodeSessions(json: string): SessionStatistics[] {
  return decoded(v.safeParse(v.array(Statistics), parseJson(json)), json, "a list of sessions");
}

/**
 * Decodes the answer to `summary`.
 * @throws ControlSyntaxError if it is not JSON, or lacks what names the relay.
 */
export function decodeSummary(json: string): RelaySummary {
  return decoded(v.safeParse(Summary, parseJson(json)), json, "a relay's summary");
}

// The schemas check what we rely on; the remaining keys are the peer's word, which we only pass on.
function decoded<T>(result: { success: boolean; output: unknown }, json: string, what: string): T {
  if (!result.success) {
    throw new ControlSyntaxError(`Cannot parse ${JSON.stringify(json.slice(0, 80))} as ${what}`);
  }
  return result.output as T;
}
