/** One answer from those of all workers. @module */
import type { RelaySummary, SessionStatistics } from "../../src/control/statistics.ts";

/** What the main isolate knows better than its workers. */
export type OwnSummary = Required<
  Pick<RelaySummary, "status" | "uptime" | "session_count" | "port_range" | "refused" | "kernel">
>;

/** The workers' summaries added up, and `own` instead of what each says of itself; what either refused counts. `error` if none said anything. */
export function mergedSummary(answers: readonly string[], own: OwnSummary): string {
  const summaries = answers.map((text) => JSON.parse(text) as RelaySummary);
  const [first] = summaries;
  if (first === undefined) return "error";
  const sum = (key: "bps_relayed" | "problem_count" | "kernel_stream_count") =>
    summaries.reduce((total, it) => total + (it[key] ?? 0), 0);
  return JSON.stringify({
    ...first,
    ...own,
    "stream_count": added(summaries.map(({ stream_count: counts }) => counts)),
    "refused": added([own.refused, ...summaries.map(({ refused }) => refused ?? {})]),
    "bps_relayed": sum("bps_relayed"),
    "problem_count": sum("problem_count"),
    "kernel_stream_count": sum("kernel_stream_count"),
  });
}

function added(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, count] of counts.flatMap((it) => Object.entries(it))) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

/** The workers' lists of sessions as one, with `others` at its end. */
export function mergedSessions(answers: readonly string[], others: readonly SessionStatistics[]): string {
  return mergedLists([...answers, JSON.stringify(others)]);
}

/** Lists in JSON as one. */
export function mergedLists(answers: readonly string[]): string {
  // They may have megabytes: they are joined as they are, without being parsed.
  return `[${answers.map((text) => text.slice(1, -1)).filter((text) => text !== "").join(",")}]`;
}
