/**
 * The kernel path as a service: starts nft, proves that packets take the path, carries what it is given, and starts
 * again after a while when something fails. Without it everything goes on in userspace.
 * @module
 */
import type { Logger } from "../../src/env/log.ts";
import { markCounters, NftAnswerError } from "../kernel/answers.ts";
import type { KernelSummary } from "../../src/control/statistics.ts";
import type { FlowPair } from "../kernel/flow.ts";
import type { KernelPair, KernelPairOwner } from "../kernel/gate.ts";
import { KernelPath, type LeaveReason, type Step } from "../kernel/kernel_path.ts";
import { MAX_INSTANCES } from "../kernel/slots.ts";
import { KernelTable, type TableOptions } from "../kernel/table.ts";
import { testPath } from "./kernel_selftest.ts";
import { Nft, NftError, NftGoneError } from "./nft.ts";

const DRAIN_POLL_MS = 20;
/** How long pairs may take to leave when the path ends. */
const DRAIN_MS = 3000;
const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 300_000;
const RENEW_MS = 100;
/** Interfaces may get other addresses. */
const ADDRESSES_MS = 10_000;

/** One life of nft: its table, and the pairs in it. */
interface Life {
  readonly nft: Nft;
  readonly table: KernelTable;
  /** `undefined` where only the table's other rules are of use. */
  readonly path: KernelPath | undefined;
}

export interface KernelServiceOptions extends TableOptions {
  /** Counters are read so often at least. */
  readonly maxPollMs: number;
  /** When nft was told so many lines, another one takes its place. */
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
  readonly #owners = new Map<number, KernelPairOwner>();
  readonly #left: Record<LeaveReason, number>;
  #life: Life | undefined = undefined;
  #off = "not started";
  #nextId = 0;
  #ownAddresses: ReadonlySet<string> = new Set();
  #addressesAtMs = -Infinity;
  #retryMs = FIRST_RETRY_MS;
  #retryTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #timerAtMs = Infinity;
  #closed = false;

  constructor(options: KernelServiceOptions, log: Logger, outputs: KernelServiceOutputs) {
    this.#options = options;
    this.#log = log;
    this.#outputs = outputs;
    this.#left = { asked: 0, "not taken": 0, eaten: 0, "partly eaten": 0, refused: 0, lost: 0 };
  }

  /** Whether pairs may enter. */
  get on(): boolean {
    return this.#life?.path !== undefined;
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
    try {
      await this.#begin();
      return this.on ? undefined : this.#off;
    } catch (error) {
      const foreseen = error instanceof NftError || error instanceof NftGoneError || error instanceof NftAnswerError;
      if (!foreseen) throw error;
      return this.#off = error.message;
    }
  }

  async #begin(): Promise<void> {
    const nft = await Nft.start(this.#log);
    try {
      const table = await this.#createTable(nft);
      const failure = await testPath(nft, table, this.#options);
      if (failure !== undefined) this.#off = failure;
      if (failure !== undefined && this.#options.dscp === undefined) return await nft.close();
      const path = failure === undefined ? this.#createPath(nft, table) : undefined;
      const life = this.#life = { nft, table, path };
      nft.ended.then((reason) => this.#ended(life, reason));
      if (path === undefined) return;
      this.#wake(path);
      this.#log.info(`the kernel carries media: nftables, table ${table.name}`);
      this.#outputs.changed(true);
    } catch (error) {
      await nft.close();
      throw error;
    }
  }

  /** Several relays of one host look for a number each; the kernel knows which are taken. */
  async #createTable(nft: Nft): Promise<KernelTable> {
    const first = crypto.getRandomValues(new Uint8Array(1))[0]!;
    for (let attempt = 0;; attempt++) {
      const table = new KernelTable((first + attempt) % MAX_INSTANCES, this.#options);
      try {
        await nft.execute(table.create());
        return table;
      } catch (error) {
        const taken = error instanceof NftError && /File exists/.test(error.message);
        if (!taken || attempt === MAX_INSTANCES - 1) throw error;
      }
    }
  }

  #createPath(nft: Nft, table: KernelTable): KernelPath {
    // After nft's end `gone` has told everybody; an answer that never comes says nothing new.
    const unlessGone = (error: Error, tell: (message: string) => void) => {
      if (!(error instanceof NftGoneError)) tell(error.message);
    };
    const path: KernelPath = new KernelPath(table, this.#options.maxPollMs, {
      execute: (commands, step: Step) => {
        nft.execute(commands).then(
          () => {
            path.executed(step, performance.now());
            this.#wake(path);
          },
          (error) => unlessGone(error, (message) => path.failed(step, message)),
        );
      },
      list: (readings) => {
        const commands = readings.flatMap(({ group, both }) =>
          both ? [table.listTaken(group), table.listGiven(group)] : [table.listTaken(group)]
        );
        nft.list(commands).then((answers) => {
          const counters = answers.values().map(markCounters);
          for (const { group, both } of readings) {
            const taken = counters.next().value!;
            path.listed(group, taken, both ? counters.next().value : undefined, performance.now());
          }
          if (nft.lines >= this.#options.maxLines) this.#renew();
          this.#wake(path);
        }).catch((error) => unlessGone(error, (message) => path.failedToList(message)));
      },
      entered: (id) => this.#owners.get(id)?.entered(performance.now()),
      counted: (id, caller, callee) => this.#owners.get(id)?.counted(caller, callee, performance.now()),
      read: () => this.#outputs.read(),
      left: (id, why) => {
        const owner = this.#owners.get(id);
        this.#owners.delete(id);
        this.#left[why]++;
        owner?.left(why, performance.now());
      },
      failing: (reason) => this.#fail(reason),
    });
    return path;
  }

  /** Sees to it that the path is called when it has something to do. */
  #wake(path: KernelPath): void {
    const { nextDeadlineMs } = path;
    if (nextDeadlineMs >= this.#timerAtMs) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = nextDeadlineMs;
    this.#timer = setTimeout(() => {
      this.#timerAtMs = Infinity;
      path.handleTimeout(performance.now());
      this.#wake(path);
    }, Math.max(0, nextDeadlineMs - performance.now()));
  }

  /**
   * Gives a pair to the kernel. Returns `undefined` if it cannot be carried: the path is off or full, or a party is on
   * this host, where packets that the kernel rewrites are not forwarded but delivered.
   */
  enter(flows: FlowPair, owner: KernelPairOwner): KernelPair | undefined {
    const path = this.#life?.path;
    if (path === undefined || flows.some(({ source }) => this.#isOurs(source.address))) return undefined;
    const id = this.#nextId++;
    this.#owners.set(id, owner);
    if (!path.enter(id, flows)) {
      this.#owners.delete(id);
      return undefined;
    }
    return { leave: (why) => path.leave(id, why, performance.now()) };
  }

  #isOurs(address: string): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#addressesAtMs >= ADDRESSES_MS) {
      this.#addressesAtMs = nowMs;
      this.#ownAddresses = new Set(Deno.networkInterfaces().map((it) => it.address));
    }
    return this.#ownAddresses.has(address) || address.startsWith("127.");
  }

  /** The path is of no use: what it carries goes back to userspace, in order. */
  #fail(reason: string): void {
    if (!this.on) return;
    this.#log.warning(`the kernel path is off, media goes on in userspace: ${reason}`);
    this.#stop(reason, MAX_RETRY_MS);
  }

  /** What nft carries goes to userspace in order, and from there to the next one. */
  #renew(): void {
    if (!this.on) return;
    this.#log.info("nft was told so much that another one takes its place");
    this.#stop("nft is being replaced", RENEW_MS);
  }

  async #stop(reason: string, retryMs: number): Promise<void> {
    const life = this.#life!;
    this.#life = undefined;
    this.#off = reason;
    this.#outputs.changed(false);
    this.#retryMs = retryMs;
    await this.#end(life);
    this.#retryLater();
  }

  /** nft has ended; nobody asked it to, or it was on purpose. */
  #ended(life: Life, reason: string): void {
    clearTimeout(this.#timer);
    this.#timerAtMs = Infinity;
    life.path?.gone();
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
      const failure = await this.start();
      if (failure === undefined) this.#retryMs = FIRST_RETRY_MS;
      else if (this.#life === undefined) this.#retryLater();
    }, this.#retryMs);
  }

  async #end({ nft, path }: Life): Promise<void> {
    path?.leaveAll(performance.now());
    const giveUpAtMs = performance.now() + DRAIN_MS;
    while (path !== undefined && path.size > 0 && performance.now() < giveUpAtMs) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    await nft.close();
  }

  /** Takes everything out, and the table with it. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    const life = this.#life;
    this.#life = undefined;
    if (life !== undefined) await this.#end(life);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
