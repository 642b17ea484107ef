/**
 * `engageMediaProxy`: the media of a dialog goes through a relay from its INVITE to its end. What a script would do by
 * hand with `useMediaProxy` and `endMediaSession` on every message is done here.
 *
 * 1. `engage` notes the dialog of an initial INVITE.
 * 2. Requests of the dialog, and responses from 101 to 299 to its INVITE, that carry SDP go through the module. So does
 *    a 200 to the INVITE without: the relay learns that the call was answered.
 * 3. `remove` is sent once for each leg that ends: on BYE, on the INVITE's failure, and when the dialog is ended from the
 *    middle: at the end of its lifetime, or because a dispatcher asks as its media has stopped.
 * @module
 */
import { createDialog, type Dialog } from "../dialog/dialog.ts";
import type { DialogTable } from "../dialog/dialog_table.ts";
import type { Logger } from "../env/log.ts";
import { withFields } from "../env/log.ts";
import type { MediaProxy } from "../mediaproxy/mod.ts";
import { SipRequest, type SipResponse } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name_addr.ts";
import { octetsToUtf8 } from "../sip/octets.ts";
import { parseSipUri } from "../sip/uri.ts";
import type { Flow, Target } from "../transport/flow.ts";
import type { OwnAddress } from "./own_address.ts";
import type { Call } from "./call.ts";
import type { Clock } from "../env/clock.ts";
import type { RandomSource } from "../env/random.ts";
import { addressOfDestination, addressOfOtherParty } from "./media_destination.ts";

/** What engaged media works with. */
export interface EngagedMediaOptions {
  readonly dialogs: DialogTable;
  readonly mediaproxy: MediaProxy;
  readonly own: OwnAddress;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Logger;
  readonly dialogTimeoutMs: number;
  /** The AVPs that say where one message's signalling came from. */
  readonly signalingIpAvp: readonly string[];
  /** Sends a BYE of ours. Its Via and, without Route, its target are given. */
  readonly sendLocal: (request: SipRequest, target: Target, log: Logger) => void;
  /** A dialog has changed in a way that matters after a restart. */
  readonly changed: (dialog: Dialog) => void;
}

/** See the module comment. */
export class EngagedMedia {
  readonly #options: EngagedMediaOptions;

  constructor(options: EngagedMediaOptions) {
    this.#options = options;
  }

  /** The dialogs that are engaged. */
  get dialogs(): DialogTable {
    return this.#options.dialogs;
  }

  /** Notes the dialog of an initial INVITE; `false` for other requests, or if there is no room for another. */
  engage(call: Call): boolean {
    const { dialogs, mediaproxy, clock, random, dialogTimeoutMs } = this.#options;
    if (call.received.method !== "INVITE" || call.hasToTag || call.server === undefined) {
      call.log.warning(`cannot engage the media of ${call.received.method}: it is no initial INVITE`);
      return false;
    }
    if (mediaproxy.disabled || call.dialog !== undefined) return true;
    if (dialogs.isFull) {
      call.log.error(`cannot engage the media: ${dialogs.size} dialogs are all that are kept`);
      return false;
    }
    const engagement = { iceCandidate: mediaproxy.iceCandidateFor(call.avps), avps: this.#lasting(call.avps) };
    const now = { nowMs: clock.nowMs(), wallMs: clock.wallMs(), lifetimeMs: dialogTimeoutMs };
    const dialog = createDialog(call.received, call.source, engagement, random, now);
    dialogs.add(dialog);
    call.dialog = dialog;
    return true;
  }

  /** The AVPs that hold for the whole dialog: where one message's signalling came from says nothing about the next. */
  #lasting(avps: ReadonlyMap<string, string>): Record<string, string> {
    return Object.fromEntries([...avps].filter(([name]) => !this.#options.signalingIpAvp.includes(name)));
  }

  /** Processes a request before it is forwarded; `undefined` if there is nothing to wait for. */
  handleRequest(call: Call): Promise<void> | undefined {
    if (call.dialog !== undefined && !call.hasToTag) {
      return this.#use(call, call.request, call.source, addressOfDestination(call.destinationsOrUri[0]), call.avps);
    }
    const dialog = call.hasToTag ? this.#options.dialogs.find(call.received) : undefined;
    if (dialog === undefined) return undefined;
    call.dialog = dialog;
    dialog.handleRequest(call.received, call.source);
    if (call.received.method === "BYE") return void this.#handleBye(dialog, call.received);
    if (call.request.body === "") return undefined;
    return this.#use(call, call.request, call.source, addressOfOtherParty(dialog, call.received), call.avps);
  }

  #handleBye(dialog: Dialog, bye: SipRequest): void {
    const calleeTag = dialog.sideOf(bye) === "caller" ? bye.toTag : bye.fromTag;
    if (dialog.leg(calleeTag) === undefined) return; // nobody who takes part: not his to end
    if (dialog.endLeg(calleeTag)) this.#options.dialogs.remove(dialog);
    if (dialog.state === "early") return; // the other callees use the same session
    this.#options.changed(dialog);
    this.#remove(dialog, calleeTag);
  }

  /** Processes a response before it goes upstream; `undefined` if there is nothing to wait for. */
  handleReply(call: Call, response: SipResponse, source: Flow): Promise<void> | undefined {
    const { dialog } = call;
    if (dialog === undefined || response.status > 299) return undefined;
    const isInvite = call.received.method === "INVITE";
    if (call.hasToTag) {
      dialog.handleInDialogReply(response, source);
    } else if (isInvite && dialog.handleReply(response, source, (value) => this.#isOwnRoute(value))) {
      this.#options.changed(dialog);
    }
    if (response.body === "" && !(isInvite && response.status >= 200)) return undefined;
    return this.#use(call, response, source, call.source.address, new Map(Object.entries(dialog.engagement.avps)));
  }

  #isOwnRoute(value: string): boolean {
    try {
      return this.#options.own.isLocal(parseSipUri(parseNameAddr(value).uri));
    } catch {
      return false; // no URI of ours, whatever else it is
    }
  }

  async #use(
    call: Call,
    message: SipRequest | SipResponse,
    source: Flow,
    destinationAddress: string | undefined,
    avps: ReadonlyMap<string, string>,
  ): Promise<void> {
    const dialog = call.dialog!;
    await this.#options.mediaproxy.useMediaProxy({
      message,
      sourceAddress: source.address,
      destinationAddress,
      avps,
      dialogId: dialog.id,
      iceCandidate: dialog.engagement.iceCandidate,
      ...message instanceof SipRequest ? {} : { request: call.received },
    });
  }

  /** A final response above 299 goes to the sender of a request: the dialog that its INVITE would have begun has ended. */
  handleRejection(call: Call): void {
    const { dialog } = call;
    if (dialog === undefined || call.hasToTag || dialog.state !== "early") return;
    this.#finish(dialog);
  }

  /** Ends a dialog from the middle, with BYE to both sides. Its media session ends at once. */
  end(dialog: Dialog, reason: string): void {
    if (dialog.state === "ended") return;
    const log = this.#log(dialog);
    log.info(`the dialog is ended: ${reason}`);
    for (const { request, target } of dialog.byes()) {
      request.appendHeader("reason", `SIP ;text="${reason}"`);
      this.#options.sendLocal(request, target, log);
    }
    this.#finish(dialog);
  }

  #finish(dialog: Dialog): void {
    // Callees that only rang have no session of their own: one `remove` ends what the INVITE began.
    const confirmed = dialog.legs.filter((leg) => leg.confirmed);
    const legs = confirmed.length > 0 ? confirmed : dialog.legs.slice(-1);
    dialog.end();
    this.#options.dialogs.remove(dialog);
    this.#options.changed(dialog);
    if (legs.length === 0) this.#remove(dialog, "");
    for (const { party } of legs) this.#remove(dialog, party.tag);
  }

  /** As engage_media_proxy always does: the caller's tag first. */
  #remove(dialog: Dialog, calleeTag: string): void {
    const { callId, caller } = dialog;
    this.#options.mediaproxy.endMediaSession({ callId, fromTag: caller.tag, toTag: calleeTag })
      .catch((error) => this.#log(dialog).error(`internal error: ${(error as Error).stack}`));
  }

  /** Ends the dialogs whose lifetime is over. */
  handleTimeout(nowMs: number): void {
    for (const dialog of this.#options.dialogs.expired(nowMs)) this.end(dialog, "Call lasted too long");
  }

  #log(dialog: Dialog): Logger {
    return withFields(this.#options.log, { callId: octetsToUtf8(dialog.callId) });
  }
}
