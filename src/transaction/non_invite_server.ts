/**
 * The non-INVITE server transaction: RFC 3261 §17.2.2, figure 8 (and erratum 1470: a final response may come in trying).
 *
 * | state      | has                         | timers                                                                   |
 * | ---------- | --------------------------- | ------------------------------------------------------------------------ |
 * | trying     | a request for its user      | abandon: the user said nothing for `abandonAfterMs`                      |
 * | proceeding | sent a provisional response | abandon, anew                                                            |
 * | completed  | sent a final response       | J: repeat it when asked until then, 64*T1 (UDP), or at once              |
 * | terminated | ended                       |                                                                          |
 *
 * Ignored: in trying, the request; in completed, all responses of the user; in terminated, everything. That a response
 * could not be sent changes no state (RFC 6026 §8.8, in place of figure 8), so it is no input.
 * @module
 */
import type { SipResponse } from "../sip/message.ts";
import type { ServerEnding, ServerOutputs } from "./outputs.ts";
import { type Timers, transactionTimeoutMs } from "./timers.ts";

/** RFC 3261 figure 8. */
export type NonInviteServerState = "trying" | "proceeding" | "completed" | "terminated";

export class NonInviteServer {
  readonly #reliable: boolean;
  readonly #timers: Timers;
  readonly #out: ServerOutputs;
  #state: NonInviteServerState = "trying";
  /** What answers a retransmitted request; "" for nothing. */
  #response = "";
  #abandonAtMs = Infinity;
  #timerJAtMs = Infinity;

  /** `reliable` says what carries the responses. */
  constructor(reliable: boolean, timers: Timers, out: ServerOutputs) {
    this.#reliable = reliable;
    this.#timers = timers;
    this.#out = out;
  }

  get state(): NonInviteServerState {
    return this.#state;
  }

  get nextDeadlineMs(): number {
    return Math.min(this.#abandonAtMs, this.#timerJAtMs);
  }

  /** The request has come for the first time. */
  start(nowMs: number): void {
    this.#abandonAtMs = nowMs + this.#timers.abandonAfterMs;
  }

  /** The request has come again. */
  handleRetransmission(): void {
    if (this.#response !== "") this.#out.send(this.#response);
  }

  /** Only an INVITE is acknowledged. */
  handleAck(_nowMs: number): boolean {
    return false;
  }

  /** The user responds. */
  respond(response: SipResponse, nowMs: number): void {
    switch (this.#state) {
      case "trying":
      case "proceeding":
        if (response.status < 200) {
          this.#state = "proceeding";
          this.#abandonAtMs = nowMs + this.#timers.abandonAfterMs;
        } else {
          this.#enter("completed");
          this.#timerJAtMs = nowMs + (this.#reliable ? 0 : transactionTimeoutMs(this.#timers));
        }
        this.#response = response.serialize();
        this.#out.send(this.#response);
        return;
      case "completed":
      case "terminated":
        return;
      default:
        this.#state satisfies never;
    }
  }

  /** Early or repeated calls do nothing. */
  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#timerJAtMs) this.#end("done");
    else if (nowMs >= this.#abandonAtMs) this.#end("abandoned");
  }

  /** Ends without a word. */
  close(): void {
    this.#enter("terminated");
  }

  #end(ending: ServerEnding): void {
    this.#enter("terminated");
    this.#out.terminated(ending);
  }

  #enter(state: NonInviteServerState): void {
    this.#state = state;
    this.#response = "";
    this.#abandonAtMs = this.#timerJAtMs = Infinity;
  }
}
