/**
 * One `m=` line of a call on the relay: two parties, each with a pair of ports and a leg for RTP and for RTCP.
 *
 * When a stream ends by itself:
 *
 * | situation                                  | counts from                     | limit           | status                                |
 * | ------------------------------------------ | ------------------------------- | --------------- | ------------------------------------- |
 * | put on hold while it was up                | the start of the hold           | on_hold_timeout | `on hold timeout`                     |
 * | on hold from the start, media              | the last packet of either party | on_hold_timeout | `on hold timeout`                     |
 * | no media yet                               | the last offer or answer        | stream_timeout, twice that before an answer | `no-traffic timeout`; if both parties do ICE, `unselected ICE candidate` |
 * | disabled (port 0), no ports                | the last offer or answer        | on_hold_timeout, twice stream_timeout before an answer | `on hold timeout` |
 * | media                                      | the last packet of either party | idle_timeout    | `conntrack timeout`, the original's word |
 *
 * Music on hold does not prolong a hold; media both ways does, as then nobody holds, whatever was offered. A stream that
 * is one-way from the start is no hold, but looks like one.
 * Servers let a phone ring for longer than a stream may be silent, hence the patience with offers.
 * RTCP neither keeps a stream alive nor ends it.
 * @module
 */
import type { LearningMode } from "../src/control/learning_mode.ts";
import { bracketed, type MediaDescription } from "../src/control/media_header.ts";
import type { StreamStatus } from "../src/control/statistics.ts";
import type { KernelAccess } from "./kernel/passage.ts";
import type { LearningRules, LearntHow } from "./learning/learning.ts";
import type { Leg } from "./leg.ts";
import { type SilenceNews, SilenceWatch } from "./quality/silence_watch.ts";
import { type Party, type PartyInterfaces, Transport, type TransportUser } from "./transport.ts";

export interface StreamTimeouts {
  readonly streamTimeoutMs: number;
  readonly onHoldTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Before it is noticed that a party is not heard; 0: it is not. */
  readonly oneWayAfterMs: number;
}

/** What no call needs more of. */
export interface StreamLimits {
  /** m= lines of one SDP. */
  readonly maxStreamsPerSession: number;
  /** Of each party, to each of its ports; Infinity: as many as come. */
  readonly maxPacketsPerSecond: number;
}

/** What a stream needs from around it. */
export interface StreamEnvironment {
  readonly limits: StreamLimits;
  readonly timeouts: StreamTimeouts;
  readonly learning: LearningRules;
  readonly kernel: KernelAccess;
  /** Whether media may be sent to an address from an SDP before anything came from there. */
  isRoutable(address: string): boolean;
}

/** Whose stream it is; is told what may stand in the log. */
export interface StreamOwner {
  /** A party's address became known, or another one. */
  learnt(stream: Stream, party: Party, leg: Leg, how: LearntHow): void;
  /** What was learnt of a leg holds no more. */
  lost(leg: Leg): void;
  /** All packets come to the sockets again. */
  leftKernel(): void;
}

/** A party's SDP address and where its SIP messages come from. */
export interface Signalled {
  readonly media: MediaDescription;
  /** "" if unknown. */
  readonly signalingAddress: string;
}

/** What became of a stream in an offer or answer; for the log. */
export type StreamChange = "accepted" | "retained" | "updating" | "disabled";

/** When a stream ends by itself if nothing happens until then, and why. */
export interface Deadline {
  readonly atMs: number;
  readonly status: StreamStatus;
  readonly waitMs: number;
}

/** What the parties said of a stream; also for one that needs no ports. */
class PartyState {
  /** `undefined` before the party's first SDP. */
  sdp: { readonly address: string; readonly port: number } | undefined = undefined;
  /** Where its SIP messages come from; "" if unknown. */
  signalingAddress = "";
  /** How its RTP address was learnt last; `undefined` before. */
  learntHow: LearntHow | undefined = undefined;
  onHold = false;
  ice = false;
  /** Whether the party's latest SDP has port 0. */
  disabled = false;
}

export class Stream implements TransportUser {
  readonly type: string;
  readonly createdAtMs: number;
  readonly caller = new PartyState();
  readonly callee = new PartyState();
  readonly #env: StreamEnvironment;
  readonly #owner: StreamOwner;
  /** `undefined` if the stream was offered disabled (port 0), so that it needs no ports. */
  #transport: Transport | undefined;
  /** The transport that the stream was made with; what it counts, only this stream reports. */
  readonly #own: Transport | undefined;
  /** Whether the parties are heard on `#own`. */
  readonly silence: SilenceWatch | undefined;
  status: StreamStatus = "active";
  /** When an answer made the stream part of the call, and when it ended. */
  answeredAtMs = Infinity;
  endedAtMs = Infinity;
  firstMediaAtMs = Infinity;
  /** The time limit that ended the stream; 0 if none did. */
  timeoutWaitMs = 0;
  #signalledAtMs: number;
  #heldSinceMs = Infinity;
  #heldWhileUp = false;

  /** Shares the ports of `bundledWith`, if given. @throws PortsExhaustedError, having taken no ports. */
  constructor(
    env: StreamEnvironment,
    owner: StreamOwner,
    offerer: Party,
    offer: Signalled,
    interfaces: PartyInterfaces,
    nowMs: number,
    bundledWith?: Stream,
  ) {
    this.type = offer.media.type;
    this.createdAtMs = nowMs;
    this.#env = env;
    this.#owner = owner;
    this.#signalledAtMs = nowMs;
    const isFax = this.type === "image";
    this.#own = offer.media.port === 0 || bundledWith !== undefined
      ? undefined
      : new Transport(this, interfaces, env.learning, env.kernel, isFax, nowMs);
    this.#transport = this.#own;
    this.allowPackets();
    this.silence = this.#own && new SilenceWatch(this.#own.side("caller"), this.#own.side("callee"));
    if (bundledWith !== undefined) this.bundleWith(bundledWith, nowMs);
    this.update(offerer, offer, nowMs);
  }

  get alive(): boolean {
    return this.endedAtMs === Infinity;
  }

  get answered(): boolean {
    return this.answeredAtMs !== Infinity;
  }

  get learningMode(): LearningMode {
    return this.#env.learning.mode;
  }

  get onHold(): boolean {
    return this.#heldSinceMs !== Infinity;
  }

  /** A party's RTP and RTCP legs, as far as no other stream has them: for the statistics. */
  legs(party: Party): readonly Leg[] {
    if (this.#own === undefined) return [];
    const { rtp, rtcp } = this.#own.side(party);
    return [rtp, rtcp];
  }

  /**
   * From now on the stream's packets share the ports of `other`, if that has any: their m= lines have the same address and
   * port (RFC 9143 §9).
   */
  bundleWith(other: Stream, nowMs: number): void {
    const shared = other.#transport;
    if (shared === undefined || shared === this.#transport) return;
    this.#transport?.leave(this, nowMs);
    this.silence?.close(nowMs);
    this.#transport = shared;
    shared.join(this);
    this.firstMediaAtMs = Math.min(this.firstMediaAtMs, Math.max(other.firstMediaAtMs, this.createdAtMs));
  }

  /** A party's legs, shared or not; `undefined` for a stream without ports. */
  side(party: Party): { readonly rtp: Leg; readonly rtcp: Leg } | undefined {
    return this.#transport?.side(party);
  }

  /** Whether the stream shares the ports of another one. */
  get bundled(): boolean {
    return this.#transport !== this.#own;
  }

  /** The RTP port to which `party` sends; 0 if there is none, or no more. */
  portFor(party: Party): number {
    return this.alive ? this.leasedPort(party) : 0;
  }

  /** The RTP port that `party` had, also after the end; 0 if it never had one. */
  leasedPort(party: Party): number {
    return this.#transport?.port(party) ?? 0;
  }

  /** The relay's side of `party`, as `address:port`, also after the end; `Unknown` if it never had one. */
  local(party: Party): string {
    if (this.#transport === undefined) return "Unknown";
    return `${bracketed(this.#transport.interfaces[party].address)}:${this.#transport.port(party)}`;
  }

  /** As `local`, with the address that parties are told. */
  told(party: Party): string {
    if (this.#transport === undefined) return "Unknown";
    return `${bracketed(this.#transport.interfaces[party].advertised)}:${this.#transport.port(party)}`;
  }

  /** Where the party's RTP comes from, as `address:port`, or `Unknown`. */
  remote(party: Party): string {
    return this.#transport?.side(party).rtp.remote ?? "Unknown";
  }

  /**
   * Whether an offer of `party` means this stream: same type, and the address and port that the party had, or one of
   * them zeroed to hold (RFC 3264 §8.4) or disable it (§8.2).
   */
  continues(party: Party, { type, address, port }: MediaDescription): boolean {
    const { sdp } = this[party];
    if (!this.alive || type !== this.type || sdp === undefined) return false;
    if (this.#transport === undefined) return port === 0; // it has no ports to keep when it wants some
    const bundled = this.#transport.signalled(party); // an answer may have bundled it, to be repeated in this offer
    if (address === bundled?.address && port === bundled.port) return true;
    if (address === sdp.address) return port === sdp.port || port === 0;
    return port === sdp.port && (address === "0.0.0.0" || sdp.address === "0.0.0.0");
  }

  /** A new offer or answer of `party`. */
  update(party: Party, { media, signalingAddress }: Signalled, nowMs: number): StreamChange {
    const state = this[party];
    const before = state.sdp;
    this.#signalledAtMs = nowMs;
    state.signalingAddress = signalingAddress;
    state.disabled = media.port === 0;
    if (state.disabled) {
      state.sdp ??= media;
      return "disabled";
    }
    state.onHold = media.direction === "sendonly" || media.direction === "inactive" || media.address === "0.0.0.0";
    state.ice = media.ice;
    this.#checkHold(nowMs);
    // An address of 0.0.0.0 holds, and says nothing about where the party is.
    if (media.address === "0.0.0.0" && before !== undefined) return "retained";
    state.sdp = media;
    const known = before !== undefined && before.address !== "0.0.0.0";
    const moved = known && (before.address !== media.address || before.port !== media.port);
    const { address, port } = media;
    const routable = this.#env.isRoutable(address) || this.#env.learning.isOwn(address, port);
    this.#transport?.place(this, party, media, routable, signalingAddress, nowMs);
    return before === undefined ? "accepted" : moved ? "updating" : "retained";
  }

  #checkHold(nowMs: number): void {
    const held = this.caller.onHold || this.callee.onHold;
    if (held === this.onHold) return;
    this.#heldSinceMs = held ? nowMs : Infinity;
    this.#heldWhileUp = held && this.answered;
    this.status = held ? "on hold" : "active";
  }

  /** An answer, also a provisional one, makes the stream part of the call. */
  confirm(nowMs: number): void {
    this.#signalledAtMs = nowMs;
    this.answeredAtMs = Math.min(this.answeredAtMs, nowMs);
  }

  learnt(party: Party, leg: Leg, how: LearntHow, nowMs: number): void {
    this.firstMediaAtMs = Math.min(this.firstMediaAtMs, nowMs);
    if (leg.component === "rtp") this[party].learntHow = how;
    this.#owner.learnt(this, party, leg, how);
  }

  lost(leg: Leg): void {
    this.#owner.lost(leg);
  }

  leftKernel(): void {
    this.#owner.leftKernel();
  }

  /** To be called about once a second: each party may send so many packets until then. */
  allowPackets(): void {
    this.#transport?.allow(this, this.#env.limits.maxPacketsPerSecond);
  }

  deadline(): Deadline {
    const { streamTimeoutMs, onHoldTimeoutMs, idleTimeoutMs } = this.#env.timeouts;
    const patienceMs = this.answered ? streamTimeoutMs : 2 * streamTimeoutMs;
    if (this.#transport === undefined) {
      const waitMs = this.answered ? onHoldTimeoutMs : patienceMs; // disabled is as good as held
      return { atMs: this.#signalledAtMs + waitMs, status: "on hold timeout", waitMs };
    }
    const callerAtMs = this.#transport.lastMediaAtMs("caller");
    const calleeAtMs = this.#transport.lastMediaAtMs("callee");
    const mediaAtMs = Math.max(callerAtMs, calleeAtMs);
    if (this.onHold && (this.#heldWhileUp || mediaAtMs !== -Infinity)) {
      const sinceMs = this.#heldWhileUp ? Math.max(this.#heldSinceMs, Math.min(callerAtMs, calleeAtMs)) : mediaAtMs;
      return { atMs: sinceMs + onHoldTimeoutMs, status: "on hold timeout", waitMs: onHoldTimeoutMs };
    }
    if (mediaAtMs === -Infinity) {
      const status = this.caller.ice && this.callee.ice ? "unselected ICE candidate" : "no-traffic timeout";
      return { atMs: this.#signalledAtMs + patienceMs, status, waitMs: patienceMs };
    }
    const atMs = Math.max(mediaAtMs, this.#signalledAtMs) + idleTimeoutMs;
    return { atMs, status: "conntrack timeout", waitMs: idleTimeoutMs };
  }

  /** Whether the kernel carries it now. */
  get inKernel(): boolean {
    return this.alive && this.#transport?.inKernel === true;
  }

  /** To be called about once a second: has the kernel carry what it can. */
  useKernel(nowMs: number): void {
    this.#transport?.useKernel(nowMs);
  }

  /** Has the sockets carry all packets again. Returns whether they do, and all that the kernel has counted is known. */
  leaveKernel(): boolean {
    const left = this.#transport?.leaveKernel() ?? true;
    return (this.#own?.leaveKernel() ?? true) && left;
  }

  /** Looks whether both parties of a call that was answered at `callAtMs` are heard; returns what is new. */
  watch(callAtMs: number, nowMs: number): readonly SilenceNews[] {
    const { oneWayAfterMs } = this.#env.timeouts;
    if (this.silence === undefined || this.bundled || !this.alive) return [];
    const mustSend = this.answered && !this.onHold && this.type === "audio" && oneWayAfterMs > 0;
    const sinceMs = mustSend ? Math.max(callAtMs, this.#signalledAtMs) : Infinity;
    return this.silence.check(sinceMs, oneWayAfterMs, nowMs);
  }

  /** Until then it will not have ended by itself, and nobody else on it will have been silent for too long. */
  get quietUntilMs(): number {
    const { oneWayAfterMs } = this.#env.timeouts;
    const silentAtMs = oneWayAfterMs > 0 ? (this.silence?.heardSinceMs ?? -Infinity) + oneWayAfterMs : Infinity;
    return Math.min(this.deadline().atMs, silentAtMs);
  }

  /** Ends the stream and gives its ports back. Twice is harmless. */
  close(status: StreamStatus, nowMs: number, timeoutWaitMs = 0): void {
    if (!this.alive) return;
    this.status = status;
    this.endedAtMs = nowMs;
    this.timeoutWaitMs = timeoutWaitMs;
    this.silence?.close(nowMs);
    this.#transport?.leave(this, nowMs);
  }

  /** The stream in one line, for the log: who is where, seen from the caller to the callee. */
  toString(): string {
    const [caller, callee] = (["caller", "callee"] as const).map((party) => {
      const { sdp, onHold, ice } = this[party];
      const side = this.#transport?.side(party);
      const signalled = sdp === undefined ? "Unknown" : `${sdp.address}:${sdp.port}`;
      return `${signalled}${onHold ? " ON HOLD" : ""}${ice ? " (ICE)" : ""} (RTP: ${
        side?.rtp.remote ?? "Unknown"
      }, RTCP: ${side?.rtcp.remote ?? "Unknown"})`;
    });
    return `(${this.type}) ${caller} <-> ${this.leasedPort("caller")} <-> ${this.leasedPort("callee")} <-> ${callee}`;
  }
}
