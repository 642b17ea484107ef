/**
 * The original's output beside ours. What must differ from run to run is normalised: ports (a consistent one-to-one
 * mapping, all even), instants, rates. What else differs is a `Difference`.
 * @module
 */
import type { EndedSession } from "../../src/control/statistics.ts";
import type { EndDialogRequest } from "../../src/dispatcher/end_dialog.ts";

export interface Difference {
  /** What was compared: `answer 1`, `statistics 1 streams.0.status` ... */
  readonly where: string;
  readonly theirs: string;
  readonly ours: string;
}

/** Durations are whole seconds, and each of us looks at the clock when it suits. */
const SECONDS_TOLERANCE = 1;
const TIMES = new Set(["start_time", "end_time", "duration"]);
/** How much later or earlier the first packet may be, in seconds. */
const DELAY_TOLERANCE = 0.05;
const PORTS = /^[0-9a-f.:]+( \d+)+$/;
const LOCAL_ADDRESS = /^(.+):(\d+)$/;
/** What ours says beyond the original (`src/control/statistics.ts`). */
const ADDITIONS = new Set([
  "dialog_id",
  "own",
  "carried_by",
  "kernel_packets",
  "dropped",
  "caller_quality",
  "callee_quality",
  "problems",
  "problem_count",
  "kernel",
  "kernel_stream_count",
  "port_range",
  "refused",
  "capabilities",
  "all_streams_ice",
]);
/** Differ from run to run. */
const VOLATILE = new Set(["uptime", "bps_relayed"]);
/** The original left these to the kernel, which counted nothing; what ours must be is up to the test. */
const COUNTERS = new Set(["caller_bytes", "callee_bytes", "caller_packets", "callee_packets"]);

export class Comparison {
  readonly differences: Difference[] = [];
  readonly #oursByTheirs = new Map<number, number>();
  readonly #theirsByOurs = new Map<number, number>();

  /** The lines that answer a request; `where` names it. */
  answers(where: string, theirs: readonly string[], ours: readonly string[]): void {
    if (theirs.length !== ours.length) return this.#differ(where, theirs.join(" | "), ours.join(" | "));
    theirs.forEach((answer, index) => {
      const mine = ours[index]!;
      if (PORTS.test(answer) && PORTS.test(mine)) this.#ports(where, answer, mine);
      else if (/^[[{]/.test(answer) && /^[[{]/.test(mine)) this.#values(where, JSON.parse(answer), JSON.parse(mine));
      else this.#value(where, answer, mine);
    });
  }

  /** What went to accounting, in order; what only one of us has stands at the end. */
  statistics(theirs: readonly unknown[], ours: readonly EndedSession[]): void {
    const left = [...ours];
    const unmatched = theirs.filter((their) => {
      const index = left.findIndex((mine) => summaryOf(mine) === summaryOf(their));
      if (index >= 0) this.#values(`statistics of ${left[index]!.call_id}`, their, left.splice(index, 1)[0]);
      return index < 0;
    });
    for (let index = 0; index < Math.max(unmatched.length, left.length); index++) {
      const [their, mine] = [unmatched[index], left[index]];
      const where = `statistics of ${mine?.call_id ?? (their as { call_id: string }).call_id}`;
      if (their === undefined || mine === undefined) this.#differ(where, summaryOf(their), summaryOf(mine));
      else this.#values(where, their, mine);
    }
  }

  endedDialogs(theirs: readonly string[], ours: readonly EndDialogRequest[]): void {
    for (let index = 0; index < Math.max(theirs.length, ours.length); index++) {
      const [their, mine] = [theirs[index], ours[index]?.json].map((json) => {
        if (json === undefined) return "nothing";
        const { method, params } = JSON.parse(json);
        return `${method} ${JSON.stringify(params)}`;
      });
      this.#value(`ended dialog ${index + 1}`, their!, mine!);
    }
  }

  #ports(where: string, theirs: string, ours: string): void {
    const [[theirAddress, ...theirPorts], [ourAddress, ...ourPorts]] = [theirs.split(" "), ours.split(" ")];
    const same = theirAddress === ourAddress && theirPorts.length === ourPorts.length &&
      theirPorts.every((port, index) => this.#samePort(Number(port), Number(ourPorts[index])));
    if (!same) this.#differ(where, theirs, ours);
  }

  /** Whether `ours` stands wherever `theirs` does, and nowhere else. */
  #samePort(theirs: number, ours: number): boolean {
    if (theirs === 0 || ours === 0) return theirs === ours;
    if (ours % 2 !== 0) return false;
    if (!this.#oursByTheirs.has(theirs) && !this.#theirsByOurs.has(ours)) {
      this.#oursByTheirs.set(theirs, ours);
      this.#theirsByOurs.set(ours, theirs);
    }
    return this.#oursByTheirs.get(theirs) === ours;
  }

  #values(where: string, theirs: unknown, ours: unknown): void {
    if (Array.isArray(theirs) && Array.isArray(ours)) return this.#lists(where, theirs, ours);
    if (!isRecord(theirs) || !isRecord(ours)) return this.#value(where, theirs, ours);
    for (const key of Object.keys(ours)) {
      if (!(key in theirs) && !ADDITIONS.has(key)) this.#differ(`${where} ${key}`, "absent", show(ours[key]));
    }
    for (const [key, value] of Object.entries(theirs)) this.#field(`${where} ${key}`, key, value, ours[key]);
  }

  #lists(where: string, theirs: unknown[], ours: unknown[]): void {
    if (theirs.length !== ours.length) return this.#differ(where, summaryOf(theirs), summaryOf(ours));
    const [theirOrder, ourOrder] = [theirs, ours].map((list) => list.map(streamKey).join(", "));
    this.#value(where, theirOrder, ourOrder);
    const sorted = (list: unknown[]) => list.toSorted((a, b) => streamSortKey(a) < streamSortKey(b) ? -1 : 1);
    const mine = sorted(ours);
    sorted(theirs).forEach((value, index) => this.#values(`${where} ${index}`, value, mine[index]));
  }

  #field(where: string, key: string, theirs: unknown, ours: unknown): void {
    if (typeof theirs === "number" && typeof ours === "number") {
      if (VOLATILE.has(key) || COUNTERS.has(key)) return;
      if (key === "post_dial_delay") return this.#near(where, theirs, ours, DELAY_TOLERANCE);
      if (key === "start_time" && theirs > 1e9 && ours > 1e9) return; // an instant; that of a stream is relative
      if (TIMES.has(key)) return this.#near(where, theirs, ours, SECONDS_TOLERANCE);
    }
    if (key.endsWith("_local")) return this.#local(where, String(theirs), String(ours));
    this.#values(where, theirs, ours);
  }

  #near(where: string, theirs: number, ours: number, tolerance: number): void {
    if (Math.abs(theirs - ours) > tolerance) this.#differ(where, show(theirs), show(ours));
  }

  #local(where: string, theirs: string, ours: string): void {
    const [their, mine] = [LOCAL_ADDRESS.exec(theirs), LOCAL_ADDRESS.exec(ours)];
    if (their === null || mine === null) return this.#value(where, theirs, ours);
    const same = their[1] === mine[1] && this.#samePort(Number(their[2]), Number(mine[2]));
    if (!same) this.#differ(where, theirs, ours);
  }

  #value(where: string, theirs: unknown, ours: unknown): void {
    if (show(theirs) !== show(ours)) this.#differ(where, show(theirs), show(ours));
  }

  #differ(where: string, theirs: string, ours: string): void {
    this.differences.push({ where, theirs, ours });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "absent";
}

/** A stream in short; "" for what is no stream. */
function streamKey(value: unknown): string {
  return isRecord(value) && "media_type" in value ? `${value.media_type} ${value.status}` : "";
}

/** What tells the streams of a call apart in either's statistics. */
function streamSortKey(value: unknown): string {
  return isRecord(value) && "media_type" in value ? `${streamKey(value)} ${value.end_time}` : "";
}

function summaryOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return value.map(summaryOf).join(", ") || "none";
  if (!isRecord(value)) return show(value);
  if (!("from_tag" in value)) return streamKey(value);
  return `${value.call_id} from ${value.from_tag}: ${summaryOf(value.streams)}`;
}
