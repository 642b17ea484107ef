/** `bench relay`: packets through the relay, beside the bare loop and rtpengine, and what sessions cost in memory. @module */
import { table } from "../../src/ctl/table.ts";
import { UsageError } from "../../src/config/mod.ts";
import { PROBED_CALLS } from "./generator/messages.ts";
import { KERNEL, KERNEL_MANY, type KernelBench, type KernelBenchResult, measureKernel, PLAIN } from "./kernel.ts";
import { measureMemory, type MemoryResult } from "./memory.ts";
import {
  carriedRatio,
  delaysAtHalfLoad,
  LOSSLESS,
  losslessRatio,
  measureRates,
  type RateResult,
  type RatesResult,
  type SubjectResult,
} from "./rates.ts";
import { measureSaturation, type SaturationResult } from "./saturation.ts";
import { MAX_STREAMS, measureStreams, streamsTable, streamsTargets } from "./streams.ts";
import { BARE_LOOP, startBareLoop } from "./subjects/bare.ts";
import { RELAY, relayName, startRelay, startRelayWith } from "./subjects/relay.ts";
import { hasRtpengine, RTPENGINE, startRtpengine, startRtpengineWith } from "./subjects/rtpengine.ts";
import type { StartSubject } from "./subjects/subject.ts";
import { median, numberText, print, type Target, targetsText } from "./support/figures.ts";
import { type BenchFlags, parseBenchFlags } from "./support/flags.ts";
import { type Cores, noiseText, separateCores } from "./support/system.ts";

export const RELAY_FLAGS = {
  calls: { kind: "number", fallback: 50, help: "calls that are up at the same time" },
  rates: {
    kind: "numbers",
    fallback: [10_000, 20_000, 40_000, 50_000, 60_000, 70_000, 80_000, 90_000, 100_000, 120_000, 140_000],
    help: "packets/s, both ways together, rising",
  },
  rounds: { kind: "number", fallback: 3, help: "how often all rates are gone through; medians count" },
  seconds: { kind: "number", fallback: 2, help: "how long a rate is observed" },
  sessions: { kind: "numbers", fallback: [0, 500, 2000], help: "sessions for the memory, from 0 up" },
  streams: { kind: "number", fallback: 4500, help: "streams at the same time, of four sockets each" },
  parts: {
    kind: "words",
    fallback: ["rates", "workers", "saturation", "memory", "streams"],
    more: ["kernel"],
    help:
      "what is measured: one core; all cores; updates while all are busy; memory; many streams; kernel (needs root)",
  },
  quick: { kind: "boolean", help: "few rates, one round, a second each: to see that it works" },
  json: { kind: "boolean", help: "print one JSON object" },
} as const satisfies BenchFlags;

const QUICK = { rates: [10_000, 50_000, 80_000, 120_000], rounds: 1, seconds: 1, sessions: [0, 500], streams: 500 };

/** Carried packets/s, as a share of the bare loop's. */
const WANTED_RATIO = 0.9;
/** The delay of the slowest hundredth at half load, as a share of the bare loop's: no more, as far as can be measured. */
const WANTED_DELAY_RATIO = 1.1;
/** CPU time of a packet with all workers, as a share of that with one. */
const WANTED_CPU_RATIO = 1.1;
/** For each worker. Far from what one carries: the generator is on the same cores, so more says little. */
const WORKER_RATES = [20_000, 30_000, 40_000];
const SATURATION_MS = 5000;
const WANTED_UPDATE_MS = 20;
/** What the kernel path carries, as a share of plain routing, and the relay's part of a core meanwhile. */
const WANTED_OF_PLAIN = 0.95;
const WANTED_CORES = 0.01;
/** Memory of a session with one stream, beyond its sockets. */
const WANTED_SESSION_BYTES = 12 * 1024;

type StartArguments = Parameters<StartSubject>;

interface WorkersFlags {
  readonly calls: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly quick?: boolean;
}

const LOSS_TEXT = `${numberText(LOSSLESS * 100, 1)} % loss`;

/** Runs the benchmark; returns the exit code. */
export async function benchRelay(args: readonly string[]): Promise<number> {
  const flags = parseBenchFlags(args, RELAY_FLAGS, QUICK);
  checkFlags(flags);
  const cores = separateCores();
  const rates = flags.parts.includes("rates")
    ? await measureRates({
      calls: flags.calls,
      packetsPerSecond: flags.rates,
      rounds: flags.rounds,
      windowMs: flags.seconds * 1000,
      cores,
      subjects: [startRelay, startBareLoop, ...hasRtpengine() ? [startRtpengine] : []],
    })
    : undefined;
  const workers = flags.parts.includes("workers") ? await measureWorkers(flags, cores) : undefined;
  const saturation = flags.parts.includes("saturation")
    ? await measureSaturation(flags.calls, SATURATION_MS, cores)
    : undefined;
  const memory = flags.parts.includes("memory") ? await measureMemory(flags.sessions) : undefined;
  const streams = flags.parts.includes("streams") ? await measureStreams(flags.streams) : undefined;
  const kernel = flags.parts.includes("kernel")
    ? await measureKernel({ calls: flags.calls, rounds: flags.rounds, windowMs: flags.seconds * 1000, cores })
    : undefined;
  const targets = [
    ...rates === undefined ? [] : rateTargets(rates),
    ...workers === undefined ? [] : workersTargets(workers, cores),
    ...saturation === undefined ? [] : saturationTargets(saturation),
    ...memory === undefined ? [] : memoryTargets(memory),
    ...streams === undefined ? [] : streamsTargets(streams),
    ...kernel === undefined ? [] : kernelTargets(kernel),
  ];
  if (flags.json) {
    const measured = { rates, workers, saturation, memory, streams, kernel };
    print(JSON.stringify({ calls: flags.calls, cores: cores.note, ...measured, targets }));
    return 0;
  }
  if (rates !== undefined) printRates(rates, flags.calls, cores.note);
  if (workers !== undefined) printWorkers(workers, cores);
  if (saturation !== undefined) print(`${saturationText(saturation)}\n`);
  if (memory !== undefined) print(`${memoryTable(memory)}\n`);
  if (streams !== undefined) print(`${streamsTable(streams)}\n`);
  if (kernel !== undefined) printKernel(kernel, flags.calls);
  print(targetsText(targets));
  return 0;
}

function checkFlags({ calls, rounds, seconds, sessions, streams }: {
  readonly calls: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly sessions: readonly number[];
  readonly streams: number;
}): void {
  if (calls <= PROBED_CALLS) throw new UsageError(`Flag --calls needs at least ${PROBED_CALLS + 1}`);
  if (rounds === 0 || seconds === 0) throw new UsageError("Flags --rounds and --seconds need at least 1");
  if (streams === 0 || streams > MAX_STREAMS) throw new UsageError(`Flag --streams needs 1 to ${MAX_STREAMS}`);
  const rising = sessions.every((count, index) => index === 0 ? count === 0 : count > sessions[index - 1]!);
  if (!rising || sessions.length < 2) throw new UsageError("Flag --sessions needs rising numbers, the first of them 0");
}

/** One worker and all of them, side by side on all cores, which they share with the generator. */
function measureWorkers({ calls, rounds, seconds, quick }: WorkersFlags, cores: Cores): Promise<RatesResult> {
  const { count } = cores;
  const all = [
    (...to: StartArguments) => startRelayWith(count, ...to),
    ...hasRtpengine() ? [(...to: StartArguments) => startRtpengineWith(count, ...to)] : [],
  ];
  const each = quick === true ? WORKER_RATES.slice(0, 1) : WORKER_RATES;
  return measureRates({
    calls,
    packetsPerSecond: [...new Set([...each, ...each.map((rate) => rate * count)])].sort((a, b) => a - b),
    rounds,
    windowMs: seconds * 1000,
    cores: { ...cores, subjectPrefix: cores.allPrefix },
    subjects: [startRelay, ...count === 1 ? [] : all],
  });
}

/** Compares where each worker has as much to do as the only one: with less, more of its time goes into waking up. */
function workersTargets({ rates }: RatesResult, { count }: Cores): Target[] {
  const cpu = (name: string, rate: number) =>
    rates.find(({ subject, packetsPerSecond, loss }) =>
      subject === name && packetsPerSecond === rate && loss < LOSSLESS
    )?.cpuMicrosPerPacket ?? NaN;
  const ratios = WORKER_RATES.map((rate) => cpu(relayName(count), rate * count) / cpu(RELAY, rate));
  const ratio = median(ratios.filter((it) => !Number.isNaN(it)));
  const text =
    `${count} workers use ${numberText(ratio, 2)} of the CPU time per packet that one does with a share of ` +
    `the packets; wanted: ${WANTED_CPU_RATIO}`;
  return [{ text, reached: ratio, met: ratio <= WANTED_CPU_RATIO }];
}

function saturationTargets({ updateMs: { p99 } }: SaturationResult): Target[] {
  const text = `99 % of the updates take ${
    numberText(p99, 1)
  } ms while all workers are busy; wanted: ${WANTED_UPDATE_MS}`;
  return [{ text, reached: p99, met: p99 < WANTED_UPDATE_MS }];
}

function rateTargets(rates: RatesResult): Target[] {
  const ratio = carriedRatio(rates, RELAY, BARE_LOOP);
  const lossless = losslessRatio(rates, RELAY, BARE_LOOP);
  const { packetsPerSecond, own, other } = delaysAtHalfLoad(rates, RELAY, BARE_LOOP);
  return [
    {
      text: `the relay carries ${numberText(ratio, 2)} of what the bare loop does; wanted: ${WANTED_RATIO}`,
      reached: ratio,
      met: ratio >= WANTED_RATIO,
    },
    {
      text: `with ${LOSS_TEXT} at most it carries ${numberText(lossless, 2)} of that; wanted: ${WANTED_RATIO}`,
      reached: lossless,
      met: lossless >= WANTED_RATIO,
    },
    {
      text: `at half load, ${numberText(packetsPerSecond)} packets/s, 99 % are delayed by less than ` +
        `${numberText(own, 2)} ms; wanted: ${WANTED_DELAY_RATIO} of the bare loop's ${numberText(other, 2)} at most`,
      reached: own / other,
      met: own <= WANTED_DELAY_RATIO * other,
    },
  ];
}

function memoryTargets(memory: readonly MemoryResult[]): Target[] {
  const reached = memory.at(-1)!.session.collectedBytes;
  const text = `a session takes ${kilobytesText(reached)} beyond its sockets, garbage collected; wanted: under ${
    kilobytesText(WANTED_SESSION_BYTES)
  }`;
  return [{ text, reached, met: reached < WANTED_SESSION_BYTES }];
}

function kernelTargets({ ofPlainPaced, paced }: KernelBench): Target[] {
  const { offeredPerSecond } = paced.find(({ subject }) => subject === KERNEL)!;
  const rate = numberText(offeredPerSecond);
  const cores = (name: string): Target => {
    const { coresUsed } = paced.find(({ subject }) => subject === name)!;
    const text = `${name}: ${numberText(coresUsed * 100, 2)} % of a core at ${rate} packets/s; ` +
      `wanted: under ${WANTED_CORES * 100} %`;
    return { text, reached: coresUsed, met: coresUsed < WANTED_CORES };
  };
  return [
    {
      text: `the kernel path carries ${numberText(ofPlainPaced, 2)} of what ${PLAIN} does at ${rate} packets/s; ` +
        `wanted: ${WANTED_OF_PLAIN}`,
      reached: ofPlainPaced,
      met: ofPlainPaced >= WANTED_OF_PLAIN,
    },
    cores(KERNEL),
    cores(KERNEL_MANY),
  ];
}

function printKernel({ flooded, paced, ofPlainFlooded }: KernelBench, calls: number): void {
  print(`Through three network namespaces, ${calls} callers that send from one core as fast as it can:\n`);
  print(`${kernelTable(flooded)}\n`);
  print(`${KERNEL} / ${PLAIN}: ${numberText(ofPlainFlooded, 2)}\n`);
  print(`The same at a rate:\n\n${kernelTable(paced)}\n`);
}

function kernelTable(results: readonly KernelBenchResult[]): string {
  return table(results, [
    { title: "SUBJECT", text: ({ subject }) => subject },
    { title: "OFFERED/S", align: "right", text: ({ offeredPerSecond }) => numberText(offeredPerSecond) },
    { title: "CARRIED/S", align: "right", text: ({ carriedPerSecond }) => numberText(carriedPerSecond) },
    { title: "LOSS %", align: "right", text: ({ loss }) => numberText(loss * 100, 2) },
    { title: "CORES OF ITS OWN", align: "right", text: ({ coresUsed }) => numberText(coresUsed, 3) },
  ]);
}

function printRates(rates: RatesResult, calls: number, coresNote: string): void {
  const { generatorPerSecond, foreignCores } = rates;
  print(`${calls} calls, packets of 172 bytes both ways. ${coresNote} ${noiseText(foreignCores)}`);
  print(
    `The generator sends ${numberText(generatorPerSecond)} packets/s at most; what is offered nearer to that is less ` +
      `than was asked for. Delay is what is added to the direct way's at the same rate.\n`,
  );
  print(`${rateTable(rates.rates)}\n`);
  print(`${subjectTable(rates.subjects)}\n`);
  const names = rates.subjects.map(({ subject }) => subject).filter((name) => name !== RELAY);
  for (const name of names) print(`relay / ${name}, most carried: ${numberText(carriedRatio(rates, RELAY, name), 2)}`);
  if (!names.includes(RTPENGINE)) {
    print(`relay / ${RTPENGINE}: not measured, it is not installed (scripts/install_peers.sh)`);
  }
  print("");
}

function printWorkers(rates: RatesResult, { count }: Cores): void {
  print(`All subjects and the generator on ${count} cores: CPU per packet compares, rates do not.\n`);
  print(`${rateTable(rates.rates)}\n`);
}

function saturationText(result: SaturationResult): string {
  const { carriedPerSecond, loss, relayCores, updates, updateMs: { p50, p99, max } } = result;
  return `One worker, flooded: ${numberText(carriedPerSecond)} packets/s, ${numberText(loss * 100, 1)} % loss, ` +
    `${numberText(relayCores, 2)} cores. Meanwhile ${numberText(updates)} updates: p50 ${numberText(p50, 2)} ms, ` +
    `p99 ${numberText(p99, 2)}, max ${numberText(max, 2)}.`;
}

function rateTable(rates: readonly RateResult[]): string {
  return table(rates, [
    { title: "PACKETS/S", align: "right", text: ({ packetsPerSecond }) => numberText(packetsPerSecond) },
    { title: "SUBJECT", text: ({ subject }) => subject },
    { title: "OFFERED/S", align: "right", text: ({ offeredPerSecond }) => numberText(offeredPerSecond) },
    { title: "CARRIED/S", align: "right", text: ({ carriedPerSecond }) => numberText(carriedPerSecond) },
    { title: "LOSS %", align: "right", text: ({ loss }) => numberText(loss * 100, 2) },
    { title: "CPU us/PACKET", align: "right", text: ({ cpuMicrosPerPacket }) => numberText(cpuMicrosPerPacket, 1) },
    { title: "ADDED p50 ms", align: "right", text: ({ addedP50Ms }) => numberText(addedP50Ms, 2) },
    { title: "p99 ms", align: "right", text: ({ addedP99Ms }) => numberText(addedP99Ms, 2) },
  ]);
}

function subjectTable(subjects: readonly SubjectResult[]): string {
  const perSecond = (value: number) => value === 0 ? "none" : numberText(value);
  return table(subjects, [
    { title: "SUBJECT", text: ({ subject }) => subject },
    { title: `UNDER ${LOSS_TEXT} TO`, align: "right", text: ({ losslessPerSecond }) => perSecond(losslessPerSecond) },
    {
      title: "MOST CARRIED/S",
      align: "right",
      text: ({ mostCarriedPerSecond }) => numberText(mostCarriedPerSecond),
    },
    { title: "STALLS", align: "right", text: ({ stalls }) => numberText(stalls) },
    {
      title: "CPU us/PACKET, HIGHEST RATE WITHOUT LOSS IN ANY",
      align: "right",
      text: ({ cpuMicrosPerPacket }) => numberText(cpuMicrosPerPacket, 1),
    },
  ]);
}

function memoryTable(memory: readonly MemoryResult[]): string {
  return table(memory, [
    { title: "SESSIONS", align: "right", text: ({ sessions }) => numberText(sessions) },
    { title: "RELAY", align: "right", text: ({ relay }) => kilobytesText(relay.bytes) },
    { title: "GARBAGE COLLECTED", align: "right", text: ({ relay }) => kilobytesText(relay.collectedBytes) },
    { title: "BARE SOCKETS", align: "right", text: ({ bare }) => kilobytesText(bare.bytes) },
    { title: "GARBAGE COLLECTED", align: "right", text: ({ bare }) => kilobytesText(bare.collectedBytes) },
    { title: "SESSION", align: "right", text: ({ session }) => kilobytesText(session.bytes) },
    { title: "GARBAGE COLLECTED", align: "right", text: ({ session }) => kilobytesText(session.collectedBytes) },
  ]);
}

function kilobytesText(bytes: number): string {
  return Number.isNaN(bytes) ? "-" : `${numberText(bytes / 1024, bytes < 1e6 ? 1 : 0)} KB`;
}
