/** The directory of sessions with its worker isolates, running. @module */
import type { RelayAddress, RelayConfig } from "../../src/config/mod.ts";
import type { SessionStatistics } from "../../src/control/statistics.ts";
import type { Logger } from "../../src/env/log.ts";
import { systemClock } from "../../src/io/clock.ts";
import { StartError } from "../../src/io/program.ts";
import { portShares } from "../directory/port_shares.ts";
import { SessionDirectory } from "../directory/session_directory.ts";
import type { ProbeRequest, ProbeResult } from "./descriptor_probe.ts";
import { KernelBridge } from "./kernel_bridge.ts";
import { Workers } from "./workers.ts";

const TICK_MS = 1000;
/** A worker that has sessions without number to end is given so long. */
const CLOSE_DEADLINE_MS = 3000;
const POLL_MS = 10;

export interface CarrierOptions {
  readonly config: RelayConfig;
  /** Where the sockets are bound; one at least. */
  readonly addresses: readonly RelayAddress[];
  /** How many isolates; fewer if there are few ports. */
  readonly workers: number;
}

/** Carries media in as many isolates as there are workers. */
export class Carrier {
  readonly directory: SessionDirectory;
  readonly #workers: Workers;
  readonly #kernel: KernelBridge;
  readonly #timer: ReturnType<typeof setInterval>;
  #drained = () => {};

  private constructor(
    { config, addresses, workers }: CarrierOptions,
    maxSockets: number,
    kernel: KernelBridge,
    expired: (dispatcher: string, statistics: SessionStatistics) => void,
    failed: (reason: string) => void,
    ready: () => void,
    log: Logger,
  ) {
    const shares = portShares(config.portRange, workers);
    if (config.workers !== undefined && shares.length < workers) {
      log.warning(`port_range is too small for ${workers} workers, there are ${shares.length}`);
    }
    const maxPairs = Math.floor(maxSockets / 2 / shares.length / addresses.length);
    this.#kernel = kernel;
    kernel.connect((worker, reply) => this.#workers.post(worker, { kind: "kernel", reply }));
    this.directory = new SessionDirectory(
      {
        workers: shares.length,
        limits: config,
        portRange: `${config.portRange.start}:${config.portRange.end}`,
        kernelSummary: () => kernel.summary,
      },
      {
        post: (worker, message) => this.#workers.post(worker, message),
        replace: (worker, usedBelow) => {
          kernel.workerLost(worker);
          this.#workers.start(worker, usedBelow);
        },
        expired,
      },
      systemClock,
      log,
    );
    this.#workers = new Workers({
      start(number, restingBelow) {
        const { start: firstPort, end: endPort } = shares[number - 1]!;
        const settings = { number, config, addresses, firstPort, endPort, maxPairs, restingBelow };
        return { kind: "start", settings };
      },
      started: (worker) => {
        this.directory.workerStarted(worker);
        kernel.workerStarted(worker);
      },
      received: (worker, message) => {
        if (message.kind === "kernel") return kernel.received(worker, message.request);
        this.directory.received(worker, message);
        if (message.kind === "ready" && this.directory.ready) ready();
      },
      lost: (worker, reason) => {
        failed(reason);
        this.directory.workerLost(worker, reason);
      },
    });
    shares.forEach((_, index) => this.#workers.start(index + 1, 0));
    this.#timer = setInterval(() => {
      this.directory.handleTimeout();
      if (this.directory.drained) this.#drained();
    }, TICK_MS);
  }

  /**
   * Starts the kernel path and the workers, and resolves once all run. `expired` is told what ends by itself.
   * @throws StartError if a worker fails at once, or the kernel path must be there and cannot be.
   */
  static async start(
    options: CarrierOptions,
    expired: (dispatcher: string, statistics: SessionStatistics) => void,
    log: Logger,
  ): Promise<Carrier> {
    const maxSockets = await probeDescriptors(options, log);
    const kernel = await KernelBridge.start(options.config, options.addresses, log);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const failed = (reason: string) => reject(workerError(reason));
    const carrier = new Carrier(options, maxSockets, kernel, expired, failed, resolve, log);
    try {
      await promise;
    } catch (error) {
      await carrier.#stop();
      throw error;
    }
    return carrier;
  }

  /** How many isolates carry media. */
  get workers(): number {
    return this.#workers.count;
  }

  /** Takes no new calls; settles when the last session has ended. */
  drain(): Promise<void> {
    this.directory.drain();
    return new Promise((resolve) => this.#drained = resolve);
  }

  /** Ends an isolate as a fault of its own would: its sessions end, and another one takes its place. */
  killWorker(number: number): void {
    this.#workers.kill(number);
  }

  /** Ends all sessions, waits until they are reported, and ends the isolates. */
  async close(): Promise<void> {
    this.directory.close();
    const giveUpAtMs = performance.now() + CLOSE_DEADLINE_MS;
    while (!this.directory.closed && performance.now() < giveUpAtMs) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    this.directory.giveUp();
    await this.#stop();
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#workers[Symbol.dispose]();
    await this.#kernel.close();
  }
}

/** Says if `port_range` has more ports than the process may open, and how many those are. */
async function probeDescriptors({ config, addresses }: CarrierOptions, log: Logger): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<ProbeResult>();
  const probe = new Worker(new URL("./descriptor_probe.ts", import.meta.url), { type: "module", name: "probe" });
  probe.onmessage = ({ data }: MessageEvent<ProbeResult>) => resolve(data);
  probe.onerror = (event) => {
    event.preventDefault();
    reject(workerError(event.message));
  };
  const { start, end } = config.portRange;
  probe.postMessage({ addresses: addresses.map(({ address }) => address), start, end } satisfies ProbeRequest);
  try {
    const { maxSockets } = await promise;
    if (maxSockets !== Infinity) {
      log.warning(
        `port_range has ${
          (end - start) * addresses.length
        } ports, but the process may open ${maxSockets} media sockets: ` +
          `calls beyond that get an error (raise LimitNOFILE= of the service, or ulimit -n)`,
      );
    }
    return maxSockets;
  } finally {
    probe.terminate();
  }
}

function workerError(reason: string): StartError {
  const hint = reason.includes("Requires read access")
    ? "; a flag --allow-read replaces the list of deno.json, so it must name this program's own directory too"
    : "";
  return new StartError(`Cannot start a worker: ${reason.split("\n")[0]}${hint}`);
}
