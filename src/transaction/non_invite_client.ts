/**
 * The non-INVITE client transaction: RFC 3261 §17.1.2, figure 6.
 *
 * | state      | has                        | timers                                                                  |
 * | ---------- | -------------------------- | ----------------------------------------------------------------------- |
 * | trying     | sent the request           | E: send it again, T1, doubled up to T2 (UDP); F: give up, 64*T1         |
 * | proceeding | got a provisional response | E: send it again, T2 (UDP); F runs on                                   |
 * | completed  | got a final response       | K: absorb its retransmissions until then, T4 (UDP), or at once          |
 * | terminated | ended                      |                                                                         |
 *
 * Ignored: in completed and terminated, every response and transport error.
 * @module
 */
import type { SipRequest, SipResponse } from "../sip/message.ts";
import type { ClientOutputs } from "./outputs.ts";
import { type Timers, transactionTimeoutMs } from "./timers.ts";

/** RFC 3261 figure 6. */
export type NonInviteClientState = "trying" | "proceeding" | "completed" | "terminated";

export class NonInviteClient {
  readonly #reliable: boolean;
  readonly #timers: Timers;
  readonly #out: ClientOutputs;
  #state: NonInviteClientState = "trying";
  /** The request until it is answered, then "". */
  #text: string;
  #intervalMs = 0;
  #timerEAtMs = Infinity;
  #timerFAtMs = Infinity;
  #timerKAtMs = Infinity;

  /** `request` has our Via; `reliable` says what carries it. */
  constructor(request: SipRequest, reliable: boolean, timers: Timers, out: ClientOutputs) {
    this.#text = request.serialize();
    this.#reliable = reliable;
    this.#timers = timers;
    this.#out = out;
  }

  get state(): NonInviteClientState {
    return this.#state;
  }

  get nextDeadlineMs(): number {
    return Math.min(this.#timerEAtMs, this.#timerFAtMs, this.#timerKAtMs);
  }

  /** Sends the request. */
  start(nowMs: number): void {
    this.#intervalMs = this.#timers.t1Ms;
    if (!this.#reliable) this.#timerEAtMs = nowMs + this.#intervalMs;
    this.#timerFAtMs = nowMs + transactionTimeoutMs(this.#timers);
    this.#out.send(this.#text);
  }

  /** A response came that belongs to this transaction. */
  handleResponse(response: SipResponse, nowMs: number): void {
    switch (this.#state) {
      case "trying":
      case "proceeding":
        if (response.status < 200) {
          this.#state = "proceeding";
        } else {
          this.#enter("completed");
          this.#timerKAtMs = nowMs + (this.#reliable ? 0 : this.#timers.t4Ms);
        }
        this.#out.passUp(response);
        return;
      case "completed":
      case "terminated":
        return;
      default:
        this.#state satisfies never;
    }
  }

  /** Only an INVITE is given up (RFC 3261 §9.1). */
  cancel(_nowMs: number): void {}

  /** What was sent last is known not to have left. */
  handleTransportError(reason: string): void {
    if (this.#state === "trying" || this.#state === "proceeding") this.#fail("transport", reason);
  }

  /** Early or repeated calls do nothing. */
  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#timerFAtMs) {
      this.#fail("timeout", "no final response (timer F)");
    } else if (nowMs >= this.#timerEAtMs) {
      const { t2Ms } = this.#timers;
      this.#intervalMs = this.#state === "proceeding" ? t2Ms : Math.min(2 * this.#intervalMs, t2Ms);
      this.#timerEAtMs = nowMs + this.#intervalMs;
      this.#out.send(this.#text);
    } else if (nowMs >= this.#timerKAtMs) {
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

  #enter(state: NonInviteClientState): void {
    this.#state = state;
    this.#text = "";
    this.#timerEAtMs = this.#timerFAtMs = this.#timerKAtMs = Infinity;
  }
}
