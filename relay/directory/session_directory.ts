/**
 * Which worker isolate carries which session: commands go to the worker that has their call, new calls to the one with the
 * fewest sessions. Runs in the main isolate; each worker runs a `Relay` over its share of the ports.
 *
 * A command's life:
 * 1. `io/dispatchers.ts` reads it from a dispatcher and calls `handle`.
 * 2. All sessions of one Call-ID are on one worker. `summary`, `sessions` and `explain`, which takes parts of
 *    a Call-ID and knows calls that have ended, ask every worker, and merge what they say.
 * 3. `relay.ts` in the worker executes it. A worker that has no ports left for a new call makes way for the next one.
 * 4. The answer comes back in whatever order: `dispatcher_link.ts` knows its sequence number.
 *
 * A worker's life:
 *
 * | state    | meaning                                              | next                                   |
 * | -------- | ---------------------------------------------------- | -------------------------------------- |
 * | starting | gets commands, and executes them once it is up        | up: it says so                         |
 * | up       |                                                      | down: it failed, or says nothing for long |
 * | down     | its sessions were reported as expired                 | starting: another one takes its place   |
 * @module
 */
import { HeaderLines, type Headers } from "../../src/control/headers.ts";
import type { KernelSummary, SessionStatistics } from "../../src/control/statistics.ts";
import { ChurningMap } from "../../src/env/churning_map.ts";
import type { Clock } from "../../src/env/clock.ts";
import { LOG_LEVELS, type Logger, type LogLevel } from "../../src/env/log.ts";
import { Admission, type AdmissionLimits } from "./admission.ts";
import { type KnownCall, KnownCalls } from "./known_calls.ts";
import { mergedLists, mergedSessions, mergedSummary } from "./merged_answers.ts";
import type { SocketCounters } from "../port_pool.ts";
import type { FromWorker, RelayAnswer, ToWorker } from "./worker_messages.ts";

export interface DirectoryOptions {
  readonly workers: number;
  readonly limits: AdmissionLimits;
  /** As in the configuration, `start:end`. */
  readonly portRange: string;
  kernelSummary(): KernelSummary;
}

/** What the directory wants done. None of it calls back in. */
export interface DirectoryOutputs {
  post(worker: number, message: ToWorker): void;
  /** Another isolate is to take the worker's place; ports from `usedBelow` up have never been bound by it. */
  replace(worker: number, usedBelow: number): void;
  /** A session ended by itself; `dispatcher` is the one that last commanded it. */
  expired(dispatcher: string, statistics: SessionStatistics): void;
}

interface Slot {
  /** From 1. */
  readonly number: number;
  state: "starting" | "up" | "down";
  /** Another isolate had its place before. */
  lostBefore: boolean;
  /** It has ended its sessions, as it was told. */
  closed: boolean;
  sessions: number;
  /** New sessions that it was asked for. */
  asked: number;
  /** Ticks since it last said something. */
  silentTicks: number;
  usedBelow: number;
  counters: Readonly<SocketCounters>;
}

interface Request {
  readonly dispatcher: string;
  readonly command: string;
  readonly headers: readonly string[];
  readonly call: KnownCall<Slot> | undefined;
  readonly isNew: boolean;
  readonly tried: Set<Slot>;
  readonly answer: (text: string) => void;
}

interface Pending {
  readonly slot: Slot;
  readonly deadlineMs: number;
  done(answer: RelayAnswer | undefined): void;
}

/** A saturated worker still says something every second. Ticks, not time: while this isolate itself stands still, what the
 * workers have said waits for it. */
const MAX_SILENT_TICKS = 5;
/** Until it is up, a worker may have to fetch its code. */
const MAX_STARTING_TICKS = 30;
/** For what all workers are asked for; dispatchers wait 5 s. */
const MERGE_DEADLINE_MS = 3000;

const NO_COUNTERS: Readonly<SocketCounters> = { late: 0, truncated: 0, sendFailed: 0 };

export class SessionDirectory {
  readonly #options: DirectoryOptions;
  readonly #outputs: DirectoryOutputs;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #admission: Admission;
  readonly #slots: readonly Slot[];
  readonly #calls = new KnownCalls<Slot>();
  readonly #pending = new ChurningMap<number, Pending>();
  readonly #startedAtMs: number;
  #lastId = 0;
  #draining = false;
  #closing = false;
  #logLevel: LogLevel;
  /** Of workers that are no more. */
  #pastCounters = NO_COUNTERS;

  constructor(options: DirectoryOptions, outputs: DirectoryOutputs, clock: Clock, log: Logger) {
    this.#options = options;
    this.#outputs = outputs;
    this.#clock = clock;
    this.#log = log;
    this.#startedAtMs = clock.nowMs();
    this.#admission = new Admission(options.limits, log, this.#startedAtMs);
    this.#logLevel = logLevelOf(log);
    this.#slots = Array.from({ length: options.workers }, (_, index): Slot => ({
      number: index + 1,
      state: "down",
      lostBefore: false,
      closed: false,
      sessions: 0,
      asked: 0,
      silentTicks: 0,
      usedBelow: 0,
      counters: NO_COUNTERS,
    }));
  }

  get sessionCount(): number {
    return this.#slots.reduce((sum, { sessions }) => sum + sessions, 0);
  }

  /** Whether sessions are up that `dispatcher` commands. */
  hasSessionsOf(dispatcher: string): boolean {
    return this.#calls.hasSessionsOf(dispatcher);
  }

  /** What all sockets have counted since the start. */
  get counters(): SocketCounters {
    return this.#slots.map(({ counters }) => counters).reduce(summed, this.#pastCounters);
  }

  /** Takes no new calls, and has none any more. */
  get drained(): boolean {
    return this.#draining && this.sessionCount === 0 && this.#pending.size === 0;
  }

  /** All workers have ended their sessions. */
  get closed(): boolean {
    return this.#slots.every(({ closed, state }) => closed || state === "down");
  }

  /** Whether every worker runs. */
  get ready(): boolean {
    return this.#slots.every(({ state }) => state === "up");
  }

  /** Executes a command of `dispatcher` (its configured `host:port`). `answer` is called once, now or later. */
  handle(dispatcher: string, command: string, headers: Headers, answer: (text: string) => void): void {
    const request = { dispatcher, command, headers: linesOf(headers), isNew: false, tried: new Set<Slot>(), answer };
    const callId = headers.get("call_id");
    const isForAll = command === "summary" || command === "sessions" || (command === "explain" && callId !== undefined);
    if (isForAll) return this.#askAll({ ...request, call: undefined });
    const known = callId === undefined ? undefined : this.#calls.get(callId);
    const isNew = command === "update" && callId !== undefined &&
      known?.find(headers.get("from_tag"), headers.get("to_tag")) === undefined;
    if (isNew && !this.#draining) {
      const sessions = this.#slots.reduce((sum, slot) => sum + slot.sessions + slot.asked, 0);
      if (!this.#admission.admits(sessions, this.#clock.nowMs(), { dispatcher, callId })) return answer("error");
    }
    const slot = known?.worker ?? this.#leastBusy(request.tried);
    if (slot === undefined) {
      this.#log.error("Cannot execute a command: no worker is up", {
        dispatcher,
        ...callId !== undefined && { callId },
      });
      return answer("error");
    }
    const call = known ?? (isNew ? this.#calls.add(callId, slot) : undefined);
    this.#ask({ ...request, isNew, call }, slot);
  }

  #leastBusy(except: ReadonlySet<Slot>): Slot | undefined {
    let best: Slot | undefined = undefined;
    for (const slot of this.#slots) {
      if (slot.state === "down" || except.has(slot)) continue;
      if (best === undefined || slot.sessions + slot.asked < best.sessions + best.asked) best = slot;
    }
    return best;
  }

  #ask(request: Request, slot: Slot): void {
    request.tried.add(slot);
    if (request.call !== undefined) request.call.pending++;
    if (request.isNew) slot.asked++;
    this.#post(request, slot, Infinity, (answer) => this.#settle(request, slot, answer));
  }

  #post(request: Request, slot: Slot, deadlineMs: number, done: Pending["done"]): void {
    const id = ++this.#lastId;
    this.#pending.set(id, { slot, deadlineMs, done });
    const { dispatcher, command, headers } = request;
    this.#outputs.post(slot.number, { kind: "command", id, dispatcher, command, headers });
  }

  /** `answer` is undefined if the worker was lost. Perhaps by this very command, so no other worker gets it. */
  #settle(request: Request, slot: Slot, answer: RelayAnswer | undefined): void {
    const { call } = request;
    if (request.isNew) slot.asked--;
    if (call !== undefined) {
      call.pending--;
      if (answer?.updated !== undefined && call.remember(answer.updated, request)) slot.sessions++;
      if (answer?.ended !== undefined && call.forget(answer.ended)) slot.sessions--;
      if (answer?.exhausted !== undefined) {
        const next = request.isNew && call.unused ? this.#leastBusy(request.tried) : undefined;
        if (next !== undefined) {
          call.worker = next;
          return this.#ask(request, next);
        }
        this.#log.error(answer.exhausted, { callId: call.callId, dispatcher: request.dispatcher });
      }
      if (call.unused) this.#calls.delete(call);
    }
    request.answer(answer?.text ?? "error");
  }

  #askAll(request: Request): void {
    const deadlineMs = this.#clock.nowMs() + MERGE_DEADLINE_MS;
    const texts = new Map<Slot, string>();
    let missing = this.#slots.length;
    const finish = () => {
      if (--missing === 0) request.answer(this.#merged(request, texts));
    };
    for (const slot of this.#slots) {
      if (slot.state === "down") {
        finish();
        continue;
      }
      this.#post(request, slot, deadlineMs, (answer) => {
        if (answer !== undefined) texts.set(slot, answer.text);
        finish();
      });
    }
  }

  #merged({ command, dispatcher }: Request, texts: ReadonlyMap<Slot, string>): string {
    const silent = this.#slots.filter((slot) => !texts.has(slot));
    for (const { number } of silent) this.#log.error(`${command}: a worker does not answer`, { worker: number });
    if (command === "explain") return mergedLists([...texts.values()]);
    if (command === "sessions") {
      // A dispatcher takes sessions that are not in the list for ended: those of a silent worker must stand in it.
      const known = silent.flatMap((slot) => this.#calls.lastKnown(slot, this.#clock.wallMs()));
      return mergedSessions(
        [...texts.values()],
        known.map(({ statistics, ...it }) => ({ ...statistics, own: it.dispatcher === dispatcher })),
      );
    }
    return mergedSummary([...texts.values()], {
      status: this.#draining ? "halting" : "active",
      uptime: Math.floor((this.#clock.nowMs() - this.#startedAtMs) / 1000),
      session_count: this.sessionCount,
      port_range: this.#options.portRange,
      refused: { ...this.#admission.refused },
      kernel: this.#options.kernelSummary(),
    });
  }

  /** A message of a worker. Not to be called for one that was replaced. */
  received(worker: number, message: Exclude<FromWorker, { kind: "kernel" }>): void {
    const slot = this.#slot(worker);
    slot.silentTicks = 0;
    switch (message.kind) {
      case "ready":
        slot.state = "up";
        if (slot.lostBefore) this.#log.info("worker started again", { worker });
        return;
      case "answer": {
        const pending = this.#pending.get(message.id);
        this.#pending.delete(message.id);
        return pending?.done(message.answer);
      }
      case "expired":
        return this.#expired(slot, message.dispatcher, message.statistics);
      case "records":
        for (const record of message.sessions) this.#calls.get(record.callId)?.refresh(record);
        return;
      case "log":
        return this.#log[message.level](message.message, { ...message.fields, worker });
      case "beat":
        slot.counters = message.counters;
        slot.usedBelow = message.usedBelow;
        return;
      case "descriptorLimit":
        for (const other of this.#slots) {
          if (other !== slot) this.#tell(other, { kind: "descriptorLimit" });
        }
        return;
      case "closed":
        slot.closed = true;
        return;
      default:
        return message satisfies never;
    }
  }

  #expired(slot: Slot, dispatcher: string, statistics: SessionStatistics): void {
    const call = this.#calls.get(statistics.call_id);
    if (call?.forget(statistics.from_tag)) slot.sessions--;
    if (call?.unused) this.#calls.delete(call);
    this.#outputs.expired(dispatcher, statistics);
  }

  /** An isolate has taken the worker's place; its first message was sent. */
  workerStarted(worker: number): void {
    const slot = this.#slot(worker);
    slot.state = "starting";
    slot.silentTicks = 0;
    this.#tell(slot, { kind: "logLevel", level: this.#logLevel });
    if (this.#draining) this.#tell(slot, { kind: "drain" });
  }

  /** The worker's isolate has ended, or is no use any more: its sessions are over. */
  workerLost(worker: number, reason: string): void {
    const slot = this.#slot(worker);
    if (slot.state === "down") return;
    slot.state = "down";
    slot.lostBefore = true;
    const lost = this.#calls.lastKnown(slot, this.#clock.wallMs());
    this.#log.error(`a worker is lost, and ${lost.length} sessions with it: ${reason}`, { worker });
    for (const [id, { slot: asked, done }] of [...this.#pending]) {
      if (asked !== slot) continue;
      this.#pending.delete(id);
      done(undefined);
    }
    this.#calls.deleteAllOf(slot);
    slot.sessions = 0;
    this.#pastCounters = summed(this.#pastCounters, slot.counters);
    slot.counters = NO_COUNTERS;
    for (const { dispatcher, statistics } of lost) {
      this.#log.info("session ended with its worker", { callId: statistics.call_id, worker });
      this.#outputs.expired(dispatcher, statistics);
    }
    if (!this.#closing) this.#outputs.replace(worker, slot.usedBelow);
  }

  /** To be called about once a second. */
  handleTimeout(): void {
    const nowMs = this.#clock.nowMs();
    for (const [id, { deadlineMs, done }] of [...this.#pending]) {
      if (deadlineMs > nowMs) continue;
      this.#pending.delete(id);
      done(undefined);
    }
    for (const slot of this.#slots) {
      if (slot.state === "down") continue;
      slot.silentTicks++;
      if (slot.silentTicks > (slot.state === "up" ? MAX_SILENT_TICKS : MAX_STARTING_TICKS)) {
        this.workerLost(slot.number, `it has said nothing for ${slot.silentTicks - 1} s`);
      }
    }
    const level = logLevelOf(this.#log);
    if (level === this.#logLevel) return;
    this.#logLevel = level;
    this.#tellAll({ kind: "logLevel", level });
  }

  /** Takes no new calls from now on. */
  drain(): void {
    this.#draining = true;
    this.#tellAll({ kind: "drain" });
  }

  /** Has all sessions ended and reported; `closed` says when. */
  close(): void {
    this.#draining = this.#closing = true;
    this.#tellAll({ kind: "close" });
  }

  /** No worker is waited for any longer: what they have not reported is reported from what is known. */
  giveUp(): void {
    for (const { closed, number } of this.#slots) if (!closed) this.workerLost(number, "it did not end its sessions");
  }

  #slot(worker: number): Slot {
    const slot = this.#slots[worker - 1];
    if (slot === undefined) throw new RangeError(`there is no worker ${worker}`);
    return slot;
  }

  #tell(slot: Slot, message: ToWorker): void {
    if (slot.state !== "down") this.#outputs.post(slot.number, message);
  }

  #tellAll(message: ToWorker): void {
    for (const slot of this.#slots) this.#tell(slot, message);
  }
}

function linesOf(headers: Headers): readonly string[] {
  return headers instanceof HeaderLines ? headers.lines : Array.from(headers, ([name, value]) => `${name}: ${value}`);
}

function logLevelOf(log: Logger): LogLevel {
  return LOG_LEVELS.find((level) => log.isEnabled(level)) ?? "error";
}

function summed(a: Readonly<SocketCounters>, b: Readonly<SocketCounters>): SocketCounters {
  return { late: a.late + b.late, truncated: a.truncated + b.truncated, sendFailed: a.sendFailed + b.sendFailed };
}
