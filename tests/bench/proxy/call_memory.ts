/** Whether a proxy's memory grows with the calls that have gone through it. @module */
import { numberText, progress } from "../support/figures.ts";
import { BenchLine } from "./bench_line.ts";
import type { Module, StartProxySubject } from "./subject.ts";

export interface CallMemoryOptions {
  readonly module: Module;
  readonly calls: number;
  readonly callsPerSecond: number;
}

/** Memory after so many calls. */
export interface MemorySample {
  readonly calls: number;
  readonly residentBytes: number;
  /** V8's heap after a full collection; undefined if there is none. */
  readonly heapBytes: number | undefined;
}

/** One subject. */
export interface CallMemoryResult {
  readonly module: Module;
  readonly subject: string;
  readonly failed: number;
  /** While calls go on; transactions that have not expired yet are in them. */
  readonly samples: readonly MemorySample[];
  /** Before the first call and after the last one, with nothing left to expire. */
  readonly rest: readonly [MemorySample, MemorySample];
}

const STEP_CALLS = 5000;
/** Timers B, F, H and J of RFC 3261 §17 are 32 s; what they end is swept now and then. */
const DRAIN_MS = 40_000;

/** Measures one subject alone, at a steady rate. */
export async function measureCallMemory(
  start: StartProxySubject,
  { module, calls, callsPerSecond }: CallMemoryOptions,
): Promise<CallMemoryResult> {
  await using line = await BenchLine.start(start, module, true);
  progress(`module ${module}: ${line.name} comes to rest`);
  const before = await rested(line, 0);
  const samples: MemorySample[] = [];
  let failed = 0;
  for (let done = 0; done < calls;) {
    const step = Math.min(STEP_CALLS, calls - done);
    failed += (await line.run({ callsPerSecond, calls: step })).failed;
    done += step;
    samples.push(await sample(line, done));
    progress(`module ${module}: ${line.name} after ${numberText(done)} calls`);
  }
  return { module, subject: line.name, failed, samples, rest: [before, await rested(line, calls)] };
}

/** How many bytes each call has left behind, of V8's heap or, where there is none, of resident memory. */
export function growthPerCall({ rest: [before, after] }: CallMemoryResult): number {
  const calls = after.calls - before.calls;
  if (before.heapBytes === undefined || after.heapBytes === undefined) {
    return (after.residentBytes - before.residentBytes) / calls;
  }
  return (after.heapBytes - before.heapBytes) / calls;
}

/** The slope of resident memory over the second half of the calls, in bytes for each, by least squares. */
export function residentSlope({ samples }: CallMemoryResult): number {
  const half = samples.slice(Math.floor(samples.length / 2));
  const middle = (of: (sample: MemorySample) => number) => half.reduce((sum, it) => sum + of(it), 0) / half.length;
  const [calls, bytes] = [middle((it) => it.calls), middle((it) => it.residentBytes)];
  const spread = half.reduce((sum, it) => sum + (it.calls - calls) ** 2, 0);
  return half.reduce((sum, it) => sum + (it.calls - calls) * (it.residentBytes - bytes), 0) / spread;
}

async function rested(line: BenchLine, calls: number): Promise<MemorySample> {
  await new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
  return await sample(line, calls);
}

/** The heap comes first: resident memory is looked at when the garbage is gone. */
async function sample(line: BenchLine, calls: number): Promise<MemorySample> {
  const heapBytes = await line.collectedHeapBytes();
  return { calls, residentBytes: line.residentBytes(), heapBytes };
}
