/**
 * What the main isolate and its worker isolates say to each other. Both lists are closed: whoever adds a kind is told by
 * the compiler where it must be handled.
 *
 * Messages are plain data, because they are cloned on their way. Those of one turn travel together, as an array: waking
 * an isolate costs 20 us, another message in the same array 2 to 4 (Deno 2.9.6).
 * @module
 */
import type { RelayAddress, RelayConfig } from "../../src/config/mod.ts";
import type { SessionStatistics } from "../../src/control/statistics.ts";
import type { LogFields, LogLevel } from "../../src/env/log.ts";
import type { KernelReply, KernelRequest } from "../kernel/gate.ts";
import type { SocketCounters } from "../port_pool.ts";

/** What a worker must know. */
export interface WorkerSettings {
  /** From 1; it stands in the worker's log lines. */
  readonly number: number;
  readonly config: RelayConfig;
  /** Where the sockets are bound; one at least. */
  readonly addresses: readonly RelayAddress[];
  /** The worker's share of `port_range`: even, the end not included. */
  readonly firstPort: number;
  readonly endPort: number;
  /** Pairs of ports that may be bound for each address, because of the descriptor limit; may be Infinity. */
  readonly maxPairs: number;
  /** Ports below this one may just have been used by the worker whose place this one takes: they rest first. */
  readonly restingBelow: number;
}

/** A dispatcher's command. */
export interface WorkerCommand {
  readonly kind: "command";
  /** Of the answer. */
  readonly id: number;
  /** The dispatcher's configured `host:port`. */
  readonly dispatcher: string;
  readonly command: string;
  /** As `HeaderLines` takes them. */
  readonly headers: readonly string[];
}

/** From the main isolate to a worker. */
export type ToWorker =
  /** The first one. */
  | { readonly kind: "start"; readonly settings: WorkerSettings }
  | WorkerCommand
  /** The least important lines that are written. */
  | { readonly kind: "logLevel"; readonly level: LogLevel }
  /** Another worker has met the descriptor limit, which is the process's. */
  | { readonly kind: "descriptorLimit" }
  /** Of the kernel path. */
  | { readonly kind: "kernel"; readonly reply: KernelReply }
  /** New calls are to be refused. */
  | { readonly kind: "drain" }
  /** All sessions are to be ended and reported. */
  | { readonly kind: "close" };

/** What became of a command. */
export interface RelayAnswer {
  /** For the dispatcher. */
  readonly text: string;
  /** The caller's tag of the session that the command has created or changed. */
  readonly updated?: string;
  /** The caller's tag of the session that the command has ended. */
  readonly ended?: string;
  /** Why there are no ports for it here. Another worker may have some. */
  readonly exhausted?: string;
}

/** A session as it was at some instant, for the case that its worker cannot tell any more. */
export interface SessionRecord {
  readonly callId: string;
  /** The caller's. */
  readonly fromTag: string;
  /** `SessionStatistics` as JSON: text is cloned and kept for a fraction of what objects cost. */
  readonly statistics: string;
}

/** From a worker to the main isolate. */
export type FromWorker =
  /** It has started. */
  | { readonly kind: "ready" }
  | { readonly kind: "answer"; readonly id: number; readonly answer: RelayAnswer }
  /** A session ended by itself, or with the worker. */
  | { readonly kind: "expired"; readonly dispatcher: string; readonly statistics: SessionStatistics }
  /** Some of the sessions as they are now: those that were updated within a second, the others each in its turn. */
  | { readonly kind: "records"; readonly sessions: readonly SessionRecord[] }
  | { readonly kind: "log"; readonly level: LogLevel; readonly message: string; readonly fields: LogFields }
  /** About every second: a sign of life. `usedBelow` is above all ports that have ever been bound. */
  | { readonly kind: "beat"; readonly counters: Readonly<SocketCounters>; readonly usedBelow: number }
  /** For the kernel path. */
  | { readonly kind: "kernel"; readonly request: KernelRequest }
  /** The process may open no more descriptors. */
  | { readonly kind: "descriptorLimit" }
  /** All sessions have ended. */
  | { readonly kind: "closed" };
