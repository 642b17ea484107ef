// deno-lint-ignore-file camelcase -- keys of the configuration
/**
 * The kernel path beside plain routing, and beside userspace, through the same three namespaces: phones, a host with a
 * subject, phones. Phones of one side send to those of the other, all from one core; what the kernel does for it runs
 * there, too, and a subject in userspace has another core. Needs root.
 * @module
 */
import { Agent } from "../peers/support/agent.ts";
import { CALLEE_4, CALLER_4, KernelLab, RELAY_4 } from "../peers/support/kernel_lab.ts";
import { KernelRelay } from "../peers/support/kernel_relay.ts";
import { until } from "../peers/support/until.ts";
import type { Ports } from "./generator/generator.ts";
import type { Address, LoadRun, LoadSent } from "./kernel/load_agent.ts";
import { hasRtpengine, RTPENGINE } from "./subjects/rtpengine.ts";
import { mean, median, numberText, progress } from "./support/figures.ts";
import { type Cores, type CpuMeter, createCpuMeter } from "./support/system.ts";

export interface KernelBenchOptions {
  readonly calls: number;
  readonly rounds: number;
  readonly windowMs: number;
  readonly cores: Cores;
}

/** One subject; medians of the rounds. */
export interface KernelBenchResult {
  readonly subject: string;
  readonly offeredPerSecond: number;
  readonly carriedPerSecond: number;
  /** 0 to 1. */
  readonly loss: number;
  /** Of the subject's own processes; `nft` is the relay's. */
  readonly coresUsed: number;
}

export interface KernelBench {
  /** As fast as the phones can. */
  readonly flooded: readonly KernelBenchResult[];
  /** At 100,000 packets/s, or as many as the phones can send. */
  readonly paced: readonly KernelBenchResult[];
  /** The medians over the rounds of what the kernel path carried, as a share of what plain routing did. */
  readonly ofPlainFlooded: number;
  readonly ofPlainPaced: number;
}

export const PLAIN = "plain routing";
export const KERNEL = "relay, kernel path";
const USERSPACE = "relay, userspace";
/** As many as send 100,000 packets/s if they speak: what the relay does for each call shows. */
const MANY_CALLS = 1000;
export const KERNEL_MANY = `${KERNEL}, ${numberText(MANY_CALLS)} calls`;

const PACED_PER_SECOND = 100_000;
/** Long enough for a hundredth of a core to be some ticks of the system's clock. */
const PACED_WINDOW_MS = 6000;
/** Twice the time between two readings of the counters. */
const MANY_CALLS_WINDOW_MS = 15_000;
const CALLER_FIRST_PORT = 10_000;
const CALLEE_FIRST_PORT = 20_000;
/** Also for what a program still has to do after its start. */
const WARM_UP_MS = 1000;
/** What a relay does every second or less often takes V8 some time to compile. */
const MANY_CALLS_WARM_UP_MS = 30_000;

interface Run {
  readonly offeredPerSecond: number;
  readonly carriedPerSecond: number;
  readonly coresUsed: number;
}

/** A subject that is ready: where the callers send, and its processes. */
interface Ready {
  readonly targets: readonly Address[];
  readonly pids: readonly number[];
}

type Subjects = readonly (readonly [name: string, run: () => Promise<Run>])[];

/** Measures. In each round the subjects come one after the other, each alone on the host. */
export async function measureKernel(options: KernelBenchOptions): Promise<KernelBench> {
  await using bench = await Bench.start(options, WARM_UP_MS, PACED_WINDOW_MS);
  const flooding: Subjects = [
    [PLAIN, () => bench.withoutRelay(null)],
    [KERNEL, () => bench.withRelay("on", null)],
  ];
  // What userspace does when it is flooded, the other parts of the benchmark tell.
  const pacing: Subjects = [
    [PLAIN, () => bench.withoutRelay(PACED_PER_SECOND)],
    [KERNEL, () => bench.withRelay("on", PACED_PER_SECOND)],
    [USERSPACE, () => bench.withRelay("off", PACED_PER_SECOND)],
    ...hasRtpengine() ? [[RTPENGINE, () => bench.withRtpengine(PACED_PER_SECOND)] as const] : [],
  ];
  await using large = await Bench.start({ ...options, calls: MANY_CALLS }, MANY_CALLS_WARM_UP_MS, MANY_CALLS_WINDOW_MS);
  const many: Subjects = [[KERNEL_MANY, () => large.withRelay("on", PACED_PER_SECOND)]];
  const [flooded, paced, withMany]: [Run[][], Run[][], Run[][]] = [[], [], []];
  for (let round = 0; round < options.rounds; round++) {
    flooded.push(await runAll(flooding));
    paced.push(await runAll(pacing));
    withMany.push(await runAll(many));
  }
  return {
    flooded: summarized(flooding, flooded),
    paced: [...summarized(pacing, paced), ...summarized(many, withMany)],
    ofPlainFlooded: median(flooded.map(shareOfPlain)),
    ofPlainPaced: median(paced.map(shareOfPlain)),
  };
}

function shareOfPlain([plain, kernel]: readonly Run[]): number {
  return kernel!.carriedPerSecond / plain!.carriedPerSecond;
}

async function runAll(subjects: Subjects): Promise<Run[]> {
  const runs: Run[] = [];
  for (const [name, run] of subjects) {
    const seen = await run();
    progress(`${name}: ${numberText(seen.carriedPerSecond)} of ${numberText(seen.offeredPerSecond)} packets/s`);
    runs.push(seen);
  }
  return runs;
}

/** `rounds` has the runs in the order of `subjects`, round by round. */
function summarized(subjects: Subjects, rounds: readonly (readonly Run[])[]): KernelBenchResult[] {
  return subjects.map(([subject], index) => {
    const runs = rounds.map((round) => round[index]!);
    return {
      subject,
      offeredPerSecond: median(runs.map((run) => run.offeredPerSecond)),
      carriedPerSecond: median(runs.map((run) => run.carriedPerSecond)),
      loss: median(runs.map((run) => Math.max(0, 1 - run.carriedPerSecond / run.offeredPerSecond))),
      coresUsed: mean(runs.map((run) => run.coresUsed)),
    };
  });
}

class Bench implements AsyncDisposable {
  readonly #options: KernelBenchOptions;
  /** How long a load at a rate is observed. */
  readonly #pacedMs: number;
  readonly #warmUpMs: number;
  readonly #lab: KernelLab;
  readonly #callerSide: Agent;
  readonly #calleeSide: Agent;
  readonly #cpu: CpuMeter = createCpuMeter();
  readonly #undo = new AsyncDisposableStack();

  private constructor(options: KernelBenchOptions, warmUpMs: number, pacedMs: number, lab: KernelLab) {
    this.#options = options;
    this.#warmUpMs = warmUpMs;
    this.#pacedMs = pacedMs;
    this.#lab = this.#undo.use(lab);
    const program = new URL("./kernel/load_agent.ts", import.meta.url).pathname;
    this.#callerSide = this.#undo.use(new Agent(lab.callerHost, program));
    this.#calleeSide = this.#undo.use(new Agent(lab.calleeHost, program));
  }

  static async start(options: KernelBenchOptions, warmUpMs: number, pacedMs: number): Promise<Bench> {
    const bench = new Bench(options, warmUpMs, pacedMs, await KernelLab.start());
    const { calls: count } = options;
    await bench.#callerSide.do("open", { hostname: CALLER_4, firstPort: CALLER_FIRST_PORT, count });
    await bench.#calleeSide.do("open", { hostname: CALLEE_4, firstPort: CALLEE_FIRST_PORT, count });
    await bench.#calleeSide.do("fill");
    return bench;
  }

  get #parties(): Ports {
    const ports = (first: number) => Array.from({ length: this.#options.calls }, (_, index) => first + 2 * index);
    return { callers: ports(CALLER_FIRST_PORT), callees: ports(CALLEE_FIRST_PORT) };
  }

  /** Straight to the callees, on a host without any rules. */
  withoutRelay(packetsPerSecond: number | null): Promise<Run> {
    const targets = this.#parties.callees.map((port) => ({ hostname: CALLEE_4, port }));
    return this.#load({ targets, pids: [] }, packetsPerSecond);
  }

  async #load({ targets, pids }: Ready, packetsPerSecond: number | null): Promise<Run> {
    const run = (durationMs: number) =>
      this.#callerSide.do<LoadSent>("run", { targets, durationMs, packetsPerSecond } satisfies LoadRun);
    const cpu = () => pids.reduce((sum, pid) => sum + this.#cpu(pid), 0);
    await run(this.#warmUpMs);
    const [receivedBefore, cpuBefore] = [await this.#calleeSide.do<number>("received"), cpu()];
    const { packets, seconds } = await run(packetsPerSecond === null ? this.#options.windowMs : this.#pacedMs);
    const received = await this.#calleeSide.do<number>("received") - receivedBefore;
    return {
      offeredPerSecond: packets / seconds,
      carriedPerSecond: received / seconds,
      coresUsed: (cpu() - cpuBefore) / 1e6 / seconds,
    };
  }

  async withRelay(kernel: "on" | "off", packetsPerSecond: number | null): Promise<Run> {
    const { calls, cores: { subjectPrefix: relayPrefix } } = this.#options;
    const settings = {
      relay_ip: RELAY_4,
      kernel,
      workers: 1,
      log_level: "WARNING",
      port_range: "40000:50000",
      one_way_after: 0, // only the callers speak
    };
    await using service = await KernelRelay.start(this.#lab, settings, { relayPrefix });
    const { callers, callees } = this.#parties;
    const [toCallers, toCallees]: [Address[], Address[]] = [[], []];
    for (const [index, callerPort] of callers.entries()) {
      const call = { callId: `bench-${index}`, signalingIp: CALLER_4 };
      const media = (address: string, port: number) => `audio:${address}:${port}:sendrecv:ice=no`;
      toCallees.push(await service.update({ ...call, media: media(CALLER_4, callerPort) }));
      const answer = { ...call, type: "reply", toTag: "callee", signalingIp: CALLEE_4 } as const;
      toCallers.push(await service.update({ ...answer, media: media(CALLEE_4, callees[index]!) }));
    }
    await this.#callerSide.do("hello", { targets: toCallers });
    await this.#calleeSide.do("hello", { targets: toCallees });
    if (kernel === "on") {
      await until("the kernel to carry all calls", async () => {
        return (await service.summary()).kernel!.components === calls;
      });
    }
    const pids = [service.relay!.pid, ...await this.#lab.pids("nft")];
    return await this.#load({ targets: toCallers, pids }, packetsPerSecond);
  }

  async withRtpengine(packetsPerSecond: number | null): Promise<Run> {
    const program = new URL("./kernel/rtpengine_agent.ts", import.meta.url).pathname;
    await using agent = new Agent(this.#lab.host, program);
    const place = { relay: RELAY_4, caller: CALLER_4, callee: CALLEE_4 };
    const prefix = this.#options.cores.subjectPrefix;
    const { pid, targets } = await agent.do<{ pid: number; targets: Ports }>("start", {
      parties: this.#parties,
      prefix,
      place,
    });
    const addresses = (ports: readonly number[]) => ports.map((port) => ({ hostname: RELAY_4, port }));
    await this.#callerSide.do("hello", { targets: addresses(targets.callers) });
    await this.#calleeSide.do("hello", { targets: addresses(targets.callees) });
    return await this.#load({ targets: addresses(targets.callers), pids: [pid] }, packetsPerSecond);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync();
  }
}
