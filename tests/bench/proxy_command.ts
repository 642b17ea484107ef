/** `bench proxy`: calls through the proxy, beside Kamailio with the like configuration, and what they leave in memory. @module */
import { table } from "../../src/ctl/table.ts";
import { UsageError } from "../../src/config/mod.ts";
import {
  type CallMemoryResult,
  growthPerCall,
  measureCallMemory,
  type MemorySample,
  steadyBytes,
} from "./proxy/call_memory.ts";
import type { ProgramMemory, ProgramName } from "./proxy/bench_line.ts";
import {
  type CallRateResult,
  type CallRatesResult,
  cpuRatio,
  measureCallRates,
  type ProxyResult,
} from "./proxy/call_rates.ts";
import { hasKamailio, KAMAILIO, startKamailio } from "./proxy/kamailio.ts";
import { OURS, startOurs } from "./proxy/ours.ts";
import { type Module, MODULES, type StartProxySubject } from "./proxy/subject.ts";
import { mean, median, numberText, print, type Target, targetsText } from "./support/figures.ts";
import { type BenchFlags, parseBenchFlags } from "./support/flags.ts";
import { noiseText } from "./support/system.ts";

export const PROXY_FLAGS = {
  module: { kind: "words", fallback: MODULES, help: "how media relays come in" },
  subjects: { kind: "words", fallback: ["kamailio", "ours"], help: "what is measured" },
  rates: { kind: "numbers", fallback: [250, 500, 1000, 2000], help: "calls/s, rising" },
  rounds: { kind: "number", fallback: 2, help: "how often all rates are gone through; medians count" },
  seconds: { kind: "number", fallback: 2, help: "how long calls are offered at a rate" },
  drain: { kind: "boolean", help: "wait until the last transactions expire, and count that too" },
  calls: { kind: "number", fallback: 0, help: "instead of rates: memory over so many calls, such as 50000" },
  "memory-rate": { kind: "number", fallback: 500, help: "calls/s for the memory" },
  quick: { kind: "boolean", help: "low rates, one round, a second each: to see that it works" },
  json: { kind: "boolean", help: "print one JSON object" },
} as const satisfies BenchFlags;

const QUICK = { rates: [100, 300], rounds: 1, seconds: 1 };

/** The proxy's CPU time for a call, in Kamailio's. */
const WANTED_RATIO = 1.5;
/** Less than what the smallest forgotten object of each call would take; a forgotten transaction is some kilobytes. */
const WANTED_GROWTH_BYTES = 32;
/** What the number of calls that happen to be up when it is looked at makes of it. */
const WANTED_STEADINESS = 1.05;

const STARTS: Readonly<Record<string, StartProxySubject>> = { kamailio: startKamailio, ours: startOurs };

/** Runs the benchmark; returns the exit code, 1 if calls failed at the lowest rate or while memory was looked at. */
export async function benchProxy(args: readonly string[]): Promise<number> {
  const flags = parseBenchFlags(args, PROXY_FLAGS, QUICK);
  if (flags.rounds === 0 || flags.seconds === 0) throw new UsageError("Flags --rounds and --seconds need at least 1");
  if (flags.rates.includes(0) || flags["memory-rate"] === 0) throw new UsageError("A rate needs at least 1 call/s");
  const subjects = flags.subjects.filter((name) => name !== "kamailio" || hasKamailio()).map((name) => STARTS[name]!);
  const modules = flags.module as readonly Module[];
  if (flags.calls > 0) {
    const results: CallMemoryResult[] = [];
    for (const module of modules) {
      for (const start of subjects) {
        results.push(
          await measureCallMemory(start, { module, calls: flags.calls, callsPerSecond: flags["memory-rate"] }),
        );
      }
    }
    return printMemory(results, flags.json);
  }
  const results: CallRatesResult[] = [];
  for (const module of modules) {
    const { rates: callsPerSecond, rounds, seconds, drain } = flags;
    results.push(await measureCallRates({ module, subjects, callsPerSecond, rounds, seconds, drain }));
  }
  return printRates(results, flags.rates, flags.json);
}

interface RateRow extends CallRateResult {
  readonly ratio: number;
}

function printRates(results: readonly CallRatesResult[], callsPerSecond: readonly number[], json: boolean): number {
  const foreignCores = mean(results.map((result) => result.foreignCores));
  const subjects = results.flatMap((result) => result.subjects);
  const rows = results.flatMap(({ rates }) => rates).map((rate, _, rates): RateRow => ({
    ...rate,
    ratio: rate.subject === OURS ? cpuRatio(rates, rate, OURS, KAMAILIO) : NaN,
  }));
  const targets = ratioTargets(rows);
  const code = rows.some((row) => row.callsPerSecond === callsPerSecond[0] && row.failed > 0) ? 1 : 0;
  if (json) {
    print(JSON.stringify({ rates: rows, subjects, foreignCores, targets }));
    return code;
  }
  print(
    `Record-routed calls of INVITE, 180, 200, ACK, BYE, 200 with SDP, UDP. Kamailio has two workers. CPU time is user ` +
      `and system of all processes. ${noiseText(foreignCores)}\n`,
  );
  print(`${rateTable(rows)}\n`);
  print(`${subjectTable(subjects)}\n`);
  if (!hasKamailio()) print(`ours / ${KAMAILIO}: not measured, it is not installed (scripts/install_peers.sh)\n`);
  print(targetsText(targets));
  return code;
}

/** One for each module that both have carried without a failure at some rate. */
function ratioTargets(rows: readonly RateRow[]): Target[] {
  return MODULES.flatMap((module): Target[] => {
    const ratios = rows.filter((row) => row.module === module && !Number.isNaN(row.ratio)).map(({ ratio }) => ratio);
    if (ratios.length === 0) return [];
    const reached = median(ratios);
    const text =
      `module ${module}: ${numberText(reached, 2)} times ${KAMAILIO}'s CPU time for a call, median of the rates ` +
      `without failures and retransmissions; wanted: at most ${WANTED_RATIO}`;
    return [{ text, reached, met: reached <= WANTED_RATIO }];
  });
}

function rateTable(rows: readonly RateRow[]): string {
  const count = (title: string, key: "offered" | "completed" | "failed" | "retransmissions" | "unexpected") => ({
    title,
    align: "right" as const,
    text: (row: RateRow) => numberText(row[key]),
  });
  const micros = (title: string, key: keyof RateRow["cpuMicros"]) => ({
    title,
    align: "right" as const,
    text: (row: RateRow) => numberText(row.cpuMicros[key]),
  });
  return table(rows, [
    { title: "MODULE", text: ({ module }) => module },
    { title: "CALLS/S", align: "right", text: (row) => numberText(row.callsPerSecond) },
    { title: "SUBJECT", text: ({ subject }) => subject },
    count("OFFERED", "offered"),
    count("COMPLETED", "completed"),
    count("FAILED", "failed"),
    count("RETRANSMITTED", "retransmissions"),
    count("UNEXPECTED", "unexpected"),
    { title: "SET-UP ms", align: "right", text: ({ setUpMs }) => numberText(setUpMs) },
    micros("CPU us/CALL: PROXY", "proxy"),
    { title: `/ ${KAMAILIO}`, align: "right", text: ({ ratio }) => numberText(ratio, 2) },
    micros("DISPATCHER", "dispatcher"),
    micros("RELAY", "relay"),
  ]);
}

function subjectTable(subjects: readonly ProxyResult[]): string {
  return table(subjects, [
    { title: "MODULE", text: ({ module }) => module },
    { title: "SUBJECT", text: ({ subject }) => subject },
    {
      title: "CALLS/S WITHOUT FAILURE UP TO",
      align: "right",
      text: ({ flawlessPerSecond: rate }) => rate === 0 ? "none" : numberText(rate),
    },
    {
      title: "CPU us/CALL, EXPIRY AND IDLE TIMES INCLUDED",
      align: "right",
      text: ({ allInMicros }) => numberText(allInMicros),
    },
  ]);
}

function printMemory(results: readonly CallMemoryResult[], json: boolean): number {
  const targets = results.filter(({ subject }) => subject === OURS).flatMap((result) =>
    programsOf(result).flatMap((name) => [growthTarget(result, name), steadinessTarget(result, name)])
  );
  const code = results.some(({ failed }) => failed > 0) ? 1 : 0;
  if (json) {
    print(JSON.stringify({ results, targets }));
    return code;
  }
  print("Heap after a full collection, resident memory after that. At rest: nothing is left to expire.\n");
  print(`${memoryTable(results.flatMap(memoryRows))}\n`);
  for (const result of results) {
    const { module, subject, failed } = result;
    const growth = numberText(growthPerCall(result, "proxy"), 1);
    print(`module ${module}, ${subject}: ${growth} bytes a call left behind at rest; ${failed} calls failed`);
  }
  print(`\n${targetsText(targets)}`);
  return code;
}

function programsOf({ rest: [before] }: CallMemoryResult): ProgramName[] {
  return Object.keys(before.programs) as ProgramName[];
}

function growthTarget(result: CallMemoryResult, name: ProgramName): Target {
  const reached = growthPerCall(result, name);
  const text = `module ${result.module}, ${name}: ${numberText(reached, 1)} bytes of heap left behind by each of ` +
    `${numberText(result.rest[1].calls)} calls; wanted: no growth, under ${WANTED_GROWTH_BYTES}`;
  return { text, reached, met: reached < WANTED_GROWTH_BYTES };
}

function steadinessTarget(result: CallMemoryResult, name: ProgramName): Target {
  const [most, last] = steadyBytes(result, name);
  const reached = last / most;
  const text =
    `module ${result.module}, ${name}: under load, while transactions expire as fast as they come, the heap has ` +
    `up to ${megabytes(most)} MB, and ${
      megabytes(last)
    } MB at last; wanted: at most ${WANTED_STEADINESS} times the most`;
  return { text, reached, met: reached <= WANTED_STEADINESS };
}

interface MemoryRow extends MemorySample {
  readonly module: Module;
  readonly subject: string;
  readonly isRest: boolean;
}

function memoryRows({ module, subject, samples, rest: [before, after] }: CallMemoryResult): MemoryRow[] {
  const row = (sample: MemorySample, isRest: boolean) => ({ ...sample, module, subject, isRest });
  return [row(before, true), ...samples.map((sample) => row(sample, false)), row(after, true)];
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "-" : numberText(bytes / 1024 ** 2, 1);
}

function memoryTable(rows: readonly MemoryRow[]): string {
  const column = (title: string, name: ProgramName, key: keyof ProgramMemory) => ({
    title,
    align: "right" as const,
    text: ({ programs }: MemoryRow) => megabytes(programs[name]?.[key]),
  });
  return table(rows, [
    { title: "MODULE", text: ({ module }) => module },
    { title: "SUBJECT", text: ({ subject }) => subject },
    { title: "CALLS", align: "right", text: ({ calls }) => numberText(calls) },
    { title: "STATE", text: ({ isRest }) => isRest ? "at rest" : "under load" },
    column("PROXY: HEAP MB", "proxy", "heapBytes"),
    column("RESIDENT", "proxy", "residentBytes"),
    column("DISPATCHER: HEAP MB", "dispatcher", "heapBytes"),
    column("RESIDENT", "dispatcher", "residentBytes"),
    column("RELAY: HEAP MB", "relay", "heapBytes"),
    column("RESIDENT", "relay", "residentBytes"),
  ]);
}
