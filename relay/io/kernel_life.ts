/** One life of nft: its table, and the pairs in it, which it carries until the end of either. @module */
import type { Logger } from "../../src/env/log.ts";
import { DeadlineDriver } from "../../src/io/deadline_driver.ts";
import { markCounters } from "../kernel/answers.ts";
import type { Counts, FlowPair } from "../kernel/flow.ts";
import type { OwnersReason } from "../kernel/gate.ts";
import { KernelPath, type LeaveReason, type Reading, type Step } from "../kernel/kernel_path.ts";
import { MAX_INSTANCES } from "../kernel/slots.ts";
import { KernelTable, type TableOptions } from "../kernel/table.ts";
import { testPath } from "./kernel_selftest.ts";
import { Nft, NftError, NftGoneError } from "./nft.ts";

const DRAIN_POLL_MS = 20;
/** How long pairs may take to leave when the path ends. */
const DRAIN_MS = 3000;

export interface LifeOptions extends TableOptions {
  /** Counters are read so often at least. */
  readonly maxPollMs: number;
}

export interface LifeOutputs {
  entered(id: number): void;
  counted(id: number, caller: Counts, callee: Counts): void;
  left(life: KernelLife, id: number, why: LeaveReason): void;
  /** Some counters have been read, and the owners told. */
  read(): void;
  /** nft was told more. */
  told(life: KernelLife): void;
  /** The path must not be used any longer. */
  failing(life: KernelLife, reason: string): void;
  /** nft has ended; what it carried leaves as lost. */
  ended(life: KernelLife, reason: string): void;
}

export class KernelLife {
  readonly tableName: string;
  /** Why its table is of no use but for its other rules; `undefined` if it can carry pairs. */
  readonly failure: string | undefined;
  readonly #nft: Nft;
  readonly #table: KernelTable;
  readonly #path: KernelPath;
  readonly #outputs: LifeOutputs;
  readonly #driver = new DeadlineDriver();

  private constructor(
    nft: Nft,
    table: KernelTable,
    failure: string | undefined,
    maxPollMs: number,
    outputs: LifeOutputs,
  ) {
    this.tableName = table.name;
    this.failure = failure;
    this.#nft = nft;
    this.#table = table;
    this.#outputs = outputs;
    this.#path = new KernelPath(table, maxPollMs, {
      execute: (commands, step) => this.#execute(commands, step),
      list: (readings) => this.#list(readings),
      entered: (id) => outputs.entered(id),
      counted: (id, caller, callee) => outputs.counted(id, caller, callee),
      read: () => outputs.read(),
      left: (id, why) => outputs.left(this, id, why),
      failing: (reason) => outputs.failing(this, reason),
    });
    const path = this.#path;
    this.#driver.add({
      get nextDeadlineMs() {
        return path.nextDeadlineMs;
      },
      handleTimeouts: (nowMs) => path.handleTimeout(nowMs),
    });
    nft.ended.then((reason) => {
      this.#driver.close();
      outputs.ended(this, reason);
      this.#path.gone();
    });
  }

  /**
   * Starts nft, creates a table and proves that packets take their way through it.
   * @throws NftError | NftGoneError | NftAnswerError
   */
  static async start(options: LifeOptions, outputs: LifeOutputs, log: Logger): Promise<KernelLife> {
    const nft = await Nft.start(log);
    try {
      const table = await createTable(nft, options);
      const failure = await testPath(nft, table, options);
      return new KernelLife(nft, table, failure, options.maxPollMs, outputs);
    } catch (error) {
      await nft.close();
      throw error;
    }
  }

  /** How many lines nft was told. */
  get lines(): number {
    return this.#nft.lines;
  }

  /** How many pairs it carries. */
  get size(): number {
    return this.#path.size;
  }

  /** Begins to carry a pair; false if there is no room. */
  enter(id: number, flows: FlowPair): boolean {
    return this.#path.enter(id, flows);
  }

  leave(id: number, why: OwnersReason): void {
    this.#path.leave(id, why, performance.now());
  }

  #execute(commands: string, step: Step): void {
    this.#nft.execute(commands).then(
      () => {
        this.#path.executed(step, performance.now());
        this.#driver.rearm();
      },
      (error) => this.#unlessGone(error, (message) => this.#path.failed(step, message)),
    );
  }

  #list(readings: readonly Reading[]): void {
    const table = this.#table;
    const commands = readings.flatMap(({ group, both }) =>
      both ? [table.listTaken(group), table.listGiven(group)] : [table.listTaken(group)]
    );
    this.#nft.list(commands).then((answers) => {
      const counters = answers.values().map(markCounters);
      for (const { group, both } of readings) {
        const taken = counters.next().value!;
        this.#path.listed(group, taken, both ? counters.next().value : undefined, performance.now());
      }
      this.#outputs.told(this);
      this.#driver.rearm();
    }).catch((error) => this.#unlessGone(error, (message) => this.#path.failedToList(message)));
  }

  /** After nft's end everybody has been told; an answer that never comes says nothing new. */
  #unlessGone(error: Error, tell: (message: string) => void): void {
    if (!(error instanceof NftGoneError)) tell(error.message);
  }

  /** Takes all pairs out, in order, and the table with nft. */
  async close(): Promise<void> {
    this.#path.leaveAll(performance.now());
    const giveUpAtMs = performance.now() + DRAIN_MS;
    while (this.#path.size > 0 && performance.now() < giveUpAtMs) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    await this.#nft.close();
  }
}

/** Several relays of one host look for a number each; the kernel knows which are taken. */
async function createTable(nft: Nft, options: TableOptions): Promise<KernelTable> {
  const first = crypto.getRandomValues(new Uint8Array(1))[0]!;
  for (let attempt = 0;; attempt++) {
    const table = new KernelTable((first + attempt) % MAX_INSTANCES, options);
    try {
      await nft.execute(table.create());
      return table;
    } catch (error) {
      const taken = error instanceof NftError && /File exists/.test(error.message);
      if (!taken || attempt === MAX_INSTANCES - 1) throw error;
    }
  }
}
