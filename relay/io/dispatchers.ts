/**
 * The relay's connections to its dispatchers: finds them, keeps a connection to each, and delivers what they must know.
 *
 * A dispatcher that the names no longer lead to is kept until its last session has ended. What cannot be delivered,
 * because a dispatcher is away, waits for it.
 * @module
 */
import type { HostPort } from "../../src/config/mod.ts";
import type { SessionStatistics } from "../../src/control/statistics.ts";
import { bracketed } from "../../src/control/media_header.ts";
import { type Logger, withFields } from "../../src/env/log.ts";
import type { Link, LinkHandler } from "../../src/io/link.ts";
import { type CommandHandler, DispatcherLink } from "../dispatcher_link.ts";
import { type DispatcherAddress, resolveDispatcher, type Resolver } from "./resolve.ts";

/** Opens a connection; `onLink` is called once it is up. Rejects with the reason if it cannot be. */
export type Connect = (address: DispatcherAddress, onLink: (link: Link) => LinkHandler) => Promise<unknown>;

export interface DispatchersOptions {
  readonly entries: readonly HostPort[];
  readonly reconnectDelayMs: number;
  readonly keepaliveIntervalMs: number;
  readonly dnsCheckIntervalMs: number;
}

export interface DispatchersEnvironment {
  readonly resolver: Resolver;
  readonly connect: Connect;
  /** Executes a command of the dispatcher `name`. */
  handle(name: string, ...command: Parameters<CommandHandler>): void;
  /** Whether sessions of the dispatcher `name` are still up. */
  hasSessions(name: string): boolean;
  readonly log: Logger;
}

/** After a connection that held so long, the next attempt comes after a second. */
const GOOD_CONNECTION_MS = 5000;
const QUICK_RECONNECT_MS = 1000;
/** Reports of expired sessions that wait for a dispatcher. */
const MAX_WAITING = 10_000;
const TICK_MS = 1000;

export class Dispatchers {
  readonly #options: DispatchersOptions;
  readonly #env: DispatchersEnvironment;
  readonly #connections = new Map<string, DispatcherConnection>();
  /** The last addresses that each configured name led to; what DNS cannot say just now has not changed. */
  readonly #resolved = new Map<HostPort, readonly DispatcherAddress[]>();
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  #closed = false;

  constructor(options: DispatchersOptions, env: DispatchersEnvironment) {
    this.#options = options;
    this.#env = env;
  }

  /** Looks the dispatchers up and begins to connect. Settles when the first look-up is done. */
  async start(): Promise<void> {
    this.#timers.push(setInterval(() => this.#tick(), TICK_MS));
    if (this.#options.entries.some(({ isAddress }) => !isAddress)) {
      this.#timers.push(setInterval(() => this.#lookUp(), this.#options.dnsCheckIntervalMs));
    }
    await this.#lookUp();
  }

  async #lookUp(): Promise<void> {
    const { log, resolver } = this.#env;
    await Promise.all(this.#options.entries.map(async (entry) => {
      const addresses = await resolveDispatcher(entry, resolver, log);
      if (addresses.length > 0) this.#resolved.set(entry, addresses);
    }));
    if (this.#closed) return;
    const wanted = new Map<string, DispatcherAddress>();
    for (const address of [...this.#resolved.values()].flat()) {
      wanted.set(`${bracketed(address.host)}:${address.port}`, address);
    }
    for (const [name, connection] of this.#connections) connection.wanted = wanted.has(name);
    for (const [name, address] of wanted) {
      if (this.#connections.has(name)) continue;
      log.info("adding dispatcher", { dispatcher: name });
      const connection = new DispatcherConnection(name, address, this.#options, this.#env);
      this.#connections.set(name, connection);
      connection.start();
    }
  }

  #tick(): void {
    for (const [name, connection] of this.#connections) {
      connection.handleTimeout();
      if (!connection.wanted && !this.#env.hasSessions(name)) {
        this.#env.log.info("removing dispatcher", { dispatcher: name });
        connection.close("the dispatcher's name leads elsewhere now");
        this.#connections.delete(name);
      }
    }
  }

  /** Reports an expired session to the dispatcher `name`, now or when it is back. */
  expired(name: string, statistics: SessionStatistics): void {
    const connection = this.#connections.get(name);
    if (connection !== undefined) return connection.expired(statistics);
    const { log } = this.#env;
    log.warning("statistics lost: their dispatcher is not configured any more", {
      callId: statistics.call_id,
      dispatcher: name,
    });
  }

  /** Ends the connections, once what was sent has left. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all([...this.#connections.values()].map((connection) => connection.drainAndClose()));
  }
}

class DispatcherConnection {
  readonly #name: string;
  readonly #address: DispatcherAddress;
  readonly #options: DispatchersOptions;
  readonly #env: DispatchersEnvironment;
  readonly #log: Logger;
  #link: Link | undefined = undefined;
  #machine: DispatcherLink | undefined = undefined;
  #waiting: SessionStatistics[] = [];
  #closed = false;
  #reconnectTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  /** Whether the configured names still lead here. */
  wanted = true;

  constructor(
    name: string,
    address: DispatcherAddress,
    options: DispatchersOptions,
    env: DispatchersEnvironment,
  ) {
    this.#name = name;
    this.#address = address;
    this.#options = options;
    this.#env = env;
    this.#log = withFields(env.log, { dispatcher: name });
  }

  async start(): Promise<void> {
    try {
      await this.#env.connect(this.#address, (link) => this.#connected(link));
    } catch (error) {
      this.#log.error(`cannot connect: ${(error as Error).message}`);
      this.#reconnectAfter(this.#options.reconnectDelayMs);
    }
  }

  #connected(link: Link): LinkHandler {
    const connectedAtMs = performance.now();
    if (this.#closed) link.close("the relay is stopping");
    this.#link = link;
    const machine = new DispatcherLink(
      link,
      (command, headers, answer) => this.#env.handle(this.#name, command, headers, answer),
      this.#options.keepaliveIntervalMs,
      this.#log,
      connectedAtMs,
    );
    this.#machine = machine;
    this.#log.info(`connected to dispatcher ${link.peer.commonName}`);
    for (const statistics of this.#waiting.splice(0)) machine.expired(statistics);
    return {
      received: (chunk) => machine.received(chunk),
      closed: (reason) => {
        this.#link = this.#machine = undefined;
        if (this.#closed) return;
        this.#log.error(`connection lost: ${reason}`);
        const good = performance.now() - connectedAtMs >= GOOD_CONNECTION_MS;
        const { reconnectDelayMs } = this.#options;
        this.#reconnectAfter(good ? Math.min(QUICK_RECONNECT_MS, reconnectDelayMs) : reconnectDelayMs);
      },
    };
  }

  #reconnectAfter(delayMs: number): void {
    if (this.#closed) return;
    this.#log.debug(`connecting again in ${delayMs / 1000} s`);
    this.#reconnectTimer = setTimeout(() => this.start(), delayMs);
  }

  handleTimeout(): void {
    this.#machine?.handleTimeout(performance.now());
  }

  expired(statistics: SessionStatistics): void {
    if (this.#machine !== undefined) return this.#machine.expired(statistics);
    this.#waiting.push(statistics);
    if (this.#waiting.length <= MAX_WAITING) return;
    const lost = this.#waiting.shift()!;
    this.#log.error("statistics lost: too many wait for the dispatcher", { callId: lost.call_id });
  }

  close(reason: string): void {
    this.#closed = true;
    clearTimeout(this.#reconnectTimer);
    for (const { call_id: callId } of this.#waiting) this.#log.warning("statistics lost: the relay stops", { callId });
    this.#link?.close(reason);
  }

  /** Gives what was sent some time to leave. */
  async drainAndClose(): Promise<void> {
    const giveUpAtMs = performance.now() + 2000;
    const flushed = () => this.#link === undefined || this.#link.bufferedBytes === 0;
    do await new Promise((resolve) => setTimeout(resolve, 20)); while (!flushed() && performance.now() < giveUpAtMs);
    this.close("the relay is stopping");
  }
}
