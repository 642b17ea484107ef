/**
 * The dispatcher over its Unix socket: a pool of connections, one request at a time on each.
 *
 * A request on its way:
 * 1. `ask()` starts its time limit and puts it in the queue.
 * 2. A free connection takes it; if there is none, one more is opened, as long as there are not too many.
 * 3. The connection's answer settles it, and the connection is free.
 * 4. Or time is up: it fails, and its connection is closed, so that a late answer cannot be taken for another's.
 * 5. Or the connection ends: the request goes to a new one, once. The dispatcher may have seen it then, which does no
 *    harm, as it gives a repeated request the same answer (PROTOCOL 4).
 * 6. Or nobody listens: all that waits fails at once, and so does what comes, until it is time to try again.
 * @module
 */
import type { Clock } from "../../env/clock.ts";
import type { Logger } from "../../env/log.ts";
import { systemClock } from "../../io/clock.ts";
import { encodeOctets } from "../../sip/octets.ts";
import { type DispatcherClient, DispatcherError, type DispatcherFailure } from "../dispatcher_client.ts";
import { Connection } from "./connection.ts";

/** Where the dispatcher is, and how much is asked of it. */
export interface DispatcherClientOptions {
  /** The dispatcher's socket. */
  readonly path: string;
  /** How long an answer may take, counted from `ask()`. */
  readonly timeoutMs: number;
  /** How many requests a dispatcher gets at a time. Default: 32 */
  readonly maxConnections?: number;
  /** How many requests may wait for a connection; what comes then fails at once. Default: 1000 */
  readonly maxWaiting?: number;
  /**
   * How long nobody tries to connect after a connection was refused. Default: 1000. The original waits for 10 s, in which
   * every call fails though a dispatcher that was restarted is back within one; a refused connection costs next to nothing.
   */
  readonly retryMs?: number;
}

/** What has happened since the start. */
export interface DispatcherClientCounters {
  requests: number;
  /** Requests that failed, time-outs apart. */
  errors: number;
  timeouts: number;
}

interface Job {
  readonly request: Uint8Array;
  readonly resolve: (line: string) => void;
  readonly reject: (error: DispatcherError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
  /** `undefined` while it waits. */
  connection: Connection | undefined;
  /** How many connections have ended under it. */
  lostConnections: number;
}

/** One dispatcher, asked over as many connections as it takes. */
export class UnixDispatcherClient implements DispatcherClient, AsyncDisposable {
  readonly counters: Readonly<DispatcherClientCounters>;
  readonly #counters: DispatcherClientCounters = { requests: 0, errors: 0, timeouts: 0 };
  readonly #options: Required<DispatcherClientOptions>;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #waiting: Job[] = [];
  /** The connections that are open, each with the request that it carries. */
  readonly #jobs = new Map<Connection, Job | undefined>();
  /** The one used last is used first, so that few connections do the work. */
  readonly #free: Connection[] = [];
  /** Connections being opened or read. */
  readonly #tasks = new Set<Promise<void>>();
  #opening = 0;
  #retryAtMs = -Infinity;
  /** Why the last connection was refused. */
  #refusal = "";
  /** Nobody listens, and the log says so. */
  #isDown = false;
  #closed = false;

  constructor(options: DispatcherClientOptions, log: Logger, clock: Clock = systemClock) {
    this.#options = { maxConnections: 32, maxWaiting: 1000, retryMs: 1000, ...options };
    this.#log = log;
    this.#clock = clock;
    this.counters = this.#counters;
  }

  /** How many connections are open. */
  get connectionCount(): number {
    return this.#jobs.size;
  }

  ask(request: string): Promise<string> {
    this.#counters.requests++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#timedOut(job), this.#options.timeoutMs);
      const bytes = encodeOctets(request);
      const job: Job = { request: bytes, resolve, reject, timer, connection: undefined, lostConnections: 0 };
      if (this.#closed) {
        this.#fail(job, "closed", "the client is closed");
      } else if (this.#waiting.length >= this.#options.maxWaiting) {
        this.#fail(job, "overloaded", `${this.#waiting.length} requests wait for the dispatcher`);
      } else {
        this.#waiting.push(job);
        this.#dispatch();
      }
    });
  }

  /** Fails what waits, and closes the connections. Calling it again does no harm. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#failWaiting("closed", "the client is closed");
    for (const [connection, job] of this.#jobs) {
      if (job?.connection === connection) this.#fail(job, "closed", "the client is closed");
      connection.close("the client is closed");
    }
    await Promise.all(this.#tasks);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Gives what waits to free connections, and opens others as far as that does not do. */
  #dispatch(): void {
    while (this.#waiting.length > 0 && this.#free.length > 0) this.#send(this.#waiting.shift()!, this.#free.pop()!);
    if (this.#waiting.length === 0 || this.#closed) return;
    if (this.#clock.nowMs() >= this.#retryAtMs) {
      const places = this.#options.maxConnections - this.#jobs.size - this.#opening;
      for (let lacking = Math.min(this.#waiting.length - this.#opening, places); lacking > 0; lacking--) {
        this.#run(this.#open());
      }
    } else if (this.#jobs.size + this.#opening === 0) {
      this.#failWaiting("unreachable", this.#refusal);
    }
  }

  #send(job: Job, connection: Connection): void {
    job.connection = connection;
    this.#jobs.set(connection, job);
    connection.send(job.request);
  }

  async #open(): Promise<void> {
    const { path, retryMs } = this.#options;
    this.#opening++;
    let conn: Deno.UnixConn;
    try {
      conn = await Deno.connect({ transport: "unix", path });
    } catch (error) {
      this.#opening--;
      this.#retryAtMs = this.#clock.nowMs() + retryMs;
      this.#refusal = `cannot reach the dispatcher at ${path}: ${(error as Error).message}`;
      this.#lost();
      this.#dispatch();
      return;
    }
    this.#opening--;
    if (this.#closed) return conn.close();
    this.#found();
    const connection: Connection = new Connection(conn, {
      answered: (line) => this.#answered(connection, line),
      closed: (reason) => this.#ended(connection, reason),
    });
    this.#jobs.set(connection, undefined);
    this.#run(connection.run());
    this.#free.push(connection);
    this.#dispatch();
  }

  #run(task: Promise<void>): void {
    const running = task.finally(() => this.#tasks.delete(running));
    this.#tasks.add(running);
  }

  /**
   * One line when the dispatcher goes, and one when it is back; each call's failure is its own affair. A busy dispatcher
   * may refuse a connection, too, but then there are others.
   */
  #lost(): void {
    if (this.#isDown || this.#jobs.size > 0) return;
    this.#isDown = true;
    this.#log.error(`${this.#refusal}; calls have no relay until it is back`);
  }

  #found(): void {
    if (this.#isDown) this.#log.info(`the dispatcher at ${this.#options.path} is back`);
    this.#isDown = false;
  }

  #answered(connection: Connection, line: string): void {
    const job = this.#jobs.get(connection);
    this.#jobs.set(connection, undefined);
    if (connection.isOpen) this.#free.push(connection);
    if (job !== undefined) this.#settle(job, () => job.resolve(line));
    this.#dispatch();
  }

  #ended(connection: Connection, reason: string): void {
    const job = this.#jobs.get(connection);
    this.#jobs.delete(connection);
    this.#remove(this.#free, connection);
    if (job?.connection === connection) this.#retry(job, reason);
    this.#dispatch();
  }

  /** The others that are free are as old as this one, and as dead if the dispatcher was restarted. */
  #retry(job: Job, reason: string): void {
    job.connection = undefined;
    if (++job.lostConnections > 1) return this.#fail(job, "unreachable", reason);
    for (const connection of this.#free.splice(0)) connection.close(reason);
    this.#waiting.unshift(job);
  }

  #timedOut(job: Job): void {
    this.#remove(this.#waiting, job);
    const { connection } = job;
    this.#fail(job, "timeout", `the dispatcher did not answer within ${this.#options.timeoutMs} ms`);
    connection?.close("an answer took too long");
  }

  #failWaiting(kind: DispatcherFailure, reason: string): void {
    for (const job of this.#waiting.splice(0)) this.#fail(job, kind, reason);
  }

  #fail(job: Job, kind: DispatcherFailure, reason: string): void {
    if (kind === "timeout") this.#counters.timeouts++;
    else this.#counters.errors++;
    this.#settle(job, () => job.reject(new DispatcherError(kind, reason)));
  }

  /** From here on its connection's end does not concern it. */
  #settle(job: Job, settle: () => void): void {
    clearTimeout(job.timer);
    job.connection = undefined;
    settle();
  }

  #remove<T>(list: T[], item: T): void {
    const index = list.indexOf(item);
    if (index >= 0) list.splice(index, 1);
  }
}
