/** The load generator: calls whose media go through a subject, and what becomes of them. @module */
import { refusedDatagrams } from "../support/system.ts";
import {
  type Answer,
  type Command,
  COUNTERS,
  type Ended,
  MEASURING,
  type Opened,
  PROBED_CALLS,
  READ_BY_PROBE,
  SENT,
  SENT_BY_PROBE,
  STOPPED,
} from "./messages.ts";

/** Ports of 127.0.0.1, one for each call, in the same order. */
export interface Ports {
  readonly callers: readonly number[];
  readonly callees: readonly number[];
}

/** A run. */
export interface Load {
  /** Where each party sends. */
  readonly targets: Ports;
  /** Both ways together. Infinity: as fast as the generator can. */
  readonly packetsPerSecond: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  /** Called at the beginning and at the end of the window. */
  atBoundary?(): void;
}

/** What was seen within the window of a run. */
export interface Observation {
  readonly offeredPerSecond: number;
  readonly carriedPerSecond: number;
  /** The share of the offered packets that did not arrive within the window, 0 to 1. What still waits in a queue at its
   * end counts as lost: a subject that is too slow shows it at once, not when its queues are full. */
  readonly loss: number;
  /** Sorted, with a constant error. */
  readonly delaysMs: Float64Array;
  /** Parties that got nothing at all. */
  readonly silentParties: number;
}

const FIRST_PORT = 10_000;
const PROBE_FIRST_PORT = 15_000;

/** Calls that are ready to send. Both isolates run in this process. */
export class Generator implements Disposable {
  /** The addresses of the parties, to be told to a subject. */
  readonly parties: Ports;
  readonly #sender: Isolate;
  readonly #probe: Isolate;
  readonly #unread: ReadonlySet<number>;

  private constructor(parties: Ports, sender: Isolate, probe: Isolate) {
    this.parties = parties;
    this.#sender = sender;
    this.#probe = probe;
    this.#unread = new Set([...parties.callers, ...parties.callees.slice(PROBED_CALLS)]);
  }

  /** Opens the sockets of `calls` calls, which must be more than the probed ones. */
  static async start(calls: number): Promise<Generator> {
    using undo = new DisposableStack();
    const sender = undo.use(new Isolate("sender"));
    const probe = undo.use(new Isolate("probe"));
    const [sent, probed] = await Promise.all([
      sender.ask({ kind: "open", callers: calls, callees: calls - PROBED_CALLS, firstPort: FIRST_PORT }),
      probe.ask({ kind: "open", callers: 0, callees: PROBED_CALLS, firstPort: PROBE_FIRST_PORT }),
    ]) as [Opened, Opened];
    const callees = [...probed.calleePorts, ...sent.calleePorts];
    const generator = new Generator({ callers: sent.callerPorts, callees }, sender, probe);
    undo.move();
    return generator;
  }

  /** The way without a subject: each party sends to the other one. */
  get direct(): Ports {
    return { callers: this.parties.callees, callees: this.parties.callers };
  }

  /** Sends, and observes what arrives. */
  async run({ targets, packetsPerSecond, warmUpMs, windowMs, atBoundary }: Load): Promise<Observation> {
    const counters = new SharedArrayBuffer(COUNTERS * Int32Array.BYTES_PER_ELEMENT);
    const shared = new Int32Array(counters);
    const { callers: callerTargets, callees: calleeTargets } = targets;
    const command = { kind: "run", packetsPerSecond, counters } as const;
    const ended = Promise.all([
      this.#sender.ask({ ...command, callerTargets, calleeTargets: calleeTargets.slice(PROBED_CALLS) }),
      this.#probe.ask({ ...command, callerTargets: [], calleeTargets: calleeTargets.slice(0, PROBED_CALLS) }),
    ]) as Promise<[Ended, Ended]>;
    await pause(warmUpMs);
    const first = this.#snapshot(shared);
    atBoundary?.();
    Atomics.store(shared, MEASURING, 1);
    await pause(windowMs);
    Atomics.store(shared, MEASURING, 0);
    const last = this.#snapshot(shared);
    atBoundary?.();
    Atomics.store(shared, STOPPED, 1);
    const [, { delaysMs }] = await ended;
    return observation(first, last, delaysMs.sort());
  }

  #snapshot(shared: Int32Array): Snapshot {
    const sent = Atomics.load(shared, SENT) + Atomics.load(shared, SENT_BY_PROBE);
    return {
      atMs: performance.now(),
      sent,
      read: Atomics.load(shared, READ_BY_PROBE),
      refused: refusedDatagrams(this.#unread),
    };
  }

  [Symbol.dispose](): void {
    this.#sender[Symbol.dispose]();
    this.#probe[Symbol.dispose]();
  }
}

interface Snapshot {
  readonly atMs: number;
  readonly sent: number;
  readonly read: number;
  readonly refused: ReadonlyMap<number, number>;
}

function observation(first: Snapshot, last: Snapshot, delaysMs: Float64Array): Observation {
  const seconds = (last.atMs - first.atMs) / 1000;
  let arrived = last.read - first.read;
  let silentParties = arrived === 0 ? PROBED_CALLS : 0;
  for (const [port, count] of last.refused) {
    const more = count - (first.refused.get(port) ?? 0);
    arrived += more;
    if (more === 0) silentParties++;
  }
  const offered = last.sent - first.sent;
  return {
    offeredPerSecond: offered / seconds,
    carriedPerSecond: arrived / seconds,
    loss: Math.max(0, 1 - arrived / offered),
    delaysMs,
    silentParties,
  };
}

/** A worker that answers one command after the other. */
class Isolate implements Disposable {
  readonly #worker: Worker;

  constructor(name: "sender" | "probe") {
    this.#worker = new Worker(new URL(`./${name}.ts`, import.meta.url), { type: "module", name });
  }

  ask(command: Command): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`The generator failed: ${event.message}`));
    };
    this.#worker.postMessage(command);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
