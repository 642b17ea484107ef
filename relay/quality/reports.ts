/**
 * What a party's RTCP tells a relay in the middle (RFC 3550 §6.4.1): how far away the party is, and how the packets of
 * the other party, which the relay has passed on to it, arrive there.
 *
 * The party echoes the timestamp of the sender report that it got last (LSR) and says how long it has had it (DLSR). The
 * relay saw that report pass, so the rest is the way from here to the party and back:
 *
 * ```text
 *  other party        relay              party
 *      |--- SR(ntp) --->|---- SR(ntp) ---->|  passed at
 *      |                |                  |  DLSR
 *      |<-- RR(LSR) ----|<--- RR(LSR) -----|  now; round trip = now - passed at - DLSR
 * ```
 * @module
 */
import {
  blockSsrc,
  cumulativeLost,
  delaySinceLastSenderReportMs,
  fractionLost,
  lastSenderReport,
  readReports,
  reportedJitter,
  type ReportReader,
} from "../../src/rtp/mod.ts";

/** Receivers report on the latest sender report; one that crossed the next on the way is still known. */
const REMEMBERED_REPORTS = 4;
/** As many as a bundle has. */
const MAX_REPORTED = 8;
/** What is longer is no round trip but a receiver that counts its delay in other units. */
const MAX_ROUND_TRIP_MS = 30_000;
/** DLSR and our clocks are not exact: so much less than nothing is nothing. */
const MIN_ROUND_TRIP_MS = -20;

/** What the receiver of a source says of it. */
export interface ReportedReception {
  /** Of the source; signed. */
  readonly ssrc: number;
  /** Since the report before, 0 to 1. */
  fractionLost: number;
  /** Since the beginning. */
  lost: number;
  /** In units of the source's clock. */
  jitter: number;
}

export class Reports implements ReportReader {
  /** The other party's; set once, by the stream. */
  peer: Reports;
  /** From the relay to the party and back; -1 until it is known. */
  roundTripMs: number;
  maxRoundTripMs: number;
  /** RTCP packets that could be read. */
  readable: number;
  /** RTCP packets that could not: encrypted (SRTCP), or broken. */
  unreadable: number;
  /** How the other party received this one's packets. Few: a map would take six times the memory. */
  readonly reported: ReportedReception[];
  readonly #passed: { ntpMiddle: number; atMs: number }[];

  constructor() {
    this.peer = this;
    this.roundTripMs = -1;
    this.maxRoundTripMs = -1;
    this.readable = 0;
    this.unreadable = 0;
    this.reported = [];
    this.#passed = [];
  }

  /** `packet` is RTCP of the party. It is only read. */
  receive(packet: Uint8Array, nowMs: number): void {
    if (readReports(packet, this, nowMs)) this.readable++;
    else this.unreadable++;
  }

  senderReport(_reporter: number, ntpMiddle: number, nowMs: number): void {
    this.#passed.push({ ntpMiddle, atMs: nowMs });
    if (this.#passed.length > REMEMBERED_REPORTS) this.#passed.shift();
  }

  reportBlock(packet: Uint8Array, offset: number, nowMs: number): void {
    const { peer } = this;
    const ssrc = blockSsrc(packet, offset);
    let said = peer.reported.find((it) => it.ssrc === ssrc);
    if (said === undefined && peer.reported.length < MAX_REPORTED) {
      said = { ssrc, fractionLost: 0, lost: 0, jitter: 0 };
      peer.reported.push(said);
    }
    if (said !== undefined) {
      said.fractionLost = fractionLost(packet, offset);
      said.lost = cumulativeLost(packet, offset);
      said.jitter = reportedJitter(packet, offset);
    }
    const echoed = lastSenderReport(packet, offset);
    const passed = peer.#passed.find(({ ntpMiddle }) => ntpMiddle === echoed);
    if (echoed === 0 || passed === undefined) return;
    const roundTripMs = nowMs - passed.atMs - delaySinceLastSenderReportMs(packet, offset);
    if (roundTripMs < MIN_ROUND_TRIP_MS || roundTripMs > MAX_ROUND_TRIP_MS) return;
    this.roundTripMs = Math.max(0, roundTripMs);
    this.maxRoundTripMs = Math.max(this.maxRoundTripMs, this.roundTripMs);
  }
}
