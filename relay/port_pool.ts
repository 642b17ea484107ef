/**
 * The relay's UDP ports: pairs of an even port for RTP and the next one for RTCP.
 *
 * | state   | meaning                                                                    | next                         |
 * | ------- | -------------------------------------------------------------------------- | ---------------------------- |
 * | unbound | never used yet, or closed to save descriptors                               | leased                       |
 * | leased  | carries a party's packets                                                   | resting                      |
 * | resting | bound, its packets dropped as late, until port_rest_time is over            | leased, unbound              |
 * | bad     | could not be bound, because another process has it; tried again in a minute | unbound                      |
 *
 * Sockets stay bound while they rest: opening and closing four of them costs 250 us, more than all the rest of setting
 * up a call (Deno 2.9.6), and packets that come late for an ended call must not reach the next one.
 * @module
 */
import type { Logger } from "../src/env/log.ts";
import type { Leg, LegSocket } from "./leg.ts";

/** One bound UDP socket, which hands what arrives to a leg. */
export interface MediaSocket extends LegSocket {
  /** Whose packets these are; without one they are late, and dropped. */
  attach(leg: Leg): void;
  detach(): void;
  close(): void;
}

/** What sockets count that no leg can: packets that reached no session, or did not leave. */
export interface SocketCounters {
  /** For a session that has ended, or an address that nobody has. */
  late: number;
  /** Larger than the buffer; the buffer grows then, so a socket loses one packet to this at most. */
  truncated: number;
  /** The system would not send it: no route, a firewall. */
  sendFailed: number;
}

/** A pair of bound sockets. */
export interface PortPair {
  /** The even port, for RTP; RTCP has the next one. */
  readonly port: number;
  readonly rtp: MediaSocket;
  readonly rtcp: MediaSocket;
}

/** Opens the socket of `port`. Throws `PortInUseError`, `DescriptorsExhaustedError`, or what the system says. */
export type OpenSocket = (port: number) => MediaSocket;

/** Another process has the port. */
export class PortInUseError extends Error {
  override name = "PortInUseError";
}

/** The process may open no more descriptors. */
export class DescriptorsExhaustedError extends Error {
  override name = "DescriptorsExhaustedError";
}

/** No pair of ports is to be had; the message says why. */
export class PortsExhaustedError extends Error {
  override name = "PortsExhaustedError";
}

export interface PortPoolOptions {
  /** Even, 1024 to 65534. */
  readonly firstPort: number;
  /** Even, and not in the range itself. */
  readonly endPort: number;
  readonly restMs: number;
  /** Pairs that may be bound at the same time. @default Infinity */
  readonly maxPairs?: number;
  /** Ports below this one belonged to an isolate that is gone, and rest until then. */
  readonly resting?: { readonly below: number; readonly untilMs: number };
}

/** What the pool has to say. */
export interface PortPoolOutputs {
  /** The process may open no more descriptors. */
  descriptorLimit(): void;
}

interface Resting {
  readonly pair: PortPair;
  readonly untilMs: number;
}

const BAD_PORT_MS = 60_000;
/** Below the descriptor limit Deno itself needs some, or it panics. */
export const DESCRIPTOR_HEADROOM = 32;

export class PortPool {
  readonly #options: PortPoolOptions;
  readonly #open: OpenSocket;
  readonly #log: Logger;
  readonly #outputs: PortPoolOutputs;
  /** Ports that have no socket; taken from the end. */
  readonly #unbound: number[] = [];
  /** In the order in which they were freed, which is the order in which their rest ends. */
  #resting: Resting[] = [];
  #restingHead = 0;
  /** Ports that rest without their sockets, which the descriptor limit has closed; in the same order. */
  readonly #restingUnbound: { readonly port: number; readonly untilMs: number }[] = [];
  #bad: { readonly port: number; readonly untilMs: number }[] = [];
  #boundPairs = 0;
  /** How many pairs the descriptor limit has been seen to allow. */
  #maxBoundPairs: number;
  #leasedPairs = 0;
  #usedBelow = 0;

  constructor(options: PortPoolOptions, open: OpenSocket, log: Logger, outputs: PortPoolOutputs) {
    this.#options = options;
    this.#open = open;
    this.#log = log;
    this.#outputs = outputs;
    this.#maxBoundPairs = options.maxPairs ?? Infinity;
    const { firstPort, endPort, resting = { below: 0, untilMs: 0 } } = options;
    for (let port = endPort - 2; port >= firstPort && port >= resting.below; port -= 2) this.#unbound.push(port);
    for (let port = firstPort; port < Math.min(endPort, resting.below); port += 2) {
      this.#restingUnbound.push({ port, untilMs: resting.untilMs });
    }
  }

  /** Pairs that carry a party's packets. */
  get leasedPairs(): number {
    return this.#leasedPairs;
  }

  /** Above all ports that have been bound; 0 if there are none. */
  get usedBelow(): number {
    return this.#usedBelow;
  }

  /** Another pool of this process has met the descriptor limit, which is that of all: this one stays as large as it is. */
  stopGrowing(): void {
    this.#maxBoundPairs = Math.min(this.#maxBoundPairs, this.#boundPairs);
  }

  /**
   * A pair that nobody uses and whose rest is over.
   * @throws PortsExhaustedError if there is none.
   */
  lease(nowMs: number): PortPair {
    const pair = this.#takeRested(nowMs) ?? this.#bindOne(nowMs);
    this.#leasedPairs++;
    return pair;
  }

  /** Gives a pair back; its sockets must be detached from their legs. */
  release(pair: PortPair, nowMs: number): void {
    this.#leasedPairs--;
    this.#resting.push({ pair, untilMs: nowMs + this.#options.restMs });
  }

  /** Closes all sockets that rest. Those that are leased belong to their streams. */
  close(): void {
    for (const { pair } of this.#resting.splice(this.#restingHead)) this.#unbind(pair);
    this.#resting = [];
    this.#restingHead = 0;
  }

  #takeRested(nowMs: number): PortPair | undefined {
    for (;;) {
      const first = this.#resting[this.#restingHead];
      if (first === undefined || first.untilMs > nowMs) return undefined;
      this.#restingHead++;
      if (this.#restingHead > 1024 && this.#restingHead * 2 > this.#resting.length) {
        this.#resting = this.#resting.slice(this.#restingHead);
        this.#restingHead = 0;
      }
      if (this.#boundPairs <= this.#maxBoundPairs) return first.pair;
      this.#unbind(first.pair); // all pairs were leased when the limit was hit
    }
  }

  #bindOne(nowMs: number): PortPair {
    this.#bad = this.#bad.filter(({ port, untilMs }) => {
      if (untilMs > nowMs) return true;
      this.#unbound.unshift(port);
      return false;
    });
    while (this.#restingUnbound.length > 0 && this.#restingUnbound[0]!.untilMs <= nowMs) {
      this.#unbound.unshift(this.#restingUnbound.shift()!.port);
    }
    while (this.#mayBind()) {
      const port = this.#unbound.pop();
      if (port === undefined) throw new PortsExhaustedError(this.#whyExhausted());
      try {
        return this.#bind(port);
      } catch (error) {
        if (error instanceof DescriptorsExhaustedError) {
          this.#unbound.push(port);
          this.#makeHeadroom();
          break; // Deno frees a closed socket's descriptor only in the next turn, so there is no use in trying again
        } else {
          this.#bad.push({ port, untilMs: nowMs + BAD_PORT_MS });
          this.#log.warning(
            `Cannot use ports ${port} and ${port + 1}, setting them aside: ${(error as Error).message}`,
          );
        }
      }
    }
    throw new PortsExhaustedError(
      `Cannot open more media sockets: the descriptor limit allows ${this.#maxBoundPairs} pairs of ports; raise it ` +
        `(LimitNOFILE= of the service, or ulimit -n)`,
    );
  }

  /** Sockets that rest give their descriptors up for one that is needed; their ports rest on without them. */
  #mayBind(): boolean {
    while (this.#boundPairs >= this.#maxBoundPairs && this.#unbound.length > 0 && this.#evictOldest());
    return this.#boundPairs < this.#maxBoundPairs;
  }

  #bind(port: number): PortPair {
    const rtp = this.#open(port);
    try {
      const pair = { port, rtp, rtcp: this.#open(port + 1) };
      this.#boundPairs++;
      this.#usedBelow = Math.max(this.#usedBelow, port + 2);
      return pair;
    } catch (error) {
      rtp.close();
      throw error;
    }
  }

  /** The limit is only known once it is hit; from then on stay away from it. */
  #makeHeadroom(): void {
    // Hit again, it is by sockets that are closed but not freed yet, or by others than ours: the headroom is for both.
    if (this.#maxBoundPairs !== Infinity) return;
    this.#maxBoundPairs = Math.max(this.#boundPairs - DESCRIPTOR_HEADROOM / 2, 0);
    this.#log.error(
      `The process has reached its limit of open descriptors with ${this.#boundPairs * 2} media sockets; from now on ` +
        `it keeps to ${this.#maxBoundPairs * 2} (raise LimitNOFILE= of the service, or ulimit -n)`,
    );
    while (this.#boundPairs > this.#maxBoundPairs && this.#evictOldest());
    this.#outputs.descriptorLimit();
  }

  /** Closes the sockets that have rested longest; returns whether there were any. */
  #evictOldest(): boolean {
    const oldest = this.#resting[this.#restingHead];
    if (oldest === undefined) return false;
    this.#restingHead++;
    this.#closeSockets(oldest.pair);
    this.#restingUnbound.push({ port: oldest.pair.port, untilMs: oldest.untilMs });
    return true;
  }

  #closeSockets(pair: PortPair): void {
    pair.rtp.close();
    pair.rtcp.close();
    this.#boundPairs--;
  }

  #unbind(pair: PortPair): void {
    this.#closeSockets(pair);
    this.#unbound.unshift(pair.port);
  }

  #whyExhausted(): string {
    const { firstPort, endPort } = this.#options;
    const resting = this.#resting.length - this.#restingHead + this.#restingUnbound.length;
    return `Cannot lease a pair of ports: of ${
      (endPort - firstPort) / 2
    } pairs in port_range ${firstPort}:${endPort} ` +
      `${this.#leasedPairs} are in use, ${resting} rest for port_rest_time, ${this.#bad.length} could not be bound`;
  }
}
