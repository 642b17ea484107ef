/**
 * The sources that signalling does not vouch for, while a leg's party is being learnt: who has sent what, and whether it
 * looks like a party that speaks rather than like somebody who tries ports.
 *
 * A source proves itself by three packets of one RTP flow (RFC 3550 §A.1), or two of another protocol, over a time in which
 * the real party may turn up. Of several, the one with the better rank is best, then the one that came first.
 * @module
 */
import { type PacketKind, sequenceNumber, ssrc } from "../../src/rtp/mod.ts";

const MIN_RTP_PACKETS = 3;
const MIN_OTHER_PACKETS = 2;
/** Packets of one flow are at most so many apart, lost ones included. */
const MAX_SEQUENCE_STEP = 100;
/** A better source that has been silent for so long is no reason to wait. */
const SILENT_MS = 300;
/** Few are enough: one is the party, and the others are strangers. */
const MAX_CANDIDATES = 4;
/** 250 ms of video at 1 Mbit/s, which also bounds the memory that a flood can take. */
const MAX_HELD_PACKETS = 32;
/** Older ones are of no use: a burst of them would only fill the other party's jitter buffer. */
const MAX_HELD_MS = 250;

/** A packet that waits, and when it came. */
export interface Held {
  readonly packet: Uint8Array;
  readonly atMs: number;
}

class Candidate {
  readonly hostname: string;
  readonly port: number;
  readonly firstAtMs: number;
  rank: number;
  lastAtMs: number;
  packets = 0;
  /** Consecutive ones of one flow. */
  rtpPackets = 0;
  #ssrc = 0;
  #sequence = 0;
  #held: Held[] = [];

  constructor(hostname: string, port: number, rank: number, nowMs: number) {
    this.hostname = hostname;
    this.port = port;
    this.rank = rank;
    this.firstAtMs = this.lastAtMs = nowMs;
  }

  note(packet: Uint8Array, kind: PacketKind, nowMs: number): void {
    this.lastAtMs = nowMs;
    this.packets++;
    if (kind === "rtp") this.#follow(packet);
  }

  hold(packet: Uint8Array, nowMs: number): void {
    if (this.#held.length >= MAX_HELD_PACKETS) this.#held.shift();
    this.#held.push({ packet: packet.slice(), atMs: nowMs });
  }

  #follow(packet: Uint8Array): void {
    const step = (sequenceNumber(packet) - this.#sequence) & 0xffff;
    const goesOn = ssrc(packet) === this.#ssrc && step > 0 && step <= MAX_SEQUENCE_STEP;
    this.rtpPackets = this.rtpPackets > 0 && goesOn ? this.rtpPackets + 1 : 1;
    this.#ssrc = ssrc(packet);
    this.#sequence = sequenceNumber(packet);
  }

  hasProved(sinceMs: number, windowMs: number, nowMs: number): boolean {
    return nowMs - Math.max(this.firstAtMs, sinceMs) >= windowMs &&
      (this.rtpPackets > 0 ? this.rtpPackets >= MIN_RTP_PACKETS : this.packets >= MIN_OTHER_PACKETS);
  }

  heldSince(atMs: number): Held[] {
    return this.#held.filter((held) => held.atMs >= atMs);
  }
}

export class Candidates {
  readonly #candidates: Candidate[] = [];

  /** A packet of a source. A fifth source goes unnoticed while four others of no lower rank send. */
  note(packet: Uint8Array, kind: PacketKind, hostname: string, port: number, rank: number, nowMs: number): void {
    let candidate = this.#find(hostname, port);
    if (candidate === undefined) {
      if (this.#candidates.length >= MAX_CANDIDATES && !this.#makeRoom(rank, nowMs)) return;
      candidate = new Candidate(hostname, port, rank, nowMs);
      this.#candidates.push(candidate);
    }
    candidate.rank = rank; // signalling may have said something new
    candidate.note(packet, kind, nowMs);
  }

  /** Keeps a copy of a packet that was noted. */
  hold(packet: Uint8Array, hostname: string, port: number, nowMs: number): void {
    this.#find(hostname, port)?.hold(packet, nowMs);
  }

  /** Whether a source has proved itself for `windowMs`, of which none counts before `sinceMs`, and none that still sends is
   * better. */
  isBest(hostname: string, port: number, sinceMs: number, windowMs: number, nowMs: number): boolean {
    const candidate = this.#find(hostname, port);
    if (candidate === undefined || !candidate.hasProved(sinceMs, windowMs, nowMs)) return false;
    return this.#candidates.every((other) => other.rank <= candidate.rank || nowMs - other.lastAtMs >= SILENT_MS);
  }

  /** The packets kept of a source that are not too old; the rest is forgotten. */
  take(hostname: string, port: number, nowMs: number): readonly Held[] {
    const held = this.#find(hostname, port)?.heldSince(nowMs - MAX_HELD_MS) ?? [];
    this.clear();
    return held;
  }

  clear(): void {
    this.#candidates.length = 0;
  }

  #find(hostname: string, port: number): Candidate | undefined {
    return this.#candidates.find((candidate) => candidate.port === port && candidate.hostname === hostname);
  }

  #makeRoom(rank: number, nowMs: number): boolean {
    const index = this.#candidates.findIndex((other) => other.rank < rank || nowMs - other.lastAtMs >= SILENT_MS);
    if (index >= 0) this.#candidates.splice(index, 1);
    return index >= 0;
  }
}
