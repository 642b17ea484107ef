/** What the generator says to its two isolates, the sender and the probe, and they to it. @module */

/** Opens sockets from `firstPort` on. */
export interface OpenCommand {
  readonly kind: "open";
  readonly callers: number;
  readonly callees: number;
  readonly firstPort: number;
}

/** The ports of the sockets that are open now. */
export interface Opened {
  readonly kind: "opened";
  readonly callerPorts: readonly number[];
  readonly calleePorts: readonly number[];
}

/** Sends until `STOPPED` is set in `counters`. */
export interface RunCommand {
  readonly kind: "run";
  /** Where each caller of this isolate, and each callee, sends: ports of 127.0.0.1. */
  readonly callerTargets: readonly number[];
  readonly calleeTargets: readonly number[];
  /** Of the sender; Infinity: as fast as it can. The probe is slow and regular. */
  readonly packetsPerSecond: number;
  /** An `Int32Array` of `COUNTERS`, shared by all. */
  readonly counters: SharedArrayBuffer;
}

/** A run is over. */
export interface Ended {
  readonly kind: "ended";
  /** Milliseconds from sending to arrival, of the packets that arrived while `MEASURING` was set; clocks may differ by
   * a constant. */
  readonly delaysMs: Float64Array;
}

export type Command = OpenCommand | RunCommand;
export type Answer = Opened | Ended;

/** Places in the shared counters. */
export const SENT = 0;
export const SENT_BY_PROBE = 1;
export const READ_BY_PROBE = 2;
export const MEASURING = 3;
export const STOPPED = 4;
export const COUNTERS = 5;

/** So many calls, the first ones, have a callee that the probe reads, to know how long packets take. */
export const PROBED_CALLS = 4;

/** 20 ms of G.711 (RFC 3551 §4.5.14) with its header. */
export const PACKET_BYTES = 172;
/** Where in the payload a probed packet says when it was sent. */
export const STAMP_OFFSET = 12;
