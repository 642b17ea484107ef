/**
 * Hot path. One party's side of one component (RTP or RTCP) of a stream: decides for each datagram what becomes of it.
 * Which source is the party is for `learning/learning.ts` to say.
 *
 * | state    | event                             | next     | and                                                  |
 * | -------- | --------------------------------- | -------- | ---------------------------------------------------- |
 * | learning | media whose source is learnt      | latched  | remote = source, what was kept of it is sent         |
 * | learning | media whose source is not learnt  | learning | dropped, or kept for a moment                        |
 * | learning | STUN                              | learning | STUN and DTLS for the party go to its source         |
 * | latched  | media from another source, learnt | latched  | remote = source                                      |
 * | latched  | anything else from another source | latched  | dropped                                              |
 * | any      | signalling moves the party        | learning | its packets go to the SDP address, if that is public |
 * | any      | close                             | closed   |                                                      |
 * @module
 */
import { classify, isUdptl, type PacketKind, payloadType } from "../src/rtp/mod.ts";
import type { Counts } from "./kernel/flow.ts";
import { Learning, type LearningRules, type LearntHow, type Refusal } from "./learning/learning.ts";
import type { Reception } from "./quality/reception.ts";

/** Why a datagram was dropped; also the key under which drops are counted. */
export type DropReason =
  /** Not RTP, RTCP or DTLS, so nothing that an address may be learnt from. */
  | "not media"
  /** The other party has not sent anything yet, and its SDP address is not publicly routable. */
  | "no destination"
  /** More packets in a second than a party may send. */
  | "too fast"
  | Refusal;

/** What became of a datagram. "queued" is one of STUN, or of DTLS, that takes a way of its own. */
export type Verdict = "forward" | "queued" | DropReason;

/** An address to send to: the shape that `Deno.DatagramConn.send` takes. */
export interface Destination {
  readonly transport: "udp";
  hostname: string;
  port: number;
}

/** Where a packet came from that was refused. */
export interface RefusedSource {
  hostname: string;
  /** 0 before any. */
  port: number;
  reason: DropReason;
  atMs: number;
}

/** Sends a leg's datagrams to its party. */
export interface LegSocket {
  /** Does not wait; a failure is the socket's to count. */
  sendSoon(packet: Uint8Array, destination: Readonly<Destination>): void;
}

/** Told of the rare events of a leg. */
export interface LegOwner {
  /** The party's address is known, or is another one now. */
  learnt(leg: Leg, how: LearntHow, nowMs: number): void;
  /** What was learnt holds no more: the party has moved, or the stream has ended. */
  lost(leg: Leg): void;
  /** While the kernel carries the leg: its flow seems to go on from elsewhere, so it is for the sockets to see. */
  doubted(leg: Leg): void;
}

/** The RTCP port is the next one. */
const MAX_RTP_PORT = 65_534;
/** ICE checks are repeated, so a few will do. */
const MAX_QUEUED_STUN = 8;
// What most legs never have is one for all until they do, and never written to: it would be 155 bytes
// of each leg (Deno 2.9.6).
const NOWHERE: Readonly<Destination> = { transport: "udp", hostname: "", port: 0 };
const NO_PACKETS: readonly Uint8Array[] = [];
const NONE_REFUSED: RefusedSource = { hostname: "", port: 0, reason: "wrong source", atMs: -Infinity };

export class Leg {
  readonly component: "rtp" | "rtcp";
  readonly #owner: LegOwner;
  readonly #socket: LegSocket;
  /** Whether what looks like nothing else may be UDPTL. */
  readonly #isFax: boolean;
  /** The other party's leg of the same component; set once, by the stream. */
  peer: Leg;
  /** How the party's media arrive; one for both components. */
  readonly reception: Reception;
  /** Whether STUN is to be expected from addresses that signalling does not know. */
  usesIce: boolean;
  state: "learning" | "latched" | "closed";
  /** Where packets for this party go. Reused for every packet; the port is 0 while there is no place to send to. */
  readonly destination: Destination;
  /** Where STUN and DTLS for this party go while it is not latched. */
  #stunSource: Readonly<Destination>;
  readonly #learning: Learning;
  #queuedStun: readonly Uint8Array[];
  /** The payload type of the party's first RTP packet; -1 before it. */
  payloadType: number;
  /** Media that came from the party: UDP payload bytes. STUN does not count. */
  bytes: number;
  packets: number;
  stunPackets: number;
  notMedia: number;
  wrongSource: number;
  obsoleteSource: number;
  /** In strict mode: neither the SDP's nor the signalling's address. */
  unvouchedSource: number;
  /** Kept until it is known whose they are; those of the party are no longer counted here then. */
  undecided: number;
  /** From one of the relay's own ports. */
  loop: number;
  noDestination: number;
  tooFast: number;
  /** So many packets more may come until it is set anew, which is once a second; Infinity without limit. */
  allowance: number;
  rebindings: number;
  /** The kernel carries the party's packets, or is about to, so that not all of them are seen here. */
  inKernel: boolean;
  /** Packets that the kernel has carried; they are in `packets` and `bytes`, too. */
  kernelPackets: number;
  /** When media last came from the party; -Infinity before it. */
  lastMediaAtMs: number;
  /** The latest source whose packet was dropped. Reused; `NONE_REFUSED` before any. */
  refused: RefusedSource;

  constructor(
    component: "rtp" | "rtcp",
    owner: LegOwner,
    socket: LegSocket,
    rules: LearningRules,
    isFax: boolean,
    reception: Reception,
  ) {
    this.component = component;
    this.#owner = owner;
    this.#socket = socket;
    this.#isFax = isFax;
    this.peer = this;
    this.reception = reception;
    this.usesIce = false;
    this.state = "learning";
    this.destination = { transport: "udp", hostname: "", port: 0 };
    this.#stunSource = NOWHERE;
    this.#learning = new Learning(rules, component);
    this.#queuedStun = NO_PACKETS;
    this.payloadType = -1;
    this.bytes = 0;
    this.packets = 0;
    this.stunPackets = 0;
    this.notMedia = 0;
    this.wrongSource = 0;
    this.obsoleteSource = 0;
    this.unvouchedSource = 0;
    this.undecided = 0;
    this.loop = 0;
    this.noDestination = 0;
    this.tooFast = 0;
    this.allowance = Infinity;
    this.rebindings = 0;
    this.inKernel = false;
    this.kernelPackets = 0;
    this.lastMediaAtMs = -Infinity;
    this.refused = NONE_REFUSED;
  }

  /** The socket on which the party is sent to, and from which it sends. */
  get socket(): LegSocket {
    return this.#socket;
  }

  /** The learnt address as `address:port`, or `Unknown`. */
  get remote(): string {
    if (this.state === "learning" || this.destination.port === 0) return "Unknown";
    const { hostname, port } = this.destination;
    return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  }

  /**
   * Judges a datagram that came from `hostname`:`port` to the party's socket, and counts it. After "forward" the caller
   * sends it to `peer.destination`. `packet` is only read, and kept (as a copy) only if it is queued.
   */
  receive(packet: Uint8Array, hostname: string, port: number, nowMs: number): Verdict {
    const known = this.destination;
    if (this.state !== "latched" || port !== known.port || hostname !== known.hostname) {
      const verdict = this.#receiveFromElsewhere(packet, hostname, port, nowMs);
      if (verdict !== "forward" && verdict !== "queued") this.#noteRefused(hostname, port, verdict, nowMs);
      return verdict;
    }
    const kind = classify(packet);
    if (kind === "stun") return this.#passStun(packet);
    if (kind === "rtp") {
      this.#learning.follow(packet);
      if (this.payloadType < 0) this.payloadType = payloadType(packet); // DTLS latched
    }
    return this.#pass(packet, kind, nowMs);
  }

  #receiveFromElsewhere(packet: Uint8Array, hostname: string, port: number, nowMs: number): Verdict {
    if (this.state === "closed") return this.#drop("wrong source");
    const kind = classify(packet);
    if (kind === "stun" && this.state === "learning") return this.#receiveStun(packet, hostname, port, nowMs);
    if (kind === "stun" || (kind === "other" && !(this.#isFax && isUdptl(packet)))) {
      return this.#drop(this.state === "latched" ? "wrong source" : "not media");
    }
    // The kernel's counters are read too rarely to say that the source is silent.
    const lastMediaAtMs = this.inKernel ? nowMs : this.lastMediaAtMs;
    const judgement = this.#learning.judge(packet, kind, hostname, port, lastMediaAtMs, nowMs);
    if (this.inKernel && judgement === "wrong source" && kind === "rtp" && this.#learning.mayGoOn(packet, nowMs)) {
      this.#owner.doubted(this);
    }
    switch (judgement) {
      case "learnt":
      case "vouched for":
      case "rebound":
        this.#latch(packet, kind, hostname, port, judgement, nowMs);
        return this.#pass(packet, kind, nowMs);
      default:
        return this.#drop(judgement);
    }
  }

  #noteRefused(hostname: string, port: number, reason: DropReason, nowMs: number): void {
    if (reason === "no destination" || reason === "too fast") return; // its source is the party
    if (this.refused === NONE_REFUSED) this.refused = { ...NONE_REFUSED };
    this.refused.hostname = hostname;
    this.refused.port = port;
    this.refused.reason = reason;
    this.refused.atMs = nowMs;
  }

  #receiveStun(packet: Uint8Array, hostname: string, port: number, nowMs: number): Verdict {
    const judgement = this.#learning.acceptStun(packet, hostname, port, this.usesIce, nowMs);
    if (judgement !== "accepted") return this.#drop(judgement);
    this.#stunSource = { transport: "udp", hostname, port };
    this.#flushStun(this.#stunSource);
    return this.#passStun(packet);
  }

  #latch(packet: Uint8Array, kind: PacketKind, hostname: string, port: number, how: LearntHow, nowMs: number): void {
    this.state = "latched";
    this.destination.hostname = hostname;
    this.destination.port = port;
    if (how === "rebound") this.rebindings++;
    if (kind === "rtp" && this.payloadType < 0) this.payloadType = payloadType(packet);
    this.#flushStun(this.destination);
    this.#owner.learnt(this, how, nowMs);
    for (const { packet: held, atMs } of this.#learning.takeHeld(nowMs)) {
      this.undecided--;
      const verdict = this.#pass(held, classify(held), atMs);
      if (verdict === "forward") this.peer.#socket.sendSoon(held, { ...this.peer.destination });
    }
  }

  #pass(packet: Uint8Array, kind: PacketKind, nowMs: number): Verdict {
    if (this.allowance <= 0) return this.#drop("too fast");
    this.allowance--;
    this.packets++;
    this.bytes += packet.length;
    this.lastMediaAtMs = nowMs;
    this.reception.receive(packet, kind, nowMs);
    if (kind === "dtls" && this.#passDtls(packet)) return "queued";
    if (this.peer.destination.port !== 0) return "forward";
    return this.#drop("no destination");
  }

  // One of two parties waits for the other's DTLS before it says anything itself (RFC 5763 §5). Until it is learnt, DTLS
  // goes the way of STUN; media does not, as no stranger may hear it.
  #passDtls(packet: Uint8Array): boolean {
    const peer = this.peer;
    if (peer.state !== "learning" || peer.#stunSource.port === 0) return false;
    peer.#socket.sendSoon(packet.slice(), peer.#stunSource);
    return true;
  }

  // STUN goes where the other party's checks come from, even before there is media, so it does not take the usual way.
  #passStun(packet: Uint8Array): Verdict {
    this.stunPackets++;
    const peer = this.peer;
    const target = peer.state === "latched" || peer.#stunSource.port === 0 ? peer.destination : peer.#stunSource;
    if (target.port === 0) {
      peer.#queuedStun = [...peer.#queuedStun, packet.slice()].slice(-MAX_QUEUED_STUN);
    } else {
      peer.#socket.sendSoon(packet.slice(), target);
    }
    return "queued";
  }

  #flushStun(target: Readonly<Destination>): void {
    if (this.#queuedStun.length === 0) return;
    for (const packet of this.#queuedStun) this.#socket.sendSoon(packet, { ...target });
    this.#queuedStun = NO_PACKETS;
  }

  #drop(reason: DropReason): DropReason {
    switch (reason) {
      case "not media":
        this.notMedia++;
        break;
      case "wrong source":
        this.wrongSource++;
        break;
      case "obsolete source":
        this.obsoleteSource++;
        break;
      case "unvouched source":
        this.unvouchedSource++;
        break;
      case "undecided":
        this.undecided++;
        break;
      case "loop":
        this.loop++;
        break;
      case "no destination":
        this.noDestination++;
        break;
      case "too fast":
        this.tooFast++;
        break;
    }
    return reason;
  }

  /**
   * What signalling says of the party: the SDP address and port of this component, whether packets may go there before
   * the party has sent any, and where its SIP messages come from ("" if unknown). Does not touch what was learnt.
   */
  setSignalled(hostname: string, port: number, routable: boolean, signalingHostname: string, nowMs: number): void {
    this.#learning.setSignalled(hostname, port, routable, signalingHostname, nowMs);
    if (this.state !== "learning") return;
    this.destination.hostname = routable ? hostname : "";
    this.destination.port = routable ? port : 0;
    if (routable) this.#flushStun(this.destination);
  }

  /** For an RTCP leg: the party's RTP was learnt, and its RTCP comes from near there (RFC 3550 §11). */
  followRtp({ destination: { hostname, port } }: Leg, how: LearntHow): void {
    if (this.state === "closed") return;
    const vouchedFor = this.#learning.setRtpSource(hostname, port);
    if (this.state === "latched" && (how === "rebound" || !vouchedFor)) this.forget();
    if (this.state === "latched" || port > MAX_RTP_PORT) return;
    this.destination.hostname = hostname; // the best guess until RTCP comes
    this.destination.port = port + 1;
  }

  /** Media of the party that came to the sockets. */
  get socketPackets(): number {
    return this.packets - this.kernelPackets;
  }

  /** The kernel has carried packets of the party. */
  carried({ packets, bytes }: Counts, nowMs: number): void {
    if (packets === 0) return;
    this.#learning.passedBy(packets, this.lastMediaAtMs);
    this.kernelPackets += packets;
    this.packets += packets;
    this.bytes += bytes;
    this.lastMediaAtMs = nowMs;
  }

  /** All packets are seen here again. */
  backFromKernel(nowMs: number): void {
    this.inKernel = false;
    this.reception.resume(nowMs);
  }

  /** Signalling has moved the party: learn anew, and take packets from the old address as late for a while. */
  relearn(nowMs: number): void {
    this.#learning.relearn(nowMs);
    this.forget();
  }

  /** Learn anew, from wherever the next packet comes. */
  forget(): void {
    if (this.state === "closed") return;
    if (this.state === "latched") this.#owner.lost(this);
    this.state = "learning";
    this.#learning.forget();
    this.destination.hostname = "";
    this.destination.port = 0;
    this.#stunSource = NOWHERE;
  }

  /** Nothing is learnt or forwarded any more. What was learnt can still be read. */
  close(): void {
    if (this.state === "latched") this.#owner.lost(this);
    if (this.state === "learning") this.destination.port = 0;
    this.state = "closed";
    this.#queuedStun = NO_PACKETS;
  }
}
