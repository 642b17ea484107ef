/**
 * Where a party really is (RFC 7362): judges the sources that packets for a leg come from, until one is learnt and
 * whenever another one turns up. Of the latched source's packets only `follow` hears.
 *
 * | learnt | a packet comes from                                             | becomes                                   |
 * | ------ | --------------------------------------------------------------- | ----------------------------------------- |
 * | no     | the address that signalling has just moved the party away from  | `obsolete source`, except where the new SDP says just that address |
 * | no     | anywhere else                                                   | `learnt`                                  |
 * | yes    | a source that signalling vouches more for than for the learnt one | `vouched for`                           |
 * | yes    | elsewhere, but the same RTP flow goes on, the old source silent | `rebound`: the NAT has a new mapping      |
 * | yes    | anywhere else                                                   | `wrong source`                            |
 *
 * Sources rank: the SDP's address and port, then the SDP's or the signalling's address with another port, then all others.
 * @module
 */
import { type PacketKind, sequenceNumber, ssrc, timestamp } from "../src/rtp/mod.ts";

/** By what right a source became the party's address. */
export type LearntHow = "learnt" | "vouched for" | "rebound";

/** Why a packet's source was refused. */
export type Refusal = "wrong source" | "obsolete source";

/** How sure signalling makes us of a source; a higher one takes the place of a lower one. */
const UNKNOWN = 1;
const VOUCHED_FOR = 2; // the SDP's or the signalling's address, another port: symmetric NAT, or a phone with two ports
const EXACT = 3; // the SDP's address and port

/** For so long packets from an address that the party has left are late, not proof that it is still there. */
const OBSOLETE_MS = 5000;
/** A source is silent, and a flow may go on from elsewhere, when nothing has come for so long: five packets of 20 ms
 * and two ticks of the clock. */
const SILENT_MS = 300;
/** A flow that goes on is at most so many packets ahead: MAX_DROPOUT of RFC 3550 appendix A.1. */
const MAX_SEQUENCE_STEP = 3000;
/** No RTP clock in use is faster than that of 96 kHz audio; video's is 90 kHz. */
const MAX_CLOCK_RATE_HZ = 96_000;
/** So far a timestamp may be ahead of the time that has passed: packets come early, and clocks differ. */
const TIMESTAMP_SLACK_MS = 2000;

export class Learning {
  #rank = 0;
  #sdpHostname = "";
  #sdpPort = 0;
  #signalingHostname = "";
  #hostname = "";
  #port = 0;
  #obsoleteHostname = "";
  #obsoletePort = 0;
  #obsoleteUntilMs = -Infinity;
  /** The RTP flow of the learnt source, as its latest packet left it; `#sequence` is -1 before any. */
  #ssrc = 0;
  #sequence = -1;
  #timestamp = 0;

  /** What signalling says of the party: the SDP address and port, and where its SIP messages come from ("" if unknown). */
  setSignalled(hostname: string, port: number, signalingHostname: string): void {
    this.#sdpHostname = hostname;
    this.#sdpPort = port;
    this.#signalingHostname = signalingHostname;
    if (this.#rank > 0) this.#rank = this.#rankOf(this.#hostname, this.#port);
  }

  /**
   * Judges a packet from a source that is not the learnt one. What makes a source the party's address has been taken
   * down as such when this returns. `lastMediaAtMs` is when the learnt source sent last.
   */
  judge(
    packet: Uint8Array,
    kind: PacketKind,
    hostname: string,
    port: number,
    lastMediaAtMs: number,
    nowMs: number,
  ): LearntHow | Refusal {
    const rank = this.#rankOf(hostname, port);
    let how: LearntHow;
    if (this.#rank === 0) {
      if (rank < EXACT && this.#isObsolete(hostname, port, nowMs)) return "obsolete source";
      how = "learnt";
    } else if (rank > this.#rank) {
      how = "vouched for";
    } else if (kind === "rtp" && this.#goesOn(packet, nowMs - lastMediaAtMs)) {
      how = "rebound";
    } else {
      return "wrong source";
    }
    this.#rank = rank;
    this.#hostname = hostname;
    this.#port = port;
    this.#obsoleteUntilMs = -Infinity;
    if (kind === "rtp") this.follow(packet);
    return how;
  }

  /** Hot path. The latest RTP packet of the learnt source. */
  follow(packet: Uint8Array): void {
    this.#ssrc = ssrc(packet);
    this.#sequence = sequenceNumber(packet);
    this.#timestamp = timestamp(packet);
  }

  /** Signalling has moved the party: packets from the old address are late for a while. */
  relearn(nowMs: number): void {
    if (this.#rank > 0) {
      this.#obsoleteHostname = this.#hostname;
      this.#obsoletePort = this.#port;
      this.#obsoleteUntilMs = nowMs + OBSOLETE_MS;
    }
    this.forget();
  }

  /** Learn anew, from wherever the next packet comes. */
  forget(): void {
    this.#rank = 0;
    this.#sequence = -1;
  }

  #rankOf(hostname: string, port: number): number {
    if (hostname === this.#sdpHostname) return port === this.#sdpPort ? EXACT : VOUCHED_FOR;
    return hostname === this.#signalingHostname ? VOUCHED_FOR : UNKNOWN;
  }

  #isObsolete(hostname: string, port: number, nowMs: number): boolean {
    return nowMs < this.#obsoleteUntilMs && port === this.#obsoletePort && hostname === this.#obsoleteHostname;
  }

  /** Whether `packet` continues the flow that the silent source had: only a NAT's new mapping looks like that. */
  #goesOn(packet: Uint8Array, silentMs: number): boolean {
    if (this.#sequence < 0 || silentMs < SILENT_MS || ssrc(packet) !== this.#ssrc) return false;
    const sequenceStep = (sequenceNumber(packet) - this.#sequence) & 0xffff;
    const timestampStep = (timestamp(packet) - this.#timestamp) | 0;
    return sequenceStep > 0 && sequenceStep <= MAX_SEQUENCE_STEP && timestampStep >= 0 &&
      timestampStep <= (silentMs + TIMESTAMP_SLACK_MS) * MAX_CLOCK_RATE_HZ / 1000;
  }
}
