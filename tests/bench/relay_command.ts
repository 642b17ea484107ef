/** `bench relay`: packets through the relay, beside the bare loop and rtpengine, and what sessions cost in memory. @module */
import { table } from "../../src/ctl/table.ts";
import { UsageError } from "../../src/config/mod.ts";
import { PROBED_CALLS } from "./generator/messages.ts";
import { measureMemory, type MemoryResult } from "./memory.ts";
import {
  carriedRatio,
  LOSSLESS,
  measureRates,
  type RateResult,
  type RatesResult,
  type SubjectResult,
} from "./rates.ts";
import { BARE_LOOP, startBareLoop } from "./subjects/bare.ts";
import { RELAY, startRelay } from "./subjects/relay.ts";
import { hasRtpengine, RTPENGINE, startRtpengine } from "./subjects/rtpengine.ts";
import { numberText, print, type Target, targetsText } from "./support/figures.ts";
import { type BenchFlags, parseBenchFlags } from "./support/flags.ts";
import { noiseText, separateCores } from "./support/system.ts";

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
  parts: { kind: "words", fallback: ["rates", "memory"], help: "what is measured" },
  quick: { kind: "boolean", help: "few rates, one round, a second each: to see that it works" },
  json: { kind: "boolean", help: "print one JSON object" },
} as const satisfies BenchFlags;

const QUICK = { rates: [10_000, 50_000, 80_000, 120_000], rounds: 1, seconds: 1, sessions: [0, 500] };

/** Carried packets/s, as a share of the bare loop's. */
const WANTED_RATIO = 0.9;
/** Memory of a session with one stream, beyond its sockets. */
const WANTED_SESSION_BYTES = 12 * 1024;

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
  const memory = flags.parts.includes("memory") ? await measureMemory(flags.sessions) : undefined;
  const targets = [
    ...rates === undefined ? [] : rateTargets(rates),
    ...memory === undefined ? [] : memoryTargets(memory),
  ];
  if (flags.json) {
    print(JSON.stringify({ calls: flags.calls, cores: cores.note, rates, memory, targets }));
    return 0;
  }
  if (rates !== undefined) printRates(rates, flags.calls, cores.note);
  if (memory !== undefined) print(`${memoryTable(memory)}\n`);
  print(targetsText(targets));
  return 0;
}

function checkFlags({ calls, rounds, seconds, sessions }: {
  readonly calls: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly sessions: readonly number[];
}): void {
  if (calls <= PROBED_CALLS) throw new UsageError(`Flag --calls needs at least ${PROBED_CALLS + 1}`);
  if (rounds === 0 || seconds === 0) throw new UsageError("Flags --rounds and --seconds need at least 1");
  const rising = sessions.every((count, index) => index === 0 ? count === 0 : count > sessions[index - 1]!);
  if (!rising || sessions.length < 2) throw new UsageError("Flag --sessions needs rising numbers, the first of them 0");
}

function rateTargets(rates: RatesResult): Target[] {
  const ratio = carriedRatio(rates, RELAY, BARE_LOOP);
  const text = `the relay carries ${numberText(ratio, 2)} of what the bare loop does; wanted: ${WANTED_RATIO}`;
  return [{ text, reached: ratio, met: ratio >= WANTED_RATIO }];
}

function memoryTargets(memory: readonly MemoryResult[]): Target[] {
  const reached = memory.at(-1)!.session.collectedBytes;
  const text = `a session takes ${kilobytesText(reached)} beyond its sockets, garbage collected; wanted: under ${
    kilobytesText(WANTED_SESSION_BYTES)
  }`;
  return [{ text, reached, met: reached < WANTED_SESSION_BYTES }];
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
