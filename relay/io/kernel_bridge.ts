/** Between the workers, which have the streams, and the kernel path, which the main isolate has. @module */
import type { RelayAddress, RelayConfig } from "../../src/config/mod.ts";
import type { KernelSummary } from "../../src/control/statistics.ts";
import type { Logger } from "../../src/env/log.ts";
import { StartError } from "../../src/io/program.ts";
import type { KernelReply, KernelRequest } from "../kernel/gate.ts";
import { type PairCarrier, WorkerPairs } from "../kernel/worker_pairs.ts";
import { KernelService } from "./kernel_service.ts";

/** Who is silent is noticed by counters that are read at least so often. The default traffic_sampling_period is twice that. */
const MAX_POLL_MS = 7500;

/** A line costs nft 0.3 ms on average until then: 4 hours with 1,000 calls that stay, half an hour if 5 begin every
 * second. */
const MAX_LINES = 100_000;

const OFF: KernelSummary = { status: "off", reason: "kernel = off", components: 0, left: {} };
const NO_CARRIER: PairCarrier = { on: false, enter: () => undefined };

export class KernelBridge {
  readonly #service: KernelService | undefined;
  #post: (worker: number, reply: KernelReply) => void = () => {};
  readonly #pairs: WorkerPairs;

  private constructor(config: RelayConfig, addresses: readonly RelayAddress[], log: Logger) {
    this.#service = config.kernel === "off" ? undefined : this.#createService(config, addresses, log);
    this.#pairs = new WorkerPairs(this.#service ?? NO_CARRIER, (worker, reply) => this.#post(worker, reply));
  }

  #createService(config: RelayConfig, addresses: readonly RelayAddress[], log: Logger): KernelService {
    const { portRange, dscp, idleTimeoutMs, oneWayAfterMs } = config;
    const noticedMs = Math.min(idleTimeoutMs, oneWayAfterMs === 0 ? Infinity : oneWayAfterMs);
    return new KernelService(
      {
        firstPort: portRange.start,
        endPort: portRange.end,
        addresses: addresses.map(({ address }) => address),
        dscp,
        maxPollMs: Math.min(MAX_POLL_MS, noticedMs * 3 / 4),
        maxLines: MAX_LINES,
      },
      log,
      { changed: (open) => this.#pairs.changed(open), read: () => this.#pairs.read() },
    );
  }

  /**
   * Starts the path, if the configuration wants it.
   * @throws StartError if it must be there and cannot be.
   */
  static async start(config: RelayConfig, addresses: readonly RelayAddress[], log: Logger): Promise<KernelBridge> {
    const bridge = new KernelBridge(config, addresses, log);
    const failure = await bridge.#service?.start();
    if (failure !== undefined && config.kernel === "on") {
      await bridge.close();
      throw new StartError(`Cannot start with kernel = on: ${failure}`);
    }
    if (failure !== undefined) log.info(`no kernel path, media stays in userspace: ${failure}`);
    if (config.kernel === "off" && config.dscp !== undefined) {
      log.warning("dscp has no effect with kernel = off: it is nftables that sets it");
    }
    return bridge;
  }

  /** `post` reaches the workers. */
  connect(post: (worker: number, reply: KernelReply) => void): void {
    this.#post = post;
  }

  /** For the relay's summary. */
  get summary(): KernelSummary {
    return this.#service?.summary ?? OFF;
  }

  /** A worker begins, perhaps in the place of one that has failed. */
  workerStarted(worker: number): void {
    this.#pairs.started(worker);
  }

  /** Its pairs leave the kernel. */
  workerLost(worker: number): void {
    this.#pairs.lost(worker);
  }

  received(worker: number, request: KernelRequest): void {
    this.#pairs.received(worker, request);
  }

  /** Ends the path; to be called once the workers have ended their sessions. */
  async close(): Promise<void> {
    await this.#service?.close();
  }
}
