/**
 * The INVITE client transaction: RFC 3261 §17.1.1, figure 5, as RFC 6026 §8.4 changes it.
 *
 * | state      | has                               | timers                                                              |
 * | ---------- | --------------------------------- | ------------------------------------------------------------------- |
 * | calling    | sent the INVITE                   | A: send it again, T1, doubled each time (UDP); B: give up, 64*T1    |
 * | proceeding | got a provisional response        | giveUp: 64*T1 after a CANCEL (§9.1), else after `abandonAfterMs`    |
 * | completed  | got 300 to 699 and sent the ACK   | D: repeat the ACK until then, 32 s (UDP), or at once                |
 * | accepted   | got a 2xx                         | M: pass up further ones until then, 64*T1                           |
 * | terminated | ended                             |                                                                     |
 *
 * Ignored: in completed, all below 300; in accepted, all but 2xx; in terminated, everything. A transport error counts
 * only in calling, and in completed, where the user has its final response and so is not told again (Deviation from
 * figure 5). Timer C is the proxy's (RFC 3261 §16.8).
 * @module
 */
import type { SipRequest, SipResponse } from "../sip/message.ts";
import { createAck } from "./ack.ts";
import type { InviteClientOutputs } from "./outputs.ts";
import { type Timers, transactionTimeoutMs } from "./timers.ts";

/** RFC 3261 figure 5, RFC 6026 §8.4. */
export type InviteClientState = "calling" | "proceeding" | "completed" | "accepted" | "terminated";

export class InviteClient {
  readonly #reliable: boolean;
  readonly #timers: Timers;
  readonly #out: InviteClientOutputs;
  #state: InviteClientState = "calling";
  #cancel: "no" | "wanted" | "sent" = "no";
  /** Until the final response, of whose ACK it is a part. */
  #request: SipRequest | undefined;
  /** The INVITE while calling, the ACK when completed, else "". */
  #text = "";
  #intervalMs = 0;
  #timerAAtMs = Infinity;
  #timerBAtMs = Infinity;
  #giveUpAtMs = Infinity;
  #timerDAtMs = Infinity;
  #timerMAtMs = Infinity;

  /** `request` has our Via; `reliable` says what carries it. */
  constructor(request: SipRequest, reliable: boolean, timers: Timers, out: InviteClientOutputs) {
    this.#request = request;
    this.#reliable = reliable;
    this.#timers = timers;
    this.#out = out;
  }

  get state(): InviteClientState {
    return this.#state;
  }

  get nextDeadlineMs(): number {
    return Math.min(this.#timerAAtMs, this.#timerBAtMs, this.#giveUpAtMs, this.#timerDAtMs, this.#timerMAtMs);
  }

  /** Sends the INVITE. */
  start(nowMs: number): void {
    this.#text = this.#request!.serialize();
    this.#intervalMs = this.#timers.t1Ms;
    if (!this.#reliable) this.#timerAAtMs = nowMs + this.#intervalMs;
    this.#timerBAtMs = nowMs + transactionTimeoutMs(this.#timers);
    this.#out.send(this.#text);
  }

  /** A response came that belongs to this transaction. */
  handleResponse(response: SipResponse, nowMs: number): void {
    const { status } = response;
    switch (this.#state) {
      case "calling":
      case "proceeding":
        if (status < 200) this.#proceed(response, nowMs);
        else if (status < 300) this.#accept(response, nowMs);
        else this.#complete(response, nowMs);
        return;
      case "completed":
        if (status >= 300) this.#out.send(this.#text);
        return;
      case "accepted":
        if (status >= 200 && status < 300) this.#out.passUp(response);
        return;
      case "terminated":
        return;
      default:
        this.#state satisfies never;
    }
  }

  #proceed(response: SipResponse, nowMs: number): void {
    this.#enter("proceeding");
    const cancelNow = this.#cancel === "wanted";
    if (cancelNow) this.#cancel = "sent";
    if (cancelNow) this.#giveUpAtMs = nowMs + transactionTimeoutMs(this.#timers);
    else if (this.#cancel === "no") this.#giveUpAtMs = nowMs + this.#timers.abandonAfterMs;
    this.#out.passUp(response);
    if (cancelNow) this.#out.sendCancel();
  }

  #accept(response: SipResponse, nowMs: number): void {
    this.#enter("accepted");
    this.#timerMAtMs = nowMs + transactionTimeoutMs(this.#timers);
    this.#out.passUp(response);
  }

  #complete(response: SipResponse, nowMs: number): void {
    const ack = createAck(this.#request!, response).serialize();
    this.#enter("completed");
    this.#timerDAtMs = nowMs + (this.#reliable ? 0 : this.#timers.timerDMs);
    this.#text = ack;
    this.#out.send(this.#text);
    this.#out.passUp(response);
  }

  /** Gives the call up: with a CANCEL now, or once there is a provisional response. After a final one, nothing (§9.1). */
  cancel(nowMs: number): void {
    if (this.#cancel !== "no") return;
    if (this.#state === "calling") {
      this.#cancel = "wanted";
    } else if (this.#state === "proceeding") {
      this.#cancel = "sent";
      this.#giveUpAtMs = nowMs + transactionTimeoutMs(this.#timers);
      this.#out.sendCancel();
    }
  }

  /** What was sent last is known not to have left. */
  handleTransportError(reason: string): void {
    if (this.#state === "calling") {
      this.#fail("transport", reason);
    } else if (this.#state === "completed") {
      this.#enter("terminated");
      this.#out.terminated();
    }
  }

  /** Early or repeated calls do nothing. */
  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#timerBAtMs) {
      this.#fail("timeout", "no response to the INVITE (timer B)");
    } else if (nowMs >= this.#timerAAtMs) {
      this.#intervalMs *= 2; // T2 does not cap it (RFC 3261 §17.1.1.2)
      this.#timerAAtMs = nowMs + this.#intervalMs;
      this.#out.send(this.#text);
    } else if (nowMs >= this.#giveUpAtMs) {
      this.#fail("timeout", this.#cancel === "sent" ? "no final response after the CANCEL" : "no final response");
    } else if (nowMs >= this.#timerDAtMs || nowMs >= this.#timerMAtMs) {
      this.#enter("terminated");
      this.#out.terminated();
    }
  }

  /** Ends without a word. */
  close(): void {
    this.#enter("terminated");
  }

  #fail(kind: "timeout" | "transport", reason: string): void {
    this.#enter("terminated");
    this.#out.failed(kind, reason);
    this.#out.terminated();
  }

  /** A provisional response after a CANCEL leaves the wait for the final one as it is. */
  #enter(state: InviteClientState): void {
    this.#state = state;
    this.#text = "";
    this.#timerAAtMs =
      this.#timerBAtMs =
      this.#timerDAtMs =
      this.#timerMAtMs =
        Infinity;
    if (state === "proceeding") return;
    this.#giveUpAtMs = Infinity;
    this.#request = undefined;
  }
}
