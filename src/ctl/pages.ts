/** What `ctl` shows of the management port's answers. @module */
import * as v from "../deps/valibot.ts";
import { parseJson } from "../control/signaling_ip.ts";
import { bitRateText, durationText, table } from "./table.ts";

const Summary = v.looseObject({
  ip: v.string(),
  version: v.optional(v.string(), "?"),
  status: v.string(),
  uptime: v.optional(v.number(), 0),
  session_count: v.optional(v.number(), 0),
  stream_count: v.optional(v.record(v.string(), v.number()), {}),
  bps_relayed: v.optional(v.number(), 0),
  problem_count: v.optional(v.number(), 0),
  kernel_stream_count: v.optional(v.number(), 0),
});

const Quality = v.nullish(v.looseObject({
  loss_percent: v.number(),
  jitter_ms: v.nullable(v.number()),
  mos: v.nullable(v.number()),
}));

const Problem = v.looseObject({ stream: v.number(), kind: v.string(), end_time: v.nullable(v.number()) });

const Session = v.looseObject({
  call_id: v.string(),
  from_uri: v.string(),
  to_uri: v.string(),
  duration: v.number(),
  streams: v.array(v.looseObject({
    media_type: v.string(),
    status: v.string(),
    caller_codec: v.string(),
    caller_packets: v.number(),
    callee_packets: v.number(),
    caller_remote: v.string(),
    callee_remote: v.string(),
    caller_quality: Quality,
    callee_quality: Quality,
  })),
  problems: v.optional(v.array(Problem), []),
});

/** The answer is not what a dispatcher says. */
export class AnswerError extends Error {
  override name = "AnswerError";
}

/** The relays, one a line. */
export function summaryPage(json: string): string {
  const relays = parsed(v.array(Summary), json);
  if (relays.length === 0) {
    return "No relay is connected: check the relays' logs for why they cannot reach this dispatcher.";
  }
  return table(relays, [
    { title: "RELAY", text: ({ ip }) => ip },
    { title: "STATUS", text: ({ status }) => status },
    { title: "VERSION", text: ({ version }) => version },
    { title: "UP", align: "right", text: ({ uptime }) => durationText(uptime) },
    { title: "SESSIONS", align: "right", text: (relay) => String(relay.session_count) },
    {
      title: "STREAMS",
      text: (relay) => Object.entries(relay.stream_count).map(([type, count]) => `${count} ${type}`).join(", ") || "-",
    },
    { title: "IN KERNEL", align: "right", text: (relay) => String(relay.kernel_stream_count) },
    { title: "PROBLEMS", align: "right", text: (relay) => String(relay.problem_count) },
    { title: "RELAYED", align: "right", text: (relay) => bitRateText(relay.bps_relayed) },
  ]);
}

/** The calls, one stream a line. Loss, jitter and MOS are those of what the party sent. */
export function sessionsPage(json: string): string {
  const sessions = parsed(v.array(Session), json);
  if (sessions.length === 0) return "No calls are up.";
  const rows = sessions.flatMap((session) => {
    const streams: (typeof session.streams[number] | undefined)[] = session.streams;
    return (streams.length === 0 ? [undefined] : streams).map((stream, index) => ({
      session,
      stream,
      problem: session.problems.find((problem) => problem.stream === index && problem.end_time === null),
    }));
  });
  return table(rows, [
    { title: "CALL-ID", text: ({ session }) => session.call_id },
    { title: "FROM", text: ({ session }) => session.from_uri },
    { title: "TO", text: ({ session }) => session.to_uri },
    { title: "TIME", align: "right", text: ({ session }) => durationText(session.duration) },
    { title: "STREAM", text: ({ stream }) => stream?.media_type ?? "-" },
    { title: "STATUS", text: ({ stream, problem }) => problem?.kind ?? stream?.status ?? "not answered" },
    { title: "CODEC", text: ({ stream }) => stream?.caller_codec ?? "-" },
    { title: "CALLER AT", text: ({ stream }) => stream?.caller_remote ?? "-" },
    { title: "PACKETS", align: "right", text: ({ stream }) => String(stream?.caller_packets ?? "-") },
    { title: "LOSS JITTER MOS", text: ({ stream }) => qualityText(stream?.caller_quality) },
    { title: "CALLEE AT", text: ({ stream }) => stream?.callee_remote ?? "-" },
    { title: "PACKETS", align: "right", text: ({ stream }) => String(stream?.callee_packets ?? "-") },
    { title: "LOSS JITTER MOS", text: ({ stream }) => qualityText(stream?.callee_quality) },
  ]);
}

function qualityText(quality: v.InferOutput<typeof Quality>): string {
  if (quality === null || quality === undefined) return "-";
  const jitter = quality.jitter_ms === null ? "-" : `${quality.jitter_ms.toFixed(0)}ms`;
  return `${quality.loss_percent.toFixed(1)}% ${jitter} ${quality.mos?.toFixed(1) ?? "-"}`;
}

function parsed<S extends v.GenericSchema>(schema: S, json: string): v.InferOutput<S> {
  const { success, output } = v.safeParse(schema, parseJson(json));
  if (!success) throw new AnswerError(`The dispatcher's answer is not understood: ${json.slice(0, 80)}`);
  return output;
}
