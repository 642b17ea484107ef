/**
 * What carries a stream's packets: a pair of ports and the legs for RTP and RTCP for each of the two parties. Streams whose
 * m= lines have the same address and port share one (RFC 9143); it lives as long as one of them uses it.
 * @module
 */
import type { MediaDescription } from "../src/control/media_header.ts";
import { isSameFamily, type MediaInterface } from "./interfaces.ts";
import { type KernelAccess, KernelPassage, type PassageOwner } from "./kernel/passage.ts";
import type { LearningRules, LearntHow } from "./learning/learning.ts";
import { Leg, type LegOwner } from "./leg.ts";
import type { PortPair } from "./port_pool.ts";
import { Reception } from "./quality/reception.ts";

export type Party = "caller" | "callee";

/** The one that a party speaks with. */
export function otherParty(party: Party): Party {
  return party === "caller" ? "callee" : "caller";
}

/** The interfaces on which the parties of a call are served. */
export type PartyInterfaces = Readonly<Record<Party, MediaInterface>>;

/** A stream that uses a transport. */
export interface TransportUser {
  /** A party's address became known, or another one. */
  learnt(party: Party, leg: Leg, how: LearntHow, nowMs: number): void;
  /** What was learnt of a leg holds no more. */
  lost(leg: Leg): void;
  /** All packets come to the sockets again. */
  leftKernel(): void;
}

/** A party's ports and legs. */
interface Side {
  readonly pair: PortPair;
  readonly rtp: Leg;
  readonly rtcp: Leg;
}

export class Transport implements LegOwner, PassageOwner {
  readonly interfaces: PartyInterfaces;
  readonly #sides: Readonly<Record<Party, Side>>;
  readonly #users: TransportUser[];
  /** What the parties' SDP says of it; `undefined` before the first. */
  readonly #signalled: Record<Party, { readonly address: string; readonly port: number } | undefined> = {
    caller: undefined,
    callee: undefined,
  };
  readonly #kernel: KernelAccess;
  /** Made when the kernel path is open for the first time: many relays have none, and both are 700 bytes (Deno 2.9.6). */
  #passages: Readonly<Record<"rtp" | "rtcp", KernelPassage>> | undefined = undefined;

  /** @throws PortsExhaustedError, having taken no ports. */
  constructor(
    user: TransportUser,
    interfaces: PartyInterfaces,
    learning: LearningRules,
    kernel: KernelAccess,
    isFax: boolean,
    nowMs: number,
  ) {
    this.#users = [user];
    this.interfaces = interfaces;
    this.#kernel = kernel;
    const callerPair = interfaces.caller.ports.lease(nowMs);
    let calleePair: PortPair;
    try {
      calleePair = interfaces.callee.ports.lease(nowMs);
    } catch (error) {
      interfaces.caller.ports.release(callerPair, nowMs);
      throw error;
    }
    const createSide = (pair: PortPair): Side => {
      const reception = new Reception();
      const side = {
        pair,
        rtp: new Leg("rtp", this, pair.rtp, learning, isFax, reception),
        rtcp: new Leg("rtcp", this, pair.rtcp, learning, isFax, reception),
      };
      pair.rtp.attach(side.rtp);
      pair.rtcp.attach(side.rtcp);
      return side;
    };
    const [caller, callee] = [createSide(callerPair), createSide(calleePair)];
    for (const component of ["rtp", "rtcp"] as const) {
      caller[component].peer = callee[component];
      callee[component].peer = caller[component];
    }
    caller.rtp.reception.reports.peer = callee.rtp.reception.reports;
    callee.rtp.reception.reports.peer = caller.rtp.reception.reports;
    this.#sides = { caller, callee };
  }

  #passage(component: "rtp" | "rtcp"): KernelPassage {
    const [caller, callee] = (["caller", "callee"] as const).map((party) => ({
      leg: this.#sides[party][component],
      local: { address: this.interfaces[party].address, port: this.port(party) + (component === "rtp" ? 0 : 1) },
    }));
    return new KernelPassage(this.#kernel, this, caller!, callee!);
  }

  /** A party's legs. */
  side(party: Party): Pick<Side, "rtp" | "rtcp"> {
    return this.#sides[party];
  }

  /** The RTP port to which `party` sends. */
  port(party: Party): number {
    return this.#sides[party].pair.port;
  }

  /** When RTP last came from `party`; -Infinity before it. */
  lastMediaAtMs(party: Party): number {
    return this.#sides[party].rtp.lastMediaAtMs;
  }

  /** The party's address and port in its latest SDP, for all users. */
  signalled(party: Party): { readonly address: string; readonly port: number } | undefined {
    return this.#signalled[party];
  }

  /**
   * The party's SDP says where it is, and packets may go there at once if that is `routable`. Only the word of the
   * user that has been there longest counts: the others say the same, or have not moved in yet.
   */
  place(
    user: TransportUser,
    party: Party,
    { address, port, ice }: MediaDescription,
    routable: boolean,
    signalingAddress: string,
    nowMs: number,
  ): void {
    if (this.#users[0] !== user) return;
    const before = this.#signalled[party];
    const moved = before !== undefined && before.address !== "0.0.0.0" &&
      (before.address !== address || before.port !== port);
    this.#signalled[party] = { address, port };
    const loops = this.#isOwn(address, port); // then nothing goes there, and nothing comes from there
    const hostname = loops ? "" : address;
    const reachable = routable && !loops && isSameFamily(this.interfaces[party].address, address);
    const { rtp, rtcp } = this.#sides[party];
    rtp.usesIce = rtcp.usesIce = ice;
    const other = otherParty(party);
    if (this.#signalled[other] === undefined) { // its checks may come before its answer
      this.#sides[other].rtp.usesIce = this.#sides[other].rtcp.usesIce = ice;
    }
    for (const leg of [rtp, rtcp]) if (moved) leg.relearn(nowMs);
    rtp.setSignalled(hostname, port, reachable, signalingAddress, nowMs);
    rtcp.setSignalled(hostname, port + 1, reachable, signalingAddress, nowMs);
  }

  /** Whether packets for that address would come back to one of this transport's own ports. */
  #isOwn(hostname: string, port: number): boolean {
    return (["caller", "callee"] as const).some((party) => {
      const { address, advertised } = this.interfaces[party];
      return (hostname === address || hostname === advertised) && (port & ~1) === this.port(party);
    });
  }

  /** Each party may send so many packets on each port until this is said again, which is once a second. */
  allow(user: TransportUser, packets: number): void {
    if (this.#users[0] !== user) return;
    for (const { rtp, rtcp } of [this.#sides.caller, this.#sides.callee]) rtp.allowance = rtcp.allowance = packets;
  }

  /** Whether the kernel carries its RTP. */
  get inKernel(): boolean {
    return this.#passages?.rtp.inKernel === true;
  }

  /** To be called about once a second: has the kernel carry what it can. */
  useKernel(nowMs: number): void {
    if (this.#passages === undefined) {
      if (!this.#kernel.gate.open) return;
      this.#passages = { rtp: this.#passage("rtp"), rtcp: this.#passage("rtcp") };
    }
    this.#passages.rtp.check(nowMs);
    this.#passages.rtcp.check(nowMs);
  }

  /** Has the sockets carry all packets again. Returns whether they do, and all that the kernel has counted is known. */
  leaveKernel(): boolean {
    if (this.#passages === undefined) return true;
    const { rtp, rtcp } = this.#passages;
    rtp.leave();
    rtcp.leave();
    return !rtp.isAway && !rtcp.isAway;
  }

  join(user: TransportUser): void {
    this.#users.push(user);
  }

  /** The last user to leave gives the ports back. The legs' counters and addresses may still be asked for. */
  leave(user: TransportUser, nowMs: number): void {
    const index = this.#users.indexOf(user);
    if (index < 0) return;
    this.#users.splice(index, 1);
    if (this.#users.length > 0) return;
    for (const party of ["caller", "callee"] as const) {
      const side = this.#sides[party];
      for (const component of ["rtp", "rtcp"] as const) {
        side.pair[component].detach();
        side[component].close();
      }
      this.interfaces[party].ports.release(side.pair, nowMs);
    }
  }

  learnt(leg: Leg, how: LearntHow, nowMs: number): void {
    const { caller } = this.#sides;
    const party = leg === caller.rtp || leg === caller.rtcp ? "caller" : "callee";
    this.#passages?.[leg.component].changed();
    if (leg.component === "rtp") this.#sides[party].rtcp.followRtp(leg, how);
    for (const user of this.#users) user.learnt(party, leg, how, nowMs);
  }

  lost(leg: Leg): void {
    this.#passages?.[leg.component].changed();
    this.#users[0]?.lost(leg);
  }

  leftKernel(): void {
    for (const user of this.#users) user.leftKernel();
  }

  doubted(leg: Leg): void {
    this.#passages?.[leg.component].leave();
  }
}
