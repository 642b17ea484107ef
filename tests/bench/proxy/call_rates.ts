/** Rising rates of calls through each subject in turn. @module */
import { mean, median, numberText, progress } from "../support/figures.ts";
import { BenchLine, type CpuMicros, type LineRun } from "./bench_line.ts";
import type { Module, StartProxySubject } from "./subject.ts";

export interface CallRatesOptions {
  readonly module: Module;
  readonly subjects: readonly StartProxySubject[];
  readonly callsPerSecond: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  /** Whether to wait until what calls leave behind has expired, for `allInMicros`. */
  readonly drain: boolean;
}

/** One subject at one rate: sums over the rounds, and medians. */
export interface CallRateResult {
  readonly module: Module;
  readonly subject: string;
  /** Asked for. */
  readonly callsPerSecond: number;
  readonly offered: number;
  readonly completed: number;
  readonly failed: number;
  readonly retransmissions: number;
  readonly unexpected: number;
  readonly setUpMs: number;
  /** For each completed call; NaN where there is no such program. */
  readonly cpuMicros: CpuMicros;
}

/** One subject at all rates. */
export interface ProxyResult {
  readonly module: Module;
  readonly subject: string;
  /** The highest rate up to which no call failed; 0 if there was none. */
  readonly flawlessPerSecond: number;
  /**
   * The proxy's CPU time for each completed call, of all that it used from the first call until nothing was left of the
   * last one, idle times included; NaN unless that was waited for.
   */
  readonly allInMicros: number;
}

export interface CallRatesResult {
  readonly rates: readonly CallRateResult[];
  readonly subjects: readonly ProxyResult[];
  /** Cores' worth of time that went to others. */
  readonly foreignCores: number;
}

interface Run extends LineRun {
  readonly subject: string;
  readonly callsPerSecond: number;
}

/** A subject that has failed so many calls is not driven any faster. */
const HOPELESS_SHARE = 0.1;
/** With more retransmissions than these for each call a subject was overloaded. */
const LATE_SHARE = 0.01;
/** Timers B, F, H and J of RFC 3261 §17 are 32 s. */
const DRAIN_MS = 34_000;

/** Measures. Subjects run side by side and are loaded in turn, so that noise meets all of them alike. */
export async function measureCallRates(options: CallRatesOptions): Promise<CallRatesResult> {
  const { module } = options;
  await using undo = new AsyncDisposableStack();
  const lines: BenchLine[] = [];
  for (const start of options.subjects) lines.push(undo.use(await BenchLine.start(start, module)));
  const before = lines.map((line) => line.cpu().proxy);
  const runs: Run[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    for (const callsPerSecond of options.callsPerSecond) {
      for (const line of lines) {
        if (isHopeless(runs, line.name, callsPerSecond)) continue;
        const run = await line.run({ callsPerSecond, calls: callsPerSecond * options.seconds });
        runs.push({ ...run, subject: line.name, callsPerSecond });
        report(module, `${round}/${options.rounds}`, runs.at(-1)!);
      }
    }
  }
  if (options.drain) {
    progress(`module ${module}: waiting for the last transactions to expire`);
    await new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
  }
  const rates = options.callsPerSecond.flatMap((callsPerSecond) =>
    lines.map(({ name }) => runs.filter((run) => run.subject === name && run.callsPerSecond === callsPerSecond))
      .filter((same) => same.length > 0).map((same) => summarized(module, same))
  );
  const subjects = lines.map((line, index): ProxyResult => {
    const completed = sum(runs.filter(({ subject }) => subject === line.name), (run) => run.completed);
    return {
      module,
      subject: line.name,
      flawlessPerSecond: flawlessPerSecond(rates.filter(({ subject }) => subject === line.name)),
      allInMicros: options.drain ? (line.cpu().proxy - before[index]!) / completed : NaN,
    };
  });
  return { rates, subjects, foreignCores: mean(runs.map((run) => run.foreignCores)) };
}

/**
 * How many times the CPU time of `reference` `subject` took for a call at this rate; NaN if either lost calls or was
 * late, because messages that come twice are more work.
 */
export function cpuRatio(
  rates: readonly CallRateResult[],
  { module, callsPerSecond }: { readonly module: Module; readonly callsPerSecond: number },
  subject: string,
  reference: string,
): number {
  const [own, other] = [subject, reference].map((name) =>
    rates.find((rate) => rate.subject === name && rate.module === module && rate.callsPerSecond === callsPerSecond)
  );
  if (own === undefined || other === undefined || isOverloaded(own) || isOverloaded(other)) return NaN;
  return own.cpuMicros.proxy / other.cpuMicros.proxy;
}

function isOverloaded({ failed, retransmissions, offered }: CallRateResult): boolean {
  return failed > 0 || retransmissions > offered * LATE_SHARE;
}

function isHopeless(runs: readonly Run[], name: string, callsPerSecond: number): boolean {
  return runs.some((run) =>
    run.subject === name && run.callsPerSecond <= callsPerSecond && run.failed > run.offered * HOPELESS_SHARE
  );
}

function report(module: Module, round: string, run: Run): void {
  const { subject, callsPerSecond, completed, offered, cpu, complaint } = run;
  progress(
    `module ${module}, round ${round}: ${subject} completes ${numberText(completed)} of ${
      numberText(offered)
    } calls at ` +
      `${numberText(callsPerSecond)}/s, ${numberText(cpu.proxy / completed)} us each`,
  );
  if (run.unexpected > 0) progress(`${run.unexpected} unexpected messages: ${complaint}`);
}

function summarized(module: Module, runs: readonly Run[]): CallRateResult {
  const [{ subject, callsPerSecond }] = runs as [Run];
  const micros = (key: keyof CpuMicros) => median(runs.map((run) => run.cpu[key] / run.completed));
  return {
    module,
    subject,
    callsPerSecond,
    offered: sum(runs, (run) => run.offered),
    completed: sum(runs, (run) => run.completed),
    failed: sum(runs, (run) => run.failed),
    retransmissions: sum(runs, (run) => run.retransmissions),
    unexpected: sum(runs, (run) => run.unexpected),
    setUpMs: median(runs.map((run) => run.setUpMs)),
    cpuMicros: { proxy: micros("proxy"), dispatcher: micros("dispatcher"), relay: micros("relay") },
  };
}

function flawlessPerSecond(rates: readonly CallRateResult[]): number {
  const firstFailing = Math.min(
    ...rates.filter(({ failed }) => failed > 0).map(({ callsPerSecond }) => callsPerSecond),
  );
  return Math.max(0, ...rates.map(({ callsPerSecond }) => callsPerSecond).filter((rate) => rate < firstFailing));
}

function sum(runs: readonly Run[], of: (run: Run) => number): number {
  return runs.reduce((total, run) => total + of(run), 0);
}
