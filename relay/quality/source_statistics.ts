/**
 * Hot path. What one synchronisation source (SSRC) sends, seen from where its packets pass by: loss, order and jitter by
 * RFC 3550 §A.1, §A.3 and §A.8.
 *
 * - **Order.** Of the latest 64 sequence numbers it is known which have come, so a duplicate is told from a packet that
 *   was overtaken. A packet more than 64 behind is as good as lost to a phone, and counts as lost and as reordered. A
 *   number that is farther off than §A.1 allows counts only when the next one follows it: the sender has begun anew.
 * - **Loss** is what was expected less what has come. Bursts are runs of lost packets, and are counted when they leave
 *   the 64.
 * - **Jitter** wants the clock rate. Static payload types have theirs (RFC 3551); that of a dynamic type is inferred from
 *   how far its timestamps go on in a second, until when there is no jitter. Packets that share a timestamp (a video
 *   frame, an RFC 4733 event) or follow one of another payload type are no pair to measure; neither is one that is out of
 *   step by two seconds, which no jitter buffer bridges: the sender's timeline has changed.
 *
 * Deviation: no probation (§A.1), as only packets from the party's own address get here.
 * @module
 */
import { clockRate, inferredClockRate, payloadType, sequenceNumber, timestamp } from "../../src/rtp/mod.ts";

const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
const WINDOW_PACKETS = 64;
/** Sources that say nothing for so long are noted; pauses between packets are a tenth of it at most. */
const GAP_MS = 1000;
const INFER_MS = 1000;
const MAX_STEP_MS = 2000;

export class SourceStatistics {
  /** Signed; see `ssrc`. */
  readonly ssrc: number;
  /** Packets without duplicates. */
  received: number;
  /** What should have come. */
  expected: number;
  duplicates: number;
  reordered: number;
  /** Runs of lost packets, and the packets in them. */
  lossBursts: number;
  lostInBursts: number;
  longestBurst: number;
  /** How often the sequence began anew. */
  restarts: number;
  jitterMs: number;
  maxJitterMs: number;
  /** Silences of a second or more. */
  gaps: number;
  longestGapMs: number;
  /** Of the latest packet. */
  payloadType: number;
  /** In the order in which they were first used. */
  readonly payloadTypes: number[];
  firstAtMs: number;
  lastAtMs: number;
  #highest: number;
  #expectedAfterJump: number;
  /** A bit for each of the latest 64 sequence numbers, the highest in bit 0 of `newer`; set: it has come. */
  #newer: number;
  #older: number;
  #burst: number;
  #unitsPerMs: number;
  #timestamp: number;
  #timestampAtMs: number;
  #inferFromTimestamp: number;
  #inferFromMs: number;
  #inferredType: number;
  #inferredUnitsPerMs: number;

  constructor(ssrc: number) {
    this.ssrc = ssrc;
    this.received = 0;
    this.expected = 0;
    this.duplicates = 0;
    this.reordered = 0;
    this.lossBursts = 0;
    this.lostInBursts = 0;
    this.longestBurst = 0;
    this.restarts = 0;
    this.jitterMs = 0;
    this.maxJitterMs = 0;
    this.gaps = 0;
    this.longestGapMs = 0;
    this.payloadType = -1;
    this.payloadTypes = [];
    this.firstAtMs = Infinity;
    this.lastAtMs = -Infinity;
    this.#highest = -1;
    this.#expectedAfterJump = -1;
    this.#newer = -1; // what came before the first packet is not missing
    this.#older = -1;
    this.#burst = 0;
    this.#unitsPerMs = 0;
    this.#timestamp = 0;
    this.#timestampAtMs = 0;
    this.#inferFromTimestamp = 0;
    this.#inferFromMs = 0;
    this.#inferredType = -1;
    this.#inferredUnitsPerMs = 0;
  }

  get lost(): number {
    return Math.max(0, this.expected - this.received);
  }

  /** In Hz; 0 while it is unknown, and so is the jitter. */
  get clockRate(): number {
    return this.#unitsPerMs * 1000;
  }

  /** `packet` is RTP of this source. */
  receive(packet: Uint8Array, nowMs: number): void {
    const sequence = sequenceNumber(packet);
    const step = (sequence - this.#highest) & 0xffff;
    if (this.#highest < 0) {
      this.#begin(sequence, nowMs);
    } else if (step !== 0 && step < MAX_DROPOUT) {
      this.#highest = sequence;
      this.expected += step;
      this.received++;
      this.#slide(step);
    } else if (step === 0 || step > 0xffff - MAX_MISORDER) {
      if (!this.#fill((0x10000 - step) & 0xffff)) return;
    } else if (sequence === this.#expectedAfterJump) {
      this.restarts++;
      this.#begin(sequence, nowMs);
    } else {
      this.#expectedAfterJump = (sequence + 1) & 0xffff;
      return;
    }
    const silenceMs = nowMs - this.lastAtMs;
    if (silenceMs >= GAP_MS) {
      this.gaps++;
      if (silenceMs > this.longestGapMs) this.longestGapMs = silenceMs;
    }
    this.lastAtMs = nowMs;
    this.#measure(payloadType(packet), timestamp(packet), nowMs);
  }

  /** Packets have passed by unseen: what comes next is where the sequence goes on, and no loss or pause is known of. */
  resume(nowMs: number): void {
    this.#highest = -1;
    this.#newer = -1;
    this.#older = -1;
    this.#burst = 0;
    this.#timestampAtMs = -Infinity;
    this.lastAtMs = nowMs;
  }

  #begin(sequence: number, nowMs: number): void {
    this.#highest = sequence;
    this.#expectedAfterJump = -1;
    this.expected++;
    this.received++;
    if (this.firstAtMs === Infinity) this.firstAtMs = this.lastAtMs = nowMs;
  }

  #slide(step: number): void {
    for (let left = step; left > 0; left--) {
      if (this.#older < 0) this.#burst = 0;
      else this.#lose();
      this.#older = this.#older << 1 | this.#newer >>> 31;
      this.#newer <<= 1;
    }
    this.#newer |= 1;
  }

  #lose(): void {
    if (this.#burst === 0) this.lossBursts++;
    this.#burst++;
    this.lostInBursts++;
    if (this.#burst > this.longestBurst) this.longestBurst = this.#burst;
  }

  /** A packet that is `behind` the highest; returns whether it has not come before. */
  #fill(behind: number): boolean {
    if (behind >= WINDOW_PACKETS) {
      this.reordered++;
      return true;
    }
    const bit = 1 << (behind & 31);
    const word = behind < 32 ? this.#newer : this.#older;
    if ((word & bit) !== 0) {
      this.duplicates++;
      return false;
    }
    if (behind < 32) this.#newer = word | bit;
    else this.#older = word | bit;
    this.reordered++;
    this.received++;
    return true;
  }

  #measure(type: number, units: number, nowMs: number): void {
    if (type !== this.payloadType) return this.#changeType(type, units, nowMs);
    if (units === this.#timestamp) return;
    if (this.#unitsPerMs === 0) {
      this.#infer(units, nowMs);
    } else {
      const difference = nowMs - this.#timestampAtMs - ((units - this.#timestamp) | 0) / this.#unitsPerMs;
      const deviationMs = difference < 0 ? -difference : difference;
      if (deviationMs < MAX_STEP_MS) {
        this.jitterMs += (deviationMs - this.jitterMs) / 16;
        if (this.jitterMs > this.maxJitterMs) this.maxJitterMs = this.jitterMs;
      }
    }
    this.#timestamp = units;
    this.#timestampAtMs = nowMs;
  }

  #changeType(type: number, units: number, nowMs: number): void {
    this.payloadType = type;
    if (!this.payloadTypes.includes(type)) this.payloadTypes.push(type);
    this.#unitsPerMs = type === this.#inferredType ? this.#inferredUnitsPerMs : clockRate(type) / 1000;
    this.#timestamp = this.#inferFromTimestamp = units;
    this.#timestampAtMs = this.#inferFromMs = nowMs;
  }

  #infer(units: number, nowMs: number): void {
    const durationMs = nowMs - this.#inferFromMs;
    if (durationMs < INFER_MS) return;
    const rate = inferredClockRate((units - this.#inferFromTimestamp) | 0, durationMs);
    if (rate !== 0) {
      this.#unitsPerMs = this.#inferredUnitsPerMs = rate / 1000;
      this.#inferredType = this.payloadType;
    }
    this.#inferFromTimestamp = units; // after a pause in which the clock stood still, say: try again
    this.#inferFromMs = nowMs;
  }
}
