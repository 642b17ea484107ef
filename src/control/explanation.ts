/**
 * What a relay knows of a call, as JSON: the answer to its command `explain`, from which `ctl` makes sentences. An
 * addition to the original's commands; only relays whose summary lists the capability `explain` understand it.
 * Addresses are `address:port`; times are seconds, those of an ended call as they were at its end.
 * @module
 */
import * as v from "../deps/valibot.ts";
import { ControlSyntaxError } from "./errors.ts";
import { parseJson } from "./signaling_ip.ts";

/** How a party's media arrive; the keys of `MediaQuality` that sentences are made of. */
const Quality = v.object({
  packets: v.number(),
  loss_percent: v.number(),
  longest_loss_burst: v.number(),
  jitter_ms: v.nullable(v.number()),
  round_trip_ms: v.nullable(v.number()),
  reported_loss_percent: v.nullable(v.number()),
  mos: v.nullable(v.number()),
});

const Party = v.object({
  /** What its SDP said last; null before it. */
  signalled: v.nullable(v.string()),
  /** Whether packets are sent there before any has come: not if the address is private. */
  signalled_routable: v.boolean(),
  /** Where its SIP messages come from; null if unknown. */
  signaling_address: v.nullable(v.string()),
  holds: v.boolean(),
  ice: v.boolean(),
  /** Where it was told to send. */
  told: v.string(),
  /** Where its packets come from, and how that was learnt: `learnt`, `vouched for`, `rebound`; null before. */
  learnt: v.nullable(v.string()),
  learnt_how: v.nullable(v.string()),
  rebindings: v.number(),
  /** Where packets for it are sent; null: nowhere, they are dropped. */
  sent_to: v.nullable(v.string()),
  /** RTP, and RTCP and STUN on either port. */
  packets: v.number(),
  rtcp_packets: v.number(),
  stun_packets: v.number(),
  /** Since its last media; null: none has come. */
  silent_for: v.nullable(v.number()),
  /** Why nothing comes, if nothing does; see `SilenceCause`. */
  silence: v.nullable(v.string()),
  /** Its packets that were not forwarded, and others' that came to its ports, by reason. */
  dropped: v.record(v.string(), v.number()),
  /** The source that was refused last. */
  refused: v.nullable(v.object({ address: v.string(), reason: v.string(), seconds_ago: v.number() })),
  quality: v.nullable(Quality),
});

const Stream = v.object({
  media_type: v.string(),
  status: v.string(),
  answered: v.boolean(),
  on_hold: v.boolean(),
  /** Who carries its packets: `userspace` is the relay itself. */
  carried_by: v.string(),
  /** Whether it shares another stream's ports (RFC 9143); what is counted is of both then. */
  bundled: v.boolean(),
  /** `heuristic`, `strict` or `open`. */
  learning: v.string(),
  /** When it ends by itself if nothing happens until then, and as what; null if it has ended. */
  ends_in: v.nullable(v.number()),
  ends_as: v.nullable(v.string()),
  /** The time limit that ended it; 0 if none did. */
  timeout_wait: v.number(),
  /** null for a stream that was offered disabled, so that it has no ports. */
  caller: v.nullable(Party),
  callee: v.nullable(Party),
});

const ExplanationSchema = v.object({
  call_id: v.string(),
  /** The relay's address. */
  relay: v.string(),
  from_uri: v.string(),
  to_uri: v.string(),
  caller_ua: v.string(),
  callee_ua: v.string(),
  /** Since the first message. */
  age: v.number(),
  /** Whether a callee has answered, not only rung. */
  answered: v.boolean(),
  ended_ago: v.nullable(v.number()),
  streams: v.array(Stream),
  /** Times in which a party was not heard; see `MediaProblem`. */
  problems: v.array(v.object({
    stream: v.number(),
    kind: v.string(),
    causes: v.record(v.string(), v.string()),
    start_time: v.number(),
    end_time: v.nullable(v.number()),
  })),
});

const AnswerSchema = v.object({
  call_id: v.string(),
  relays: v.array(v.object({ relay: v.string(), answer: v.string() })),
  sessions: v.array(ExplanationSchema),
});

/** One session. */
export type Explanation = v.InferOutput<typeof ExplanationSchema>;
/** One stream of it. */
export type StreamExplanation = v.InferOutput<typeof Stream>;
/** One party of a stream. */
export type PartyExplanation = v.InferOutput<typeof Party>;
/** A dispatcher's answer to `explain`: what each relay said (`known`, `unknown`, or why it said nothing), and the sessions. */
export type ExplainAnswer = v.InferOutput<typeof AnswerSchema>;

/**
 * Decodes a dispatcher's answer to `explain`.
 * @throws ControlSyntaxError if it is not one.
 */
export function decodeExplainAnswer(json: string): ExplainAnswer {
  const { success, output } = v.safeParse(AnswerSchema, parseJson(json));
  if (!success) throw new ControlSyntaxError(`Cannot parse ${JSON.stringify(json.slice(0, 80))} as an explanation`);
  return output;
}
