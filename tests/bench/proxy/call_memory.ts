/** Whether the memory of a proxy, and of a dispatcher and a relay with it, grows with the calls that have gone through. @module */
import { numberText, progress } from "../support/figures.ts";
import { BenchLine, type ProgramMemory, type ProgramName } from "./bench_line.ts";
import type { Module, StartProxySubject } from "./subject.ts";

export interface CallMemoryOptions {
  readonly module: Module;
  readonly calls: number;
  readonly callsPerSecond: number;
}

/** Memory after so many calls. */
export interface MemorySample {
  readonly calls: number;
  /** Without the module there is a proxy only. */
  readonly programs: Readonly<Partial<Record<ProgramName, ProgramMemory>>>;
}

/** One subject. */
export interface CallMemoryResult {
  readonly module: Module;
  readonly subject: string;
  readonly callsPerSecond: number;
  readonly failed: number;
  /** While calls go on; transactions that have not expired yet are in them. */
  readonly samples: readonly MemorySample[];
  /** Before the first call and after the last one, with nothing left to expire. */
  readonly rest: readonly [MemorySample, MemorySample];
}

const STEPS = 5;
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
  for (let step = 1, done = 0; step <= STEPS; step++) {
    const until = Math.round(calls * step / STEPS);
    failed += (await line.run({ callsPerSecond, calls: until - done })).failed;
    done = until;
    samples.push(await sample(line, done));
    progress(`module ${module}: ${line.name} after ${numberText(done)} calls`);
  }
  const rest = [before, await rested(line, calls)] as const;
  return { module, subject: line.name, callsPerSecond, failed, samples, rest };
}

/** How many bytes each call has left behind in a program at rest: of V8's heap or, where there is none, of resident memory. */
export function growthPerCall({ rest: [before, after] }: CallMemoryResult, name: ProgramName): number {
  return (bytesOf(after, name) - bytesOf(before, name)) / (after.calls - before.calls);
}

/**
 * The memory under load at last, and the most that it was before, since there were as many unexpired transactions as there
 * will ever be; NaN if there were too few calls for that. It goes up and down with what V8 has not swept; what leaks only
 * goes up.
 */
export function steadyBytes({ samples, callsPerSecond }: CallMemoryResult, name: ProgramName): [number, number] {
  const full = samples.filter(({ calls }) => calls >= callsPerSecond * DRAIN_MS / 1000);
  const bytes = full.map((sample) => bytesOf(sample, name));
  return full.length < 2 ? [NaN, NaN] : [Math.max(...bytes.slice(0, -1)), bytes.at(-1)!];
}

function bytesOf({ programs }: MemorySample, name: ProgramName): number {
  const memory = programs[name];
  return memory?.heapBytes ?? memory?.residentBytes ?? NaN;
}

async function rested(line: BenchLine, calls: number): Promise<MemorySample> {
  await new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
  return await sample(line, calls);
}

async function sample(line: BenchLine, calls: number): Promise<MemorySample> {
  return { calls, programs: await line.memory() };
}
