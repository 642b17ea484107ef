/** Rising packet rates through each subject in turn. @module */
import { Generator, type Load, type Observation, type Ports } from "./generator/generator.ts";
import { mean, median, numberText, percentile, progress } from "./support/figures.ts";
import { type Cores, type CpuMeter, createCpuMeter, NoiseMeter, undisturbed } from "./support/system.ts";
import type { StartSubject, Subject } from "./subjects/subject.ts";

export interface RatesOptions {
  readonly calls: number;
  readonly packetsPerSecond: readonly number[];
  readonly rounds: number;
  readonly windowMs: number;
  readonly cores: Cores;
  readonly subjects: readonly StartSubject[];
}

/** One subject at one rate; the medians of the rounds. */
export interface RateResult {
  readonly subject: string;
  /** What was asked for. */
  readonly packetsPerSecond: number;
  readonly offeredPerSecond: number;
  readonly carriedPerSecond: number;
  /** 0 to 1. */
  readonly loss: number;
  readonly cpuMicrosPerPacket: number;
  /** Beyond what the direct way takes at the same rate. */
  readonly addedP50Ms: number;
  readonly addedP99Ms: number;
}

/** One subject at all rates. */
export interface SubjectResult {
  readonly subject: string;
  /** The highest rate with less than 0.5 % loss; 0 if there was none. */
  readonly losslessPerSecond: number;
  /** The most that it carried at any rate. */
  readonly mostCarriedPerSecond: number;
  /** The same by round, to be compared with other subjects' round by round. */
  readonly mostCarriedByRound: readonly number[];
  /** Runs after which some parties got nothing any more, so that the subject had to be started again. */
  readonly stalls: number;
  /** At the highest rate at which every subject is lossless; NaN if there is none. */
  readonly cpuMicrosPerPacket: number;
}

export interface RatesResult {
  /** What the generator sends at most when nothing is in the way. */
  readonly generatorPerSecond: number;
  /** Cores' worth of time that went to others. */
  readonly foreignCores: number;
  readonly rates: readonly RateResult[];
  readonly subjects: readonly SubjectResult[];
}

export const LOSSLESS = 0.005;

const WARM_UP_MS = 700;
const LIMIT_WINDOW_MS = 1500;
/** A subject that has lost so much twice in a row is not driven any faster. */
const HOPELESS_LOSS = 0.3;
/** A subject that was flooded works its queues off before the next one is measured. */
const MAX_SETTLING_MS = 5000;
const SETTLING_STEP_MS = 150;
/** After a start it is made sure, gently, that every party gets packets. */
const CHECK = { packetsPerSecond: 5000, warmUpMs: 300, windowMs: 500 };

interface Run extends RateResult {
  readonly round: number;
  readonly foreignCores: number;
}

/** Measures. Subjects run side by side and are loaded one after the other, so that noise meets all of them alike. */
export async function measureRates(options: RatesOptions): Promise<RatesResult> {
  await using undo = new AsyncDisposableStack();
  const generator = undo.use(await Generator.start(options.calls));
  const subjects: RunningSubject[] = [];
  for (const start of options.subjects) {
    const subject = undo.use(
      await RunningSubject.start(generator, () => start(generator.parties, options.cores.subjectPrefix)),
    );
    progress(`${subject.name}: ${options.calls} calls are set up`);
    subjects.push(subject);
  }
  const cpu = createCpuMeter();
  const limit = await generator.run({
    targets: generator.direct,
    packetsPerSecond: Infinity,
    warmUpMs: WARM_UP_MS,
    windowMs: LIMIT_WINDOW_MS,
  });
  progress(`the generator sends ${numberText(limit.offeredPerSecond)} packets/s at most`);
  const runs: Run[] = [];
  for (let round = 0; round < options.rounds; round++) {
    runs.push(...await measureRound(options, generator, subjects, cpu, round));
  }
  return {
    generatorPerSecond: limit.offeredPerSecond,
    foreignCores: mean(runs.map((run) => run.foreignCores)),
    ...summarized(subjects, runs),
  };
}

async function measureRound(
  { packetsPerSecond: rates, windowMs, rounds }: RatesOptions,
  generator: Generator,
  subjects: readonly RunningSubject[],
  cpu: CpuMeter,
  round: number,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const packetsPerSecond of rates) {
    const load = { packetsPerSecond, warmUpMs: WARM_UP_MS, windowMs };
    const direct = await undisturbed(async () => {
      const noise = new NoiseMeter(cpu, [Deno.pid]);
      const seen = await generator.run({ ...load, targets: generator.direct });
      return { ...seen, foreignCores: noise.foreignCores() };
    });
    for (const subject of subjects) {
      if (isHopeless(runs.filter((run) => run.subject === subject.name))) continue;
      const run = await undisturbed(() => measureRun(generator, subject, cpu, load, direct, round));
      progress(
        `round ${round + 1}/${rounds}: ${subject.name} carries ${numberText(run.carriedPerSecond)} of ` +
          `${numberText(run.offeredPerSecond)} packets/s`,
      );
      runs.push(run);
    }
  }
  return runs;
}

async function measureRun(
  generator: Generator,
  subject: RunningSubject,
  cpu: CpuMeter,
  load: Omit<Load, "targets">,
  direct: Observation,
  round: number,
): Promise<Run> {
  const { pid } = subject;
  const noise = new NoiseMeter(cpu, [Deno.pid, pid]);
  const cpuMicros: number[] = [];
  const seen = await generator.run({ ...load, targets: subject.targets, atBoundary: () => cpuMicros.push(cpu(pid)) });
  const foreignCores = noise.foreignCores();
  await settle(pid, cpu);
  if (seen.silentParties > 0) {
    progress(`${subject.name}: ${seen.silentParties} parties got nothing any more, starting it again`);
    await subject.restart();
  }
  const [cpuBefore = NaN, cpuAfter = NaN] = cpuMicros;
  const added = (share: number) => percentile(seen.delaysMs, share) - percentile(direct.delaysMs, share);
  return {
    subject: subject.name,
    round,
    foreignCores,
    packetsPerSecond: load.packetsPerSecond,
    offeredPerSecond: seen.offeredPerSecond,
    carriedPerSecond: seen.carriedPerSecond,
    loss: seen.loss,
    cpuMicrosPerPacket: (cpuAfter - cpuBefore) / (seen.carriedPerSecond * load.windowMs / 1000),
    addedP50Ms: added(0.5),
    addedP99Ms: added(0.99),
  };
}

function isHopeless(runs: readonly Run[]): boolean {
  return runs.length >= 2 && runs.slice(-2).every(({ loss }) => loss > HOPELESS_LOSS);
}

async function settle(pid: number, cpu: CpuMeter): Promise<void> {
  const giveUpAtMs = performance.now() + MAX_SETTLING_MS;
  for (let before = -Infinity; performance.now() < giveUpAtMs;) {
    const now = cpu(pid);
    if (now - before < SETTLING_STEP_MS * 1000 / 4) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, SETTLING_STEP_MS));
  }
}

/** A subject that can be started again. */
class RunningSubject implements AsyncDisposable {
  readonly #generator: Generator;
  readonly #start: () => Promise<Subject>;
  #subject: Subject;
  stalls = 0;

  private constructor(generator: Generator, start: () => Promise<Subject>, subject: Subject) {
    this.#generator = generator;
    this.#start = start;
    this.#subject = subject;
  }

  static async start(generator: Generator, start: () => Promise<Subject>): Promise<RunningSubject> {
    await using undo = new AsyncDisposableStack();
    const running = undo.use(new RunningSubject(generator, start, await start()));
    await running.#check();
    undo.move();
    return running;
  }

  get name(): string {
    return this.#subject.name;
  }

  get pid(): number {
    return this.#subject.pid;
  }

  get targets(): Ports {
    return this.#subject.targets;
  }

  async restart(): Promise<void> {
    this.stalls++;
    await this.#subject[Symbol.asyncDispose]();
    this.#subject = await this.#start();
    await this.#check();
  }

  async #check(): Promise<void> {
    const { silentParties } = await this.#generator.run({ ...CHECK, targets: this.targets });
    if (silentParties > 0) throw new Error(`Cannot measure ${this.name}: ${silentParties} parties get no packets`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#subject[Symbol.asyncDispose]();
  }
}

function summarized(all: readonly RunningSubject[], runs: readonly Run[]): Pick<RatesResult, "rates" | "subjects"> {
  const names = all.map(({ name }) => name);
  const rates = [...new Set(runs.map(({ packetsPerSecond }) => packetsPerSecond))].flatMap((packetsPerSecond) =>
    names.map((subject) => runs.filter((run) => run.subject === subject && run.packetsPerSecond === packetsPerSecond))
      .filter((same) => same.length > 0).map(medians)
  );
  const lossless = (subject: string) => rates.filter((rate) => rate.subject === subject && rate.loss < LOSSLESS);
  const common = Math.max(
    ...lossless(names[0] ?? "").map(({ packetsPerSecond }) => packetsPerSecond)
      .filter((rate) => names.every((name) => lossless(name).some((it) => it.packetsPerSecond === rate))),
  );
  const rounds = [...new Set(runs.map(({ round }) => round))];
  const subjects = all.map(({ name: subject, stalls }): SubjectResult => {
    const own = runs.filter((run) => run.subject === subject);
    return {
      subject,
      losslessPerSecond: Math.max(0, ...lossless(subject).map(({ offeredPerSecond }) => offeredPerSecond)),
      mostCarriedPerSecond: Math.max(
        ...rates.filter((rate) => rate.subject === subject).map(({ carriedPerSecond }) => carriedPerSecond),
      ),
      mostCarriedByRound: rounds.map((round) =>
        Math.max(...own.filter((run) => run.round === round).map(({ carriedPerSecond }) => carriedPerSecond))
      ),
      stalls,
      cpuMicrosPerPacket: lossless(subject).find((rate) => rate.packetsPerSecond === common)?.cpuMicrosPerPacket ?? NaN,
    };
  });
  return { rates, subjects };
}

function medians(runs: readonly Run[]): RateResult {
  const [{ subject, packetsPerSecond }] = runs as [Run];
  const middle = (of: (run: Run) => number) => median(runs.map(of));
  return {
    subject,
    packetsPerSecond,
    offeredPerSecond: middle((run) => run.offeredPerSecond),
    carriedPerSecond: middle((run) => run.carriedPerSecond),
    loss: middle((run) => run.loss),
    cpuMicrosPerPacket: middle((run) => run.cpuMicrosPerPacket),
    addedP50Ms: middle((run) => run.addedP50Ms),
    addedP99Ms: middle((run) => run.addedP99Ms),
  };
}

/** The median over the rounds of what `subject` carried at most, as a share of what `reference` did. */
export function carriedRatio({ subjects }: RatesResult, subject: string, reference: string): number {
  const own = subjects.find((it) => it.subject === subject)?.mostCarriedByRound ?? [];
  const other = subjects.find((it) => it.subject === reference)?.mostCarriedByRound ?? [];
  return median(own.map((carried, round) => carried / (other[round] ?? NaN)));
}

/** The highest rate without loss of `subject`, as a share of that of `reference`. */
export function losslessRatio({ subjects }: RatesResult, subject: string, reference: string): number {
  const of = (name: string) => subjects.find((it) => it.subject === name)?.losslessPerSecond ?? NaN;
  return of(subject) / of(reference);
}

/** The 99th percentiles of both at the measured rate that is nearest to half of what `reference` carries at most. */
export function delaysAtHalfLoad(
  { rates, subjects }: RatesResult,
  subject: string,
  reference: string,
): { readonly packetsPerSecond: number; readonly own: number; readonly other: number } {
  const half = (subjects.find((it) => it.subject === reference)?.mostCarriedPerSecond ?? NaN) / 2;
  const off = ({ packetsPerSecond }: RateResult) => Math.abs(packetsPerSecond - half);
  const { packetsPerSecond } = rates.reduce((best, it) => off(it) < off(best) ? it : best);
  const of = (name: string) =>
    rates.find((it) => it.subject === name && it.packetsPerSecond === packetsPerSecond)?.addedP99Ms ?? NaN;
  return { packetsPerSecond, own: of(subject), other: of(reference) };
}
