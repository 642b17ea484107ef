/** What the calls go through. @module */
import type { PeerProcess } from "../../peers/support/process.ts";
import type { Programs } from "../support/our_programs.ts";

/** How media relays come into a call: not at all, for the whole dialog, or message by message. */
export const MODULES = ["none", "engage", "use"] as const;

export type Module = (typeof MODULES)[number];

export interface ProxySubjectOptions {
  readonly module: Module;
  /** Where initial requests go, at {@linkcode CALLEE_ADDRESS}. */
  readonly calleePort: number;
  /** Whether its heap will be asked for. */
  readonly inspected: boolean;
}

/** A proxy, with a dispatcher and a relay of its own unless the module is "none". */
export interface ProxySubject extends AsyncDisposable {
  readonly name: string;
  /** At 127.0.0.1, UDP. */
  readonly port: number;
  readonly process: PeerProcess;
  readonly programs: Programs | undefined;
  /** V8's heap after a full collection; undefined if it has none. */
  collectedHeapBytes(): Promise<number | undefined>;
}

/** Starts a subject; resolves once it takes calls. */
export type StartProxySubject = (options: ProxySubjectOptions) => Promise<ProxySubject>;

/** Where the sipp that calls is, and the one that is called. */
export const CALLER_ADDRESS = "127.0.0.2";
export const CALLEE_ADDRESS = "127.0.0.3";

/** Beyond any number of calls that are up at the same time; ports are used again at once. */
export const MEDIA_PORTS = { kamailio: "34000:44000", ours: "46000:56000" };
