/**
 * A line between a phone and the relay that delays, reorders, repeats and loses what the phone sends, by a seeded plan.
 * The order of what it sends on depends on the plan alone, not on timers: a packet is overtaken by a number of others.
 * @module
 */
import { randomBelow, type RandomSource } from "../../../src/env/random.ts";

/** What becomes of one packet. */
export interface Fate {
  /** At least so long after it came. Its successors wait with it, unless they overtake it. */
  readonly delayMs: number;
  /** So many of the packets behind it go first. */
  readonly overtakenBy: number;
  /** 0: it is lost. */
  readonly copies: number;
}

/** How often what happens, in percent. */
export interface LineOptions {
  readonly random: RandomSource;
  readonly maxDelayMs: number;
  readonly reordered: number;
  readonly repeated: number;
  readonly lost: number;
}

/** What has left the line for the relay. */
export interface Departure {
  readonly sequenceNumber: number;
  readonly atMs: number;
}

interface Waiting {
  readonly packet: Uint8Array;
  readonly fate: Fate;
  readonly dueAtMs: number;
  /** Packets that have yet to overtake it. */
  behind: number;
}

const MAX_OVERTAKING = 5;
/** When the phone is silent for so long, nobody is left to overtake what waits. */
const SILENCE_MS = 500;

/** See the module comment. What comes from the relay goes back to the phone as it is. */
export class BadLine implements Disposable {
  readonly departures: Departure[] = [];
  /** The sequence numbers that were lost. */
  readonly lost: number[] = [];
  readonly #options: LineOptions;
  readonly #toPhone: Deno.DatagramConn;
  readonly #toRelay: Deno.DatagramConn;
  readonly #relay: Deno.NetAddr;
  #waiting: Waiting[] = [];
  #wake = () => {};
  #closed = false;

  /** `phoneEnd` is where the phone is to send, `relayEnd` where its packets then come from, `relay` where they go. */
  constructor(phoneEnd: number, relayEnd: number, relay: Deno.NetAddr, phone: Deno.NetAddr, options: LineOptions) {
    this.#options = options;
    this.#relay = relay;
    this.#toPhone = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: phoneEnd });
    this.#toRelay = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: relayEnd });
    this.#take();
    this.#giveBack(phone);
    this.#sendOn();
  }

  /** Nothing waits any more. */
  get idle(): boolean {
    return this.#waiting.length === 0;
  }

  async #take(): Promise<void> {
    for await (const [packet] of this.#toPhone) {
      const fate = this.#fate();
      this.#waiting.push({ packet, fate, dueAtMs: performance.now() + fate.delayMs, behind: fate.overtakenBy });
      this.#wake();
    }
  }

  async #giveBack(phone: Deno.NetAddr): Promise<void> {
    for await (const [packet] of this.#toRelay) await this.#toPhone.send(packet, phone);
  }

  async #sendOn(): Promise<void> {
    while (!this.#closed) {
      const next = this.#waiting.find(({ behind }) => behind === 0);
      if (next === undefined) {
        if (!await this.#anotherComes()) this.#waiting.forEach((it) => it.behind = 0);
        continue;
      }
      const leftMs = next.dueAtMs - performance.now();
      if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
      for (const overtaken of this.#waiting.slice(0, this.#waiting.indexOf(next))) overtaken.behind--;
      this.#waiting = this.#waiting.filter((it) => it !== next);
      if (!this.#closed) await this.#send(next);
    }
  }

  #anotherComes(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), SILENCE_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  async #send({ packet, fate }: Waiting): Promise<void> {
    const sequenceNumber = packet[2]! << 8 | packet[3]!;
    if (fate.copies === 0) this.lost.push(sequenceNumber);
    for (let copy = 0; copy < fate.copies; copy++) {
      await this.#toRelay.send(packet, this.#relay);
      this.departures.push({ sequenceNumber, atMs: performance.now() });
    }
  }

  #fate(): Fate {
    const { random, maxDelayMs, reordered, repeated, lost } = this.#options;
    const percent = randomBelow(random, 100);
    return {
      delayMs: randomBelow(random, maxDelayMs + 1),
      overtakenBy: randomBelow(random, 100) < reordered ? 1 + randomBelow(random, MAX_OVERTAKING) : 0,
      copies: percent < lost ? 0 : percent < lost + repeated ? 2 : 1,
    };
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#wake();
    this.#toPhone.close();
    this.#toRelay.close();
  }
}
