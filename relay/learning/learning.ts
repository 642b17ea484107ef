/**
 * Where a party really is (RFC 7362): judges the sources that packets for a leg come from, until one is learnt and
 * whenever another one turns up. Of the learnt source's packets only `follow` hears.
 *
 * Sources rank by what signalling says of them:
 *
 * | rank          | source                                                                                           |
 * | ------------- | ------------------------------------------------------------------------------------------------ |
 * | `EXACT`       | the SDP's address and port; for RTCP also the port behind the RTP's                               |
 * | `VOUCHED_FOR` | the SDP's, the signalling's or the RTP's address with another port: a NAT, or a phone with two ports |
 * | `NEARBY`      | the signalling address's network: a carrier's NAT with a pool of addresses                         |
 * | `UNKNOWN`     | anything else                                                                                    |
 *
 * | learnt | mode      | a packet comes from                                            | becomes              |
 * | ------ | --------- | -------------------------------------------------------------- | -------------------- |
 * | any    | any       | the relay itself, and the SDP does not say just that port       | `loop`               |
 * | any    | any       | elsewhere, and the SDP says a port of the relay                 | `unvouched source`   |
 * | no     | any       | where signalling has just moved the party away from, not `EXACT` | `obsolete source`   |
 * | no     | heuristic | anywhere, and the RTP flow of before goes on                    | `learnt`             |
 * | no     | open      | anywhere                                                       | `learnt`             |
 * | no     | strict, and not open for RTCP | `VOUCHED_FOR` or better; lower              | `learnt`; `unvouched source` |
 * | no     | heuristic | `VOUCHED_FOR` or better                                        | `learnt`             |
 * | no     | heuristic | lower, until it has proved to be a flow and none beats it       | `undecided`          |
 * | no     | heuristic | lower, from then on                                            | `learnt`             |
 * | yes    | not open  | `VOUCHED_FOR` or better, and better than what is learnt         | `vouched for`        |
 * | yes    | any       | elsewhere, the same RTP flow goes on, the old source silent     | `rebound`            |
 * | yes    | any       | anywhere else                                                  | `wrong source`       |
 *
 * Packets that are undecided are kept for a moment (`candidates.ts`): they go out if their source is learnt, so the
 * beginning of what a party says is late rather than lost, and a stranger is not heard.
 * @module
 */
import type { LearningMode } from "../../src/control/learning_mode.ts";
import { type PacketKind, sequenceNumber, ssrc, timestamp } from "../../src/rtp/mod.ts";
import { Candidates, type Held } from "./candidates.ts";

/** By what right a source became the party's address. */
export type LearntHow = "learnt" | "vouched for" | "rebound";

/** Why a packet's source was refused, or not learnt yet. */
export type Refusal = "wrong source" | "obsolete source" | "unvouched source" | "undecided" | "loop";

/** What holds for all legs of a call. */
export interface LearningRules {
  readonly mode: LearningMode;
  /** Whether a NAT's new mapping is followed without signalling. */
  readonly rebinding: boolean;
  /** Whether the source is one of the relay's own media ports. */
  isOwn(hostname: string, port: number): boolean;
}

const UNKNOWN = 1;
const NEARBY = 2;
const VOUCHED_FOR = 3;
const EXACT = 4;

/** How long a source that is not vouched for is looked at. Within it the party itself sends seven packets of 20 ms. */
const WINDOW_MS = 150;
/** The same for a quite unknown source if the party could be vouched for: as long as an answer may take to reach a phone, and
 * the phone to begin, so that a stranger who floods the port does not get what it would play to the party. */
const STRANGER_WINDOW_MS = 1000;
/** For so long packets from an address that the party has left are late, not proof that it is still there. */
const OBSOLETE_MS = 5000;
/** A source is silent, and a flow may go on from elsewhere, when nothing has come for so long: fifteen packets
 * of 20 ms. */
const SILENT_MS = 300;
/** A flow that goes on is at most so many packets ahead: MAX_DROPOUT of RFC 3550 appendix A.1. */
const MAX_SEQUENCE_STEP = 3000;
/** No RTP clock in use is faster than that of 96 kHz audio; video's is 90 kHz. */
const MAX_CLOCK_RATE_HZ = 96_000;
/** After half of its range, six hours of that clock, a timestamp's difference has no sign. */
const MAX_TIMESTAMP_MS = 2 ** 31 / MAX_CLOCK_RATE_HZ * 1000;
/** Of packets that were not seen one in so many may be lost or doubled before they are counted, up to so many in all. */
const UNSEEN_PER_LOST = 16;
const MAX_SEQUENCE_SLACK = 8192;
/** So far a timestamp may be ahead of the time that has passed: packets come early, and clocks differ. */
const TIMESTAMP_SLACK_MS = 2000;

export class Learning {
  readonly #rules: LearningRules;
  readonly #component: "rtp" | "rtcp";
  /** 0 while nothing is learnt. */
  #rank = 0;
  #sdpHostname = "";
  #sdpPort = 0;
  /** The SDP's address is one of the relay's own ports: another session's, whose packets come from just there. */
  #sdpIsOwn = false;
  /** Whether the SDP or the signalling has an address that the party's packets could come from. */
  #canBeVouchedFor = false;
  #signalledAtMs = -Infinity;
  #signalingHostname = "";
  /** What addresses of the signalling address's network begin with; "" if that is unknown. */
  #nearby = "";
  #rtpHostname = "";
  #rtpPort = 0;
  #hostname = "";
  #port = 0;
  #stunRank = 0;
  #obsoleteHostname = "";
  #obsoletePort = 0;
  #obsoleteUntilMs = -Infinity;
  /** The RTP flow of the source that is or was learnt, as its latest packet left it; `#sequence` is -1 before any. */
  #ssrc = 0;
  #sequence = -1;
  #timestamp = 0;
  /** Packets of the flow that have come since, of which no more is known than their number, and since when. */
  #unseen = 0;
  #unseenSinceMs = Infinity;
  /** `undefined` in most calls: the parties are where signalling says. Saves 75 bytes (Deno 2.9.6). */
  #candidates: Candidates | undefined = undefined;

  constructor(rules: LearningRules, component: "rtp" | "rtcp") {
    this.#rules = rules;
    this.#component = component;
  }

  /**
   * What signalling says of the party: the SDP address and port, whether that can be its real one, and where its SIP
   * messages come from ("" if unknown).
   */
  setSignalled(hostname: string, port: number, routable: boolean, signalingHostname: string, nowMs: number): void {
    if (hostname !== this.#sdpHostname || port !== this.#sdpPort) this.#signalledAtMs = nowMs;
    this.#canBeVouchedFor = routable || signalingHostname !== "";
    this.#sdpHostname = hostname;
    this.#sdpPort = port;
    this.#sdpIsOwn = this.#rules.isOwn(hostname, port);
    this.#signalingHostname = signalingHostname;
    this.#nearby = networkPrefix(signalingHostname);
    this.#rankAgain();
  }

  /** For the learning of RTCP: where the party's RTP comes from. Returns whether what was learnt has more right than that. */
  setRtpSource(hostname: string, port: number): boolean {
    this.#rtpHostname = hostname;
    this.#rtpPort = port;
    this.#rankAgain();
    return this.#rank >= VOUCHED_FOR;
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
    const loop = this.#loop(rank, hostname, port);
    if (loop !== undefined) return loop;
    const judgement = this.#rank === 0
      ? this.#judgeFirst(packet, kind, hostname, port, rank, lastMediaAtMs, nowMs)
      : this.#judgeOther(packet, kind, rank, lastMediaAtMs, nowMs);
    switch (judgement) {
      case "learnt":
      case "vouched for":
      case "rebound":
        this.#rank = rank;
        this.#hostname = hostname;
        this.#port = port;
        this.#obsoleteUntilMs = -Infinity;
        if (kind === "rtp") this.follow(packet);
    }
    return judgement;
  }

  #judgeFirst(
    packet: Uint8Array,
    kind: PacketKind,
    hostname: string,
    port: number,
    rank: number,
    lastMediaAtMs: number,
    nowMs: number,
  ): "learnt" | Refusal {
    if (rank < EXACT && this.#isObsolete(hostname, port, nowMs)) return "obsolete source";
    const { mode } = this.#rules;
    if (mode === "open" || rank >= VOUCHED_FOR) return "learnt";
    // RTCP comes from where RTP does, so there is never a reason to believe a stranger.
    if (mode === "strict" || this.#component === "rtcp") return "unvouched source";
    if (kind === "rtp" && this.#goesOn(packet, lastMediaAtMs, nowMs)) return "learnt";
    const candidates = this.#candidates ??= new Candidates();
    candidates.note(packet, kind, hostname, port, rank, nowMs);
    // Before the party's own SDP nothing tells it from a stranger, who must not be first to hear or to be heard.
    const windowMs = rank === UNKNOWN && this.#canBeVouchedFor ? STRANGER_WINDOW_MS : WINDOW_MS;
    const isBest = candidates.isBest(hostname, port, this.#signalledAtMs, windowMs, nowMs);
    if (this.#sdpHostname !== "" && isBest) return "learnt";
    candidates.hold(packet, hostname, port, nowMs);
    return "undecided";
  }

  #judgeOther(
    packet: Uint8Array,
    kind: PacketKind,
    rank: number,
    lastMediaAtMs: number,
    nowMs: number,
  ): LearntHow | Refusal {
    const { mode, rebinding } = this.#rules;
    if (mode !== "open" && rank >= VOUCHED_FOR && rank > this.#rank) return "vouched for";
    if (
      !rebinding || kind !== "rtp" || nowMs - lastMediaAtMs < SILENT_MS || (mode === "strict" && rank < VOUCHED_FOR)
    ) {
      return "wrong source";
    }
    return this.#goesOn(packet, lastMediaAtMs, nowMs) ? "rebound" : "wrong source";
  }

  /**
   * Whether STUN for the party may go to a source of STUN while nothing is learnt: not if a better one has sent some, and
   * to an unknown one only if the party uses ICE, which judges it itself (RFC 8445 §7.3). It also speaks for what comes from
   * there later.
   */
  acceptStun(packet: Uint8Array, hostname: string, port: number, ice: boolean, nowMs: number): "accepted" | Refusal {
    const rank = this.#rankOf(hostname, port);
    const loop = this.#loop(rank, hostname, port);
    if (loop !== undefined) return loop;
    const { mode } = this.#rules;
    if (rank < VOUCHED_FOR && (mode === "strict" || (mode === "heuristic" && !ice))) return "unvouched source";
    if (rank < this.#stunRank) return "wrong source";
    this.#stunRank = rank;
    if (rank < VOUCHED_FOR) {
      this.#candidates ??= new Candidates();
      this.#candidates.note(packet, "stun", hostname, port, rank, nowMs);
    }
    return "accepted";
  }

  /** What the source that was learnt just now had sent before, oldest first, as far as it is worth sending. */
  takeHeld(nowMs: number): readonly Held[] {
    return this.#candidates?.take(this.#hostname, this.#port, nowMs) ?? [];
  }

  /** Hot path. The latest RTP packet of the learnt source. */
  follow(packet: Uint8Array): void {
    this.#ssrc = ssrc(packet);
    this.#sequence = sequenceNumber(packet);
    this.#timestamp = timestamp(packet);
    this.#unseen = 0;
  }

  /** Packets of the learnt source have passed by unseen, after the latest one that was seen at `lastMediaAtMs`. */
  passedBy(packets: number, lastMediaAtMs: number): void {
    if (this.#unseen === 0) this.#unseenSinceMs = lastMediaAtMs;
    this.#unseen += packets;
  }

  /** Whether an RTP packet from elsewhere may belong to the flow of the learnt source, if that turns out to be silent. */
  mayGoOn(packet: Uint8Array, nowMs: number): boolean {
    return this.#rules.rebinding && this.#goesOn(packet, nowMs, nowMs);
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
    this.#stunRank = 0;
    this.#candidates?.clear();
  }

  /**
   * Sessions of the relay may be chained, but what goes from one to the next keeps to the SDP, and a stranger's packet in a
   * ring of them would go round for ever.
   */
  #loop(rank: number, hostname: string, port: number): Refusal | undefined {
    if (rank === EXACT) return undefined;
    if (this.#rules.isOwn(hostname, port)) return "loop";
    return this.#sdpIsOwn ? "unvouched source" : undefined;
  }

  #rankAgain(): void {
    if (this.#rank > 0) this.#rank = this.#rankOf(this.#hostname, this.#port);
  }

  #rankOf(hostname: string, port: number): number {
    if (hostname === this.#sdpHostname && port === this.#sdpPort) return EXACT;
    if (hostname === this.#rtpHostname) return port === this.#rtpPort + 1 ? EXACT : VOUCHED_FOR;
    if (hostname === this.#sdpHostname || hostname === this.#signalingHostname) return VOUCHED_FOR;
    return this.#nearby !== "" && hostname.startsWith(this.#nearby) ? NEARBY : UNKNOWN;
  }

  #isObsolete(hostname: string, port: number, nowMs: number): boolean {
    return nowMs < this.#obsoleteUntilMs && port === this.#obsoletePort && hostname === this.#obsoleteHostname;
  }

  /**
   * Whether `packet` continues the flow that the source had, of which something was last known at `lastAtMs`: nobody
   * else knows where its numbers are. They are known less exactly the more packets have passed by unseen.
   */
  #goesOn(packet: Uint8Array, lastAtMs: number, nowMs: number): boolean {
    if (this.#sequence < 0 || ssrc(packet) !== this.#ssrc) return false;
    const unseenMs = nowMs - (this.#unseen > 0 ? this.#unseenSinceMs : lastAtMs);
    const timestampStep = (timestamp(packet) - this.#timestamp) | 0;
    const maxStep = (unseenMs + TIMESTAMP_SLACK_MS) * MAX_CLOCK_RATE_HZ / 1000;
    if (unseenMs < MAX_TIMESTAMP_MS && (timestampStep < 0 || timestampStep > maxStep)) return false;
    const slack = Math.min(this.#unseen / UNSEEN_PER_LOST, MAX_SEQUENCE_SLACK);
    const sequenceStep = (sequenceNumber(packet) - this.#sequence - this.#unseen + slack) & 0xffff;
    return sequenceStep > 0 && sequenceStep <= MAX_SEQUENCE_STEP + 2 * slack;
  }
}

/** What the text of an IPv4 address's /16, or of an IPv6 address's /48, begins with: about as much as one carrier has. */
function networkPrefix(address: string): string {
  const [prefix = ""] = /^(?:\d+\.\d+\.|[0-9a-f]+:[0-9a-f]+:[0-9a-f]+:)/.exec(address) ?? [];
  return prefix;
}
