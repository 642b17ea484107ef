/**
 * A worker isolate: a relay over its share of the ports, which gets its commands from the main isolate. It is started by
 * `workers.ts` and is of no use by itself.
 *
 * A fault in one call's code must not cost all others: what nobody has caught is logged, and the worker goes on.
 * @module
 */
/// <reference lib="deno.worker" />
import { HeaderLines } from "../../src/control/headers.ts";
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel, type LogMessage } from "../../src/env/log.ts";
import { systemClock } from "../../src/io/clock.ts";
import { DeadlineDriver } from "../../src/io/deadline_driver.ts";
import { VERSION } from "../../src/version.ts";
import { Interfaces } from "../interfaces.ts";
import { type KernelReply, RemoteGate } from "../kernel/gate.ts";
import { PortPool } from "../port_pool.ts";
import { Relay } from "../relay.ts";
import { createRoutableTest } from "../routable.ts";
import type { FromWorker, RelayAnswer, ToWorker, WorkerCommand, WorkerSettings } from "../directory/worker_messages.ts";
import { openMediaSocket } from "./media_socket.ts";

const BEAT_MS = 1000;
/** Sessions are looked at so often at most. */
const LOOK_MS = 100;
/** A SIP server waits 500 ms for the end of a session; nft needs a few. */
const KERNEL_DEADLINE_MS = 300;
const KERNEL_CLOSE_DEADLINE_MS = 2000;
/** Sockets that were closed with the isolate before this one are free within some 10 ms (Deno 2.9.6). */
const MIN_REST_MS = 1000;

/** What is to be said, until the turn is over. */
let outbox: FromWorker[] = [];
let logLevel: LogLevel = "info";
let worker: RelayWorker | undefined;

const log: Logger = {
  isEnabled: (level) => LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(logLevel),
  debug: (message, fields) => write("debug", message, fields),
  info: (message, fields) => write("info", message, fields),
  warning: (message, fields) => write("warning", message, fields),
  error: (message, fields) => write("error", message, fields),
};

self.addEventListener("error", (event) => {
  event.preventDefault();
  log.error(`internal error: ${event.error?.stack ?? event.message}`);
});
self.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  log.error(`internal error: ${event.reason?.stack ?? event.reason}`);
});
self.onmessage = ({ data }: MessageEvent<ToWorker[]>) => {
  for (const message of data) received(message);
};

function received(message: ToWorker): void {
  switch (message.kind) {
    case "start":
      worker = new RelayWorker(message.settings);
      return post({ kind: "ready" });
    case "command":
      return worker?.execute(message);
    case "logLevel":
      logLevel = message.level;
      return;
    case "descriptorLimit":
      return worker?.stopGrowing();
    case "kernel":
      return worker?.kernelReplied(message.reply);
    case "drain":
      return worker?.relay.drain();
    case "close":
      return worker?.close();
    default:
      return message satisfies never;
  }
}

function post(message: FromWorker): void {
  if (outbox.push(message) > 1) return;
  queueMicrotask(() => {
    self.postMessage(outbox);
    outbox = [];
  });
}

function write(level: LogLevel, message: LogMessage, fields: LogFields = {}): void {
  if (!log.isEnabled(level)) return;
  post({ kind: "log", level, message: typeof message === "string" ? message : message(), fields });
}

class RelayWorker {
  readonly relay: Relay;
  /** One for each address. */
  readonly #pools: PortPool[] = [];
  readonly #counters = { late: 0, truncated: 0, sendFailed: 0 };
  readonly #sampling: ReturnType<typeof setInterval> | undefined;
  readonly #gate = new RemoteGate((request) => post({ kind: "kernel", request }));
  /** Commands that wait for the kernel's last counters of their sessions. */
  #waiting: WorkerCommand[] = [];
  #closing = false;
  #usedBelow = 0;
  #beatAtMs = -Infinity;
  #lookedAtMs = -Infinity;
  readonly #driver = new DeadlineDriver();

  constructor({ config, addresses, firstPort, endPort, maxPairs, restingBelow }: WorkerSettings) {
    const { portRange, portRestTimeMs: restMs } = config;
    const resting = { below: restingBelow, untilMs: systemClock.nowMs() + Math.max(restMs, MIN_REST_MS) };
    // Another worker's port is our own too.
    const interfaces = new Interfaces(addresses, portRange.start, portRange.end, (hostname) => {
      const environment = { hostname, counters: this.#counters, log, nowMs: systemClock.nowMs };
      const pool = new PortPool(
        { firstPort, endPort, restMs, maxPairs, resting },
        (port) => openMediaSocket(environment, port),
        log,
        { descriptorLimit: () => this.#descriptorLimit(pool) },
      );
      this.#pools.push(pool);
      return pool;
    });
    this.relay = new Relay(
      {
        version: VERSION,
        portRange: `${portRange.start}:${portRange.end}`,
        timeouts: config,
        limits: config,
        learning: config.learning,
        rebinding: config.rebinding,
        kernel: {
          gate: this.#gate,
          afterMs: config.kernelAfterMs,
          maxPacketsPerSecond: config.maxPacketsPerSecond,
        },
        isRoutable: createRoutableTest(config.routablePrivateRanges),
      },
      interfaces,
      systemClock,
      log,
      {
        expired: (dispatcher, statistics) => post({ kind: "expired", dispatcher, statistics }),
        recorded: (sessions) => post({ kind: "records", sessions }),
      },
    );
    const { trafficSamplingPeriodMs: samplingMs } = config;
    this.#sampling = samplingMs > 0 ? setInterval(() => this.relay.sampleTraffic(), samplingMs) : undefined;
    this.#addDeadlines();
  }

  /** When sessions are to be looked at, and when the main isolate is to hear of this one. */
  #addDeadlines(): void {
    const nextLookMs = () => Math.max(this.relay.nextDeadlineMs, this.#lookedAtMs + LOOK_MS);
    this.#driver.add({
      get nextDeadlineMs() {
        return nextLookMs();
      },
      handleTimeouts: (nowMs) => {
        this.#lookedAtMs = nowMs;
        this.relay.handleTimeout();
      },
    });
    const nextBeatMs = () => this.#beatAtMs;
    this.#driver.add({
      get nextDeadlineMs() {
        return nextBeatMs();
      },
      handleTimeouts: (nowMs) => {
        // On the full second, as when calls that the kernel carries are looked at.
        this.#beatAtMs = (Math.floor(nowMs / BEAT_MS) + 1) * BEAT_MS;
        this.#beat();
      },
    });
  }

  execute(command: WorkerCommand): void {
    if (command.command !== "remove" || this.relay.isReadyToRemove(new HeaderLines(command.headers))) {
      return this.#executeNow(command);
    }
    this.#waiting.push(command);
    setTimeout(() => this.#executeReady((it) => it === command), KERNEL_DEADLINE_MS);
  }

  /** Executes the commands that need not wait any longer, and those that are `overdue`. */
  #executeReady(overdue: (command: WorkerCommand) => boolean): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const command of waiting) {
      if (overdue(command) || this.relay.isReadyToRemove(new HeaderLines(command.headers))) this.#executeNow(command);
      else this.#waiting.push(command);
    }
  }

  kernelReplied(reply: KernelReply): void {
    this.#gate.received(reply, systemClock.nowMs());
    if (reply.type !== "left") return;
    this.#executeReady(() => false);
    this.#driver.rearm();
    if (this.#closing && this.relay.isReadyToClose()) this.#closeNow();
  }

  #executeNow({ id, dispatcher, command, headers }: WorkerCommand): void {
    let answer: RelayAnswer = { text: "error" };
    try {
      answer = this.relay.handle(dispatcher, command, new HeaderLines(headers));
    } catch (error) {
      log.error(`internal error at ${command}: ${(error as Error).stack}`, { dispatcher });
    }
    if (this.#nowUsedBelow() !== this.#usedBelow) this.#beat(); // who takes this worker's place must know
    post({ kind: "answer", id, answer });
    this.#driver.rearm();
  }

  #beat(): void {
    this.#usedBelow = this.#nowUsedBelow();
    post({ kind: "beat", counters: this.#counters, usedBelow: this.#usedBelow });
  }

  #nowUsedBelow(): number {
    return Math.max(...this.#pools.map(({ usedBelow }) => usedBelow));
  }

  #descriptorLimit(first: PortPool): void {
    this.stopGrowing(first);
    post({ kind: "descriptorLimit" });
  }

  /** The process has met its descriptor limit: all pools but `first`, which found it, stay as large as they are. */
  stopGrowing(first?: PortPool): void {
    for (const pool of this.#pools) if (pool !== first) pool.stopGrowing();
  }

  /** Ends all sessions, once the kernel's last counters are known. */
  close(): void {
    this.#closing = true;
    clearInterval(this.#sampling);
    this.#driver.close();
    if (this.relay.isReadyToClose()) return this.#closeNow();
    setTimeout(() => this.#closeNow(), KERNEL_CLOSE_DEADLINE_MS);
  }

  #closeNow(): void {
    if (!this.#closing) return;
    this.#closing = false;
    this.relay.close();
    post({ kind: "closed" });
  }
}
