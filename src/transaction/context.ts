/** What all transactions of a layer share. @module */
import type { Clock } from "../env/clock.ts";
import type { DeadlineQueue, Timed } from "../env/deadlines.ts";
import type { Logger } from "../env/log.ts";
import type { SipTransport } from "../transport/flow.ts";
import type { Timers } from "./timers.ts";

/** How often something has happened since the start. */
export interface Counters {
  serverCreated: number;
  clientCreated: number;
  /** Requests that came again. */
  retransmissions: number;
  /** Responses that belong to no client transaction: dropped, never forwarded (RFC 6026 §8.3). */
  strayResponses: number;
  /** Requests answered 503, because there were too many transactions. */
  refused: number;
  /** Client transactions without a final response. */
  timedOut: number;
  /** INVITEs whose final response nobody acknowledged. */
  unacknowledged: number;
  /** Server transactions that their user never finished. */
  abandoned: number;
  /** Messages that are known not to have left. */
  transportErrors: number;
}

/** Counters at zero. */
export function newCounters(): Counters {
  return {
    serverCreated: 0,
    clientCreated: 0,
    retransmissions: 0,
    strayResponses: 0,
    refused: 0,
    timedOut: 0,
    unacknowledged: 0,
    abandoned: 0,
    transportErrors: 0,
  };
}

/** Owned by the layer. */
export interface Context {
  readonly transport: SipTransport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly timers: Timers;
  readonly deadlines: DeadlineQueue<Timed>;
  readonly counters: Counters;
}
