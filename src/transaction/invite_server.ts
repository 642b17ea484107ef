/**
 * The INVITE server transaction: RFC 3261 §17.2.1, figure 7, as RFC 6026 §8.7 changes it.
 *
 * | state      | has                         | timers                                                                   |
 * | ---------- | --------------------------- | ------------------------------------------------------------------------ |
 * | proceeding | an INVITE for its user      | trying: send 100; abandon: the user said nothing for `abandonAfterMs`    |
 * | completed  | sent 300 to 699             | G: send it again, T1, doubled up to T2 (UDP); H: wait for the ACK, 64*T1 |
 * | confirmed  | got the ACK                 | I: absorb further ones until then, T4 (UDP), or at once                  |
 * | accepted   | sent a 2xx                  | L: absorb the INVITE, send further 2xx until then, 64*T1                 |
 * | terminated | ended                       |                                                                          |
 *
 * The 2xx is repeated by whoever made it, not here. Ignored: in completed and confirmed, all responses of the user; in
 * accepted, all but 2xx; in accepted and confirmed, the INVITE; in proceeding and confirmed, the ACK; in terminated,
 * everything. That a response could not be sent changes no state (RFC 6026 §8.8), so it is no input.
 * @module
 */
import { createResponse, type SipRequest, type SipResponse } from "../sip/message.ts";
import type { ServerEnding, ServerOutputs } from "./outputs.ts";
import { type Timers, transactionTimeoutMs } from "./timers.ts";

/** RFC 3261 figure 7, RFC 6026 §8.7. */
export type InviteServerState = "proceeding" | "completed" | "confirmed" | "accepted" | "terminated";

export class InviteServer {
  readonly #reliable: boolean;
  readonly #timers: Timers;
  readonly #out: ServerOutputs;
  #state: InviteServerState = "proceeding";
  /** What is answered 100, as long as it may have to be. */
  #request: SipRequest | undefined;
  /** What answers a retransmitted INVITE; "" for nothing. */
  #response = "";
  #intervalMs = 0;
  #tryingAtMs = Infinity;
  #abandonAtMs = Infinity;
  #timerGAtMs = Infinity;
  #timerHAtMs = Infinity;
  #timerIAtMs = Infinity;
  #timerLAtMs = Infinity;

  /** `reliable` says what carries the responses. */
  constructor(request: SipRequest, reliable: boolean, timers: Timers, out: ServerOutputs) {
    this.#request = request;
    this.#reliable = reliable;
    this.#timers = timers;
    this.#out = out;
  }

  get state(): InviteServerState {
    return this.#state;
  }

  get nextDeadlineMs(): number {
    const waitingMs = Math.min(this.#tryingAtMs, this.#abandonAtMs);
    return Math.min(waitingMs, this.#timerGAtMs, this.#timerHAtMs, this.#timerIAtMs, this.#timerLAtMs);
  }

  /** The INVITE has come for the first time. */
  start(nowMs: number): void {
    const { sendTryingAfterMs, abandonAfterMs } = this.#timers;
    this.#abandonAtMs = nowMs + abandonAfterMs;
    if (sendTryingAfterMs > 0) this.#tryingAtMs = nowMs + sendTryingAfterMs;
    else this.#sendTrying();
  }

  /** The INVITE has come again. */
  handleRetransmission(): void {
    switch (this.#state) {
      case "proceeding":
      case "completed":
        if (this.#response !== "") this.#out.send(this.#response);
        return;
      case "confirmed":
      case "accepted":
      case "terminated":
        return;
      default:
        this.#state satisfies never;
    }
  }

  /** An ACK has come. Returns whether it is the user's: it is, if it acknowledges a 2xx. */
  handleAck(nowMs: number): boolean {
    if (this.#state === "completed") {
      this.#enter("confirmed");
      this.#timerIAtMs = nowMs + (this.#reliable ? 0 : this.#timers.t4Ms);
    }
    return this.#state === "accepted";
  }

  /** The user responds. */
  respond(response: SipResponse, nowMs: number): void {
    const { status } = response;
    switch (this.#state) {
      case "proceeding":
        if (status < 200) this.#proceed(response, nowMs);
        else if (status < 300) this.#accept(response, nowMs);
        else this.#complete(response, nowMs);
        return;
      case "accepted":
        if (status >= 200 && status < 300) this.#out.send(response.serialize());
        return;
      case "completed":
      case "confirmed":
      case "terminated":
        return;
      default:
        this.#state satisfies never;
    }
  }

  #sendTrying(): void {
    if (this.#request === undefined) return;
    this.#response = createResponse(this.#request, 100).serialize();
    this.#forgetRequest();
    this.#out.send(this.#response);
  }

  #forgetRequest(): void {
    this.#request = undefined;
    this.#tryingAtMs = Infinity;
  }

  #proceed(response: SipResponse, nowMs: number): void {
    this.#forgetRequest();
    this.#abandonAtMs = nowMs + this.#timers.abandonAfterMs;
    this.#response = response.serialize();
    this.#out.send(this.#response);
  }

  #accept(response: SipResponse, nowMs: number): void {
    this.#enter("accepted");
    this.#timerLAtMs = nowMs + transactionTimeoutMs(this.#timers);
    this.#out.send(response.serialize());
  }

  #complete(response: SipResponse, nowMs: number): void {
    this.#enter("completed");
    this.#response = response.serialize();
    this.#intervalMs = this.#timers.t1Ms;
    if (!this.#reliable) this.#timerGAtMs = nowMs + this.#intervalMs;
    this.#timerHAtMs = nowMs + transactionTimeoutMs(this.#timers);
    this.#out.send(this.#response);
  }

  /** Early or repeated calls do nothing. */
  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#timerHAtMs) {
      this.#end("unacknowledged");
    } else if (nowMs >= this.#timerGAtMs) {
      this.#intervalMs = Math.min(2 * this.#intervalMs, this.#timers.t2Ms);
      this.#timerGAtMs = nowMs + this.#intervalMs;
      this.#out.send(this.#response);
    } else if (nowMs >= this.#timerIAtMs || nowMs >= this.#timerLAtMs) {
      this.#end("done");
    } else if (nowMs >= this.#abandonAtMs) {
      this.#end("abandoned");
    } else if (nowMs >= this.#tryingAtMs) {
      this.#sendTrying();
    }
  }

  /** Ends without a word. */
  close(): void {
    this.#enter("terminated");
  }

  #end(ending: ServerEnding): void {
    this.#enter("terminated");
    this.#out.terminated(ending);
  }

  #enter(state: InviteServerState): void {
    this.#state = state;
    this.#response = "";
    this.#forgetRequest();
    this.#abandonAtMs =
      this.#timerGAtMs =
      this.#timerHAtMs =
      this.#timerIAtMs =
      this.#timerLAtMs =
        Infinity;
  }
}
