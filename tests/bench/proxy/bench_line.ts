/** A subject with the load that goes through it, and what that costs. @module */
import { NoiseMeter } from "../support/system.ts";
import { Callee, type CallLoad, type CallsSeen, offerCalls } from "./load.ts";
import { createOwnCpuMeter, createTreeCpuMeter, processTree, treeResidentBytes } from "./processes.ts";
import type { Module, ProxySubject, StartProxySubject } from "./subject.ts";

/** CPU time in microseconds, user and system. */
export interface CpuMicros {
  /** Of the proxy alone, with all its processes. */
  readonly proxy: number;
  /** NaN without the module, as the relay's. */
  readonly dispatcher: number;
  readonly relay: number;
}

export type ProgramName = keyof CpuMicros;

/** Memory of a program. */
export interface ProgramMemory {
  /** With its children. */
  readonly residentBytes: number;
  /** V8's heap after a full collection; undefined if there is none. */
  readonly heapBytes: number | undefined;
}

/** What one load did. */
export interface LineRun extends CallsSeen {
  readonly cpu: CpuMicros;
  /** Cores' worth of time that went to others. */
  readonly foreignCores: number;
}

/**
 * Compiled code, filled caches and open connections are what is measured, not how they come about: V8 is done with
 * optimizing after some 5,000 calls, of which the first thousand cost a fifth more.
 */
const WARM_UP = { callsPerSecond: 500, calls: 5000 };

const MAX_SETTLING_MS = 6000;
const SETTLING_STEP_MS = 200;
/** A proxy that does not work takes less than this of a core. */
const IDLE_SHARE = 0.1;

/** From the sipp that calls through a proxy to the one that is called. */
export class BenchLine implements AsyncDisposable {
  readonly module: Module;
  readonly #subject: ProxySubject;
  readonly #directory: string;
  readonly #treeCpu = createTreeCpuMeter();
  readonly #ownCpu = createOwnCpuMeter();
  readonly #owned: AsyncDisposableStack;
  #callee: Callee;

  private constructor(
    module: Module,
    subject: ProxySubject,
    callee: Callee,
    directory: string,
    owned: AsyncDisposableStack,
  ) {
    this.module = module;
    this.#subject = subject;
    this.#callee = callee;
    this.#directory = directory;
    this.#owned = owned;
  }

  /** Starts everything, and sees some calls through. */
  static async start(start: StartProxySubject, module: Module, inspected = false): Promise<BenchLine> {
    await using undo = new AsyncDisposableStack();
    const directory = await Deno.makeTempDir({ prefix: "proxy-bench-" });
    undo.defer(() => Deno.remove(directory, { recursive: true }));
    const callee = undo.use(await Callee.start(directory));
    const subject = undo.use(await start({ module, calleePort: callee.port, inspected }));
    const line = new BenchLine(module, subject, callee, directory, undo.move());
    try {
      const { completed, failed, complaint } = await line.run(WARM_UP);
      if (completed === 0) {
        throw new Error(`Cannot call through ${subject.name}: ${failed} calls failed\n${complaint}\n${line.tail()}`);
      }
    } catch (error) {
      await line[Symbol.asyncDispose]();
      throw error;
    }
    return line;
  }

  get name(): string {
    return this.#subject.name;
  }

  /** CPU time since each program's start. */
  cpu(): CpuMicros {
    const { process, programs } = this.#subject;
    const of = (pid: number | undefined) => pid === undefined ? NaN : this.#treeCpu(pid);
    return { proxy: of(process.pid), dispatcher: of(programs?.dispatcher.pid), relay: of(programs?.relay.pid) };
  }

  /** Memory as it is once the garbage is gone. */
  async memory(): Promise<Partial<Record<ProgramName, ProgramMemory>>> {
    const { process, programs } = this.#subject;
    const heapBytes = await this.#subject.collectedHeapBytes();
    const proxy = { heapBytes, residentBytes: treeResidentBytes(process.pid) };
    if (programs === undefined) return { proxy };
    const of = async (name: "dispatcher" | "relay") => {
      const heapBytes = await programs.collectedHeapBytes(name);
      return { heapBytes, residentBytes: treeResidentBytes(programs[name].pid) };
    };
    return { proxy, dispatcher: await of("dispatcher"), relay: await of("relay") };
  }

  /** Offers calls, sees them to their end, and waits until the proxy is idle again. */
  async run(load: Pick<CallLoad, "callsPerSecond" | "calls">): Promise<LineRun> {
    const noise = new NoiseMeter(this.#ownCpu, this.#pids());
    const before = this.cpu();
    const seen = await offerCalls({
      ...load,
      proxyPort: this.#subject.port,
      callee: this.#callee,
      directory: this.#directory,
    });
    const after = this.cpu();
    const foreignCores = noise.foreignCores();
    await this.#settle();
    const cpu = {
      proxy: after.proxy - before.proxy,
      dispatcher: after.dispatcher - before.dispatcher,
      relay: after.relay - before.relay,
    };
    return { ...seen, cpu, foreignCores };
  }

  /** The last lines of all programs. */
  tail(): string {
    const { process, programs } = this.#subject;
    return [process, programs?.dispatcher, programs?.relay].map((it) => it?.tail() ?? "").join("\n");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync();
  }

  #pids(): number[] {
    const { process, programs } = this.#subject;
    const others = programs === undefined ? [] : [programs.dispatcher.pid, programs.relay.pid];
    return [Deno.pid, this.#callee.pid, ...processTree(process.pid), ...others];
  }

  /** Calls that have failed are asked about for a while, and the next load must not pay for that. */
  async #settle(): Promise<void> {
    const giveUpAtMs = performance.now() + MAX_SETTLING_MS;
    for (let before = -Infinity; performance.now() < giveUpAtMs;) {
      const { proxy } = this.cpu();
      if (proxy - before < SETTLING_STEP_MS * 1000 * IDLE_SHARE) return;
      before = proxy;
      await new Promise((resolve) => setTimeout(resolve, SETTLING_STEP_MS));
    }
  }
}
