/**
 * A call as the proxy follows it once media is engaged (RFC 3261 §12): who takes part, and how each is reached.
 *
 * | state     | until                                                                                     |
 * | --------- | ----------------------------------------------------------------------------------------- |
 * | early     | the first 2xx, or the INVITE's failure                                                    |
 * | confirmed | a BYE in the last of its confirmed legs, `end` from the middle, or the end of its lifetime |
 * | ended     |                                                                                           |
 *
 * One INVITE is one dialog here, with a leg for each callee that answered: forks that were answered twice are two dialogs
 * to the phones.
 * @module
 */
import { randomBelow, type RandomSource } from "../env/random.ts";
import { SipRequest, type SipResponse } from "../sip/message.ts";
import type { Target } from "../transport/flow.ts";
import { addressOf, contactOf, type Party } from "./party.ts";

export type DialogState = "early" | "confirmed" | "ended";
export type Side = "caller" | "callee";

/** A callee and whether it has answered. */
export interface Leg {
  readonly party: Party;
  confirmed: boolean;
}

/** How the media of a dialog was engaged. */
export interface Engagement {
  /** Fixed when engaged. */
  readonly iceCandidate: "none" | "low-priority" | "high-priority";
  /** The transaction's AVPs of that moment: media_relay and signaling_ip may stand there. */
  readonly avps: Readonly<Record<string, string>>;
}

/** A BYE that ends one leg from the middle. */
export interface MiddleBye {
  readonly request: SipRequest;
  /** Where it goes if it has no Route. */
  readonly target: Target;
}

/** What is kept of a dialog on disk; plain JSON. */
export interface DialogRecord {
  readonly id: string;
  readonly callId: string;
  readonly state: DialogState;
  readonly caller: Party;
  readonly legs: readonly Leg[];
  readonly engagement: Engagement;
  readonly startedAtWallMs: number;
  readonly expiresAtWallMs: number;
}

/** See the module comment. */
export class Dialog {
  readonly id: string;
  readonly callId: string;
  readonly caller: Party;
  readonly engagement: Engagement;
  readonly startedAtWallMs: number;
  readonly expiresAtMs: number;
  /** How many Record-Route values the INVITE had when it came: those of proxies between caller and us. */
  readonly #upstreamRoutes: number;
  readonly #legs: Leg[] = [];
  #state: DialogState = "early";

  constructor(options: {
    readonly id: string;
    readonly callId: string;
    readonly caller: Party;
    readonly engagement: Engagement;
    readonly startedAtWallMs: number;
    readonly expiresAtMs: number;
    readonly legs?: readonly Leg[];
    readonly state?: DialogState;
  }) {
    this.id = options.id;
    this.callId = options.callId;
    this.caller = options.caller;
    this.engagement = options.engagement;
    this.startedAtWallMs = options.startedAtWallMs;
    this.expiresAtMs = options.expiresAtMs;
    this.#upstreamRoutes = options.caller.routes.length;
    this.#legs.push(...options.legs ?? []);
    this.#state = options.state ?? "early";
  }

  get state(): DialogState {
    return this.#state;
  }

  get legs(): readonly Leg[] {
    return this.#legs;
  }

  /** Which side sent an in-dialog request; `undefined` if it is not of this dialog. */
  sideOf(request: SipRequest): Side | undefined {
    if (request.fromTag === this.caller.tag) return "caller";
    return request.toTag === this.caller.tag ? "callee" : undefined;
  }

  /** The leg of the callee with that tag. */
  leg(tag: string): Leg | undefined {
    return this.#legs.find(({ party }) => party.tag === tag);
  }

  /**
   * Follows a response above 100 to the INVITE that began it. `isOwnRoute` knows our own Record-Route values.
   * A 2xx without a tag in To is no dialog. Returns whether the dialog was confirmed by it.
   */
  handleReply(response: SipResponse, source: Target, isOwnRoute: (value: string) => boolean): boolean {
    if (this.#state === "ended" || response.status >= 300 || response.toTag === "") return false;
    const contact = contactOf(response);
    const recorded = response.headerValues("record-route");
    const routes = recorded.slice(0, Math.max(recorded.length - this.#upstreamRoutes, 0)).filter((it) =>
      !isOwnRoute(it)
    )
      .reverse();
    let leg = this.leg(response.toTag);
    if (leg === undefined) {
      const { to, toTag } = response;
      leg = {
        party: { address: addressOf(to), tag: toTag, contact: contact ?? to.uri, routes, cseq: 0, target: source },
        confirmed: false,
      };
      this.#legs.push(leg);
    } else {
      if (contact !== undefined) leg.party.contact = contact;
      leg.party.target = source;
      if (!leg.confirmed) leg.party.routes = routes; // a 2xx has the last word on the route set (RFC 3261 §13.2.2.4)
    }
    if (response.status < 200) return false;
    const isNew = !leg.confirmed;
    leg.confirmed = true;
    this.#state = "confirmed";
    return isNew;
  }

  /** Follows an in-dialog request: its CSeq, and where its sender is now (target refresh, RFC 3261 §12.2). */
  handleRequest(request: SipRequest, source: Target): void {
    const side = this.sideOf(request);
    const party = side === "caller" ? this.caller : this.leg(request.fromTag)?.party;
    if (party === undefined) return;
    party.cseq = Math.max(party.cseq, request.cseq.sequence);
    party.target = source;
    if (REFRESHING.has(request.method)) party.contact = contactOf(request) ?? party.contact;
  }

  /** Follows a success of an in-dialog request: where its sender, the other side, is now (RFC 3261 §12.2.1.2). */
  handleInDialogReply(response: SipResponse, source: Target): void {
    const party = response.toTag === this.caller.tag ? this.caller : this.leg(response.toTag)?.party;
    if (party === undefined || response.status < 200 || response.status >= 300) return;
    party.target = source;
    if (REFRESHING.has(response.cseq.method)) party.contact = contactOf(response) ?? party.contact;
  }

  /**
   * A BYE has been seen in the leg of that callee. Returns whether it was the last one, so that the dialog has ended.
   * While nobody has answered, other callees may be ringing: the dialog lives until its INVITE ends.
   */
  endLeg(calleeTag: string): boolean {
    const index = this.#legs.findIndex(({ party }) => party.tag === calleeTag);
    if (index >= 0) this.#legs.splice(index, 1);
    if (this.#state === "early" || this.#legs.some(({ confirmed }) => confirmed)) return false;
    this.#state = "ended";
    return true;
  }

  /** The INVITE has failed, or the dialog is given up. Twice is harmless. */
  end(): void {
    this.#state = "ended";
  }

  /** The BYEs that end all confirmed legs, to both sides of each (RFC 3261 §15.1.1). They have no Via yet. */
  byes(): MiddleBye[] {
    return this.#legs.filter(({ confirmed }) => confirmed).flatMap(({ party }) => [
      createBye(this.callId, party, this.caller),
      createBye(this.callId, this.caller, party),
    ]);
  }

  /** What to keep on disk. */
  record(nowMs: number, nowWallMs: number): DialogRecord {
    return {
      id: this.id,
      callId: this.callId,
      state: this.#state,
      caller: this.caller,
      legs: this.#legs,
      engagement: this.engagement,
      startedAtWallMs: this.startedAtWallMs,
      expiresAtWallMs: nowWallMs + (this.expiresAtMs - nowMs),
    };
  }
}

/** Their Contact becomes the remote target (RFC 3261 §12.2, RFC 3311 §5, RFC 6665). */
const REFRESHING: ReadonlySet<string> = new Set(["INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"]);

function createBye(callId: string, from: Party, to: Party): MiddleBye {
  const request = new SipRequest("BYE", to.contact);
  for (const route of to.routes) request.appendHeader("route", route);
  request.appendHeader("max-forwards", "70");
  request.appendHeader("from", `${from.address};tag=${from.tag}`);
  request.appendHeader("to", `${to.address};tag=${to.tag}`);
  request.appendHeader("call-id", callId);
  from.cseq++;
  request.appendHeader("cseq", `${from.cseq} BYE`);
  request.appendHeader("content-length", "0");
  return { request, target: to.target };
}

/**
 * A dialog's name for the wire to the dispatcher: a decimal number below 2^62, as OpenSIPS writes it (an entry of its table
 * in the upper half, a random number in the lower).
 */
export function createDialogId(random: RandomSource): string {
  return String((BigInt(randomBelow(random, 4096)) << 32n) | BigInt(randomBelow(random, 2 ** 31)));
}

/** The dialog that an INVITE begins, engaged now. */
export function createDialog(
  request: SipRequest,
  source: Target,
  engagement: Engagement,
  random: RandomSource,
  now: { readonly nowMs: number; readonly wallMs: number; readonly lifetimeMs: number },
): Dialog {
  return new Dialog({
    id: createDialogId(random),
    callId: request.callId,
    caller: {
      address: addressOf(request.from),
      tag: request.fromTag,
      contact: contactOf(request) ?? request.from.uri,
      routes: request.headerValues("record-route"),
      cseq: request.cseq.sequence,
      target: source,
    },
    engagement,
    startedAtWallMs: now.wallMs,
    expiresAtMs: now.nowMs + now.lifetimeMs,
  });
}
