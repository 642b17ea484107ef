/**
 * The kernel path as a service: has nft started, and proved that packets take the path, carries what it is given, and
 * starts again after a while when something fails. Without it everything goes on in userspace.
 *
 * nft keeps each line that it was told, and looks through all of them at each new one (6.5 ns a line; nft 1.0.6 with
 * libedit). So it gets a successor before that is much: what begins from then on goes to the new one, what the old one
 * carries stays with it, and it ends with the last of that.
 * @module
 */
import type { KernelSummary } from "../../src/control/statistics.ts";
import type { Logger } from "../../src/env/log.ts";
import { NftAnswerError } from "../kernel/answers.ts";
import type { FlowPair } from "../kernel/flow.ts";
import type { KernelPair, KernelPairOwner } from "../kernel/gate.ts";
import type { LeaveReason } from "../kernel/kernel_path.ts";
import { KernelLife, type LifeOptions, type LifeOutputs } from "./kernel_life.ts";
import { NftError, NftGoneError } from "./nft.ts";

const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 300_000;
/** Interfaces may get other addresses. */
const ADDRESSES_MS = 10_000;
/** When nft was told so many times as much as one that gets a successor, what it still carries has to leave. */
const MAX_AGE = 2;

export interface KernelServiceOptions extends LifeOptions {
  /** When nft was told so many lines, it gets a successor. */
  readonly maxLines: number;
}

export interface KernelServiceOutputs {
  /** Whether pairs may enter from now on. */
  changed(open: boolean): void;
  /** Some counters have been read, and the owners told. */
  read(): void;
}

export class KernelService implements AsyncDisposable {
  readonly #options: KernelServiceOptions;
  readonly #log: Logger;
  readonly #outputs: KernelServiceOutputs;
  readonly #lifeOutputs: LifeOutputs;
  readonly #owners = new Map<number, KernelPairOwner>();
  readonly #left: Record<LeaveReason, number>;
  /** Where pairs enter. */
  #life: KernelLife | undefined = undefined;
  /** Those that have a successor, and still carry some. */
  readonly #aging = new Set<KernelLife>();
  #renewing = false;
  #renewAtLines: number;
  #off = "not started";
  #nextId = 0;
  #ownAddresses: ReadonlySet<string> = new Set();
  #addressesAtMs = -Infinity;
  #retryMs = FIRST_RETRY_MS;
  #retryTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  #closed = false;

  constructor(options: KernelServiceOptions, log: Logger, outputs: KernelServiceOutputs) {
    this.#options = options;
    this.#log = log;
    this.#outputs = outputs;
    this.#renewAtLines = options.maxLines;
    this.#left = { asked: 0, "not taken": 0, eaten: 0, "partly eaten": 0, refused: 0, lost: 0 };
    this.#lifeOutputs = {
      entered: (id) => this.#owners.get(id)?.entered(performance.now()),
      counted: (id, caller, callee) => this.#owners.get(id)?.counted(caller, callee, performance.now()),
      read: () => outputs.read(),
      left: (life, id, why) => this.#pairLeft(life, id, why),
      told: (life) => this.#lifeTold(life),
      failing: (life, reason) => this.#fail(life, reason),
      ended: (life, reason) => this.#ended(life, reason),
    };
  }

  /** Whether pairs may enter. */
  get on(): boolean {
    return this.#life !== undefined && this.#life.failure === undefined;
  }

  /** For the relay's summary. */
  get summary(): KernelSummary {
    const { size: components } = this.#owners;
    const left = { ...this.#left };
    return this.on ? { status: "on", components, left } : { status: "off", reason: this.#off, components, left };
  }

  /** Tries to start. Returns why it cannot, or `undefined`; it is not tried again then. */
  async start(): Promise<string | undefined> {
    const loopback = this.#options.addresses.find((address) => address.startsWith("127.") || address === "::1");
    if (loopback !== undefined) return this.#off = `relay_ip ${loopback} is only for this host`;
    const life = await this.#begin();
    if (typeof life === "string") return this.#off = life;
    if (life.failure !== undefined) this.#off = life.failure;
    if (this.#closed || (life.failure !== undefined && this.#options.dscp === undefined)) {
      await life.close();
      return this.#off;
    }
    this.#life = life;
    if (life.failure !== undefined) return this.#off;
    this.#log.info(`the kernel carries media: nftables, table ${life.tableName}`);
    this.#opened();
    return undefined;
  }

  #opened(): void {
    clearTimeout(this.#retryTimer);
    this.#retryMs = FIRST_RETRY_MS;
    this.#renewAtLines = this.#options.maxLines;
    this.#outputs.changed(true);
  }

  /** Another life, or why there is none. */
  async #begin(): Promise<KernelLife | string> {
    try {
      return await KernelLife.start(this.#options, this.#lifeOutputs, this.#log);
    } catch (error) {
      const foreseen = error instanceof NftError || error instanceof NftGoneError || error instanceof NftAnswerError;
      if (!foreseen) throw error;
      return error.message;
    }
  }

  /**
   * Gives a pair to the kernel. Returns `undefined` if it cannot be carried: the path is off or full, or a party is on
   * this host, where packets that the kernel rewrites are not forwarded but delivered.
   */
  enter(flows: FlowPair, owner: KernelPairOwner): KernelPair | undefined {
    const life = this.#life;
    if (life === undefined || !this.on || flows.some(({ source }) => this.#isOurs(source.address))) return undefined;
    const id = this.#nextId++;
    this.#owners.set(id, owner);
    if (!life.enter(id, flows)) {
      this.#owners.delete(id);
      return undefined;
    }
    return { leave: (why) => life.leave(id, why) };
  }

  #isOurs(address: string): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#addressesAtMs >= ADDRESSES_MS) {
      this.#addressesAtMs = nowMs;
      this.#ownAddresses = new Set(Deno.networkInterfaces().map((it) => it.address));
    }
    return this.#ownAddresses.has(address) || address.startsWith("127.");
  }

  #pairLeft(life: KernelLife, id: number, why: LeaveReason): void {
    const owner = this.#owners.get(id);
    this.#owners.delete(id);
    this.#left[why]++;
    owner?.left(why, performance.now());
    if (life.size === 0 && this.#aging.delete(life)) life.close();
  }

  #lifeTold(life: KernelLife): void {
    if (life === this.#life && life.lines >= this.#renewAtLines) this.#renew(life);
    // What it carries goes back to userspace in order, and from there to the next one.
    if (life.lines >= MAX_AGE * this.#options.maxLines && this.#aging.delete(life)) life.close();
  }

  async #renew(old: KernelLife): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    const life = await this.#begin();
    this.#renewing = false;
    if (this.#closed || typeof life === "string" || life.failure !== undefined) {
      this.#renewAtLines = old.lines + this.#options.maxLines / 4;
      this.#log.warning(`nft has no successor yet: ${typeof life === "string" ? life : life.failure}`);
      if (typeof life !== "string") await life.close();
      return;
    }
    this.#log.info(`nft was told much, calls go to another one from now on: table ${life.tableName}`);
    const ended = this.#life !== old; // meanwhile, by itself
    this.#life = life;
    this.#opened();
    if (old.size > 0) this.#aging.add(old);
    else if (!ended) await old.close();
  }

  /** The path is of no use: what it carries goes back to userspace, in order. */
  async #fail(life: KernelLife, reason: string): Promise<void> {
    if (this.#aging.delete(life)) return await life.close();
    if (this.#life !== life) return;
    this.#log.warning(`the kernel path is off, media goes on in userspace: ${reason}`);
    this.#life = undefined;
    this.#off = reason;
    this.#outputs.changed(false);
    this.#retryMs = MAX_RETRY_MS;
    await life.close();
    this.#retryLater();
  }

  /** nft has ended; nobody asked it to, or it was on purpose. */
  #ended(life: KernelLife, reason: string): void {
    if (this.#aging.delete(life)) this.#log.warning(`${reason}; what it carried goes on in userspace`);
    if (this.#life !== life) return;
    this.#life = undefined;
    this.#off = reason;
    this.#outputs.changed(false);
    this.#log.warning(`${reason}; media goes on in userspace, and nft is started again in ${this.#retryMs / 1000} s`);
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#closed) return;
    this.#retryTimer = setTimeout(async () => {
      this.#retryMs = Math.min(2 * this.#retryMs, MAX_RETRY_MS);
      if (await this.start() !== undefined && this.#life === undefined) this.#retryLater();
    }, this.#retryMs);
  }

  /** Takes everything out, and the tables with it. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    const lives = [...this.#aging, ...this.#life === undefined ? [] : [this.#life]];
    this.#life = undefined;
    this.#aging.clear();
    await Promise.all(lives.map((life) => life.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
