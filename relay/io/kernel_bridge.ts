/** Between the workers, which have the streams, and the kernel path, which the main isolate has. @module */
import type { RelayAddress, RelayConfig } from "../../src/config/mod.ts";
import type { KernelSummary } from "../../src/control/statistics.ts";
import type { Logger } from "../../src/env/log.ts";
import { StartError } from "../../src/io/program.ts";
import type { KernelPair, KernelReply, KernelRequest } from "../kernel/gate.ts";
import { KernelService } from "./kernel_service.ts";

/** Who is silent is noticed by counters that are read at least so often. */
const MAX_POLL_MS = 4000;

const OFF: KernelSummary = { status: "off", reason: "kernel = off", components: 0, left: {} };

export class KernelBridge {
  readonly #service: KernelService | undefined;
  #post: (worker: number, reply: KernelReply) => void = () => {};
  /** By worker, and the worker's own number. */
  readonly #pairs = new Map<number, Map<number, KernelPair>>();

  private constructor(config: RelayConfig, addresses: readonly RelayAddress[], log: Logger) {
    if (config.kernel === "off") return;
    const { portRange, dscp, idleTimeoutMs, oneWayAfterMs } = config;
    const noticedMs = Math.min(idleTimeoutMs, oneWayAfterMs === 0 ? Infinity : oneWayAfterMs);
    this.#service = new KernelService(
      {
        firstPort: portRange.start,
        endPort: portRange.end,
        addresses: addresses.map(({ address }) => address),
        dscp,
        maxPollMs: Math.min(MAX_POLL_MS, noticedMs / 2),
      },
      log,
      (open) => {
        for (const worker of this.#pairs.keys()) this.#post(worker, { type: "open", open });
      },
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
    this.workerLost(worker);
    this.#pairs.set(worker, new Map());
    this.#post(worker, { type: "open", open: this.#service?.on === true });
  }

  /** Its streams are no more, so nobody wants to know of their pairs. */
  workerLost(worker: number): void {
    const pairs = this.#pairs.get(worker);
    this.#pairs.delete(worker);
    for (const pair of pairs?.values() ?? []) pair.leave("asked");
  }

  received(worker: number, request: KernelRequest): void {
    const pairs = this.#pairs.get(worker);
    if (pairs === undefined) return;
    const { pair: number } = request;
    if (request.type === "leave") return pairs.get(number)?.leave(request.why);
    const post = (reply: KernelReply) => {
      if (this.#pairs.get(worker) === pairs) this.#post(worker, reply); // not to the one that has taken its place
    };
    const pair = this.#service?.enter(request.flows, {
      entered: () => post({ type: "entered", pair: number }),
      counted: (caller, callee) => post({ type: "counted", pair: number, caller, callee }),
      left: (why) => {
        pairs.delete(number);
        post({ type: "left", pair: number, why });
      },
    });
    if (pair !== undefined) pairs.set(number, pair);
    else post({ type: "left", pair: number, why: this.#service?.on === true ? "refused" : "lost" });
  }

  /** Ends the path; to be called once the workers have ended their sessions. */
  async close(): Promise<void> {
    await this.#service?.close();
  }
}
