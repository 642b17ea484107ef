/** A server transaction: its machine, the way back to the client, and its place in the layer. @module */
import { NOT_QUEUED, type Timed } from "../env/deadlines.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import { parseMessage } from "../sip/parse_message.ts";
import { type Flow, isReliable, type Target } from "../transport/flow.ts";
import type { Context } from "./context.ts";
import { InviteServer, type InviteServerState } from "./invite_server.ts";
import { NonInviteServer, type NonInviteServerState } from "./non_invite_server.ts";
import type { ServerEnding, ServerOutputs } from "./outputs.ts";
import { replyTarget } from "./reply_target.ts";

/** The states of both machines. */
export type ServerTransactionState = InviteServerState | NonInviteServerState;

/** A request that waits for its responses, as its user sees it. */
export interface ServerTransaction {
  readonly method: string;
  readonly flow: Flow;
  readonly state: ServerTransactionState;
  /** Sends a response. It does nothing where the state does not allow it: a second final response, but for a 2xx. */
  respond(response: SipResponse): void;
  /** The user's: called for a CANCEL of the INVITE, and forgotten with its final response. */
  onCancel: ((cancel: SipRequest) => void) | undefined;
}

/**
 * The layer's own side of a {@linkcode ServerTransaction}. For the half minute after its final response it keeps its key,
 * its state, and the text that answers retransmissions: the request is forgotten, or else it would keep all of its parts,
 * and through its user all of the call.
 */
export class ServerEntry implements ServerTransaction, ServerOutputs, Timed {
  readonly method: string;
  readonly flow: Flow;
  readonly #key: string;
  readonly #table: Map<string, ServerEntry>;
  readonly #context: Context;
  readonly #target: Target;
  readonly #machine: InviteServer | NonInviteServer;
  /** Until the final response. */
  #request: SipRequest | undefined;
  queueIndex = NOT_QUEUED;
  onCancel: ((cancel: SipRequest) => void) | undefined = undefined;

  /** Enters itself into `table`. `request` is marked by `markReceived` already. */
  constructor(key: string, table: Map<string, ServerEntry>, request: SipRequest, flow: Flow, context: Context) {
    this.method = request.method;
    this.#request = request;
    this.flow = flow;
    this.#key = key;
    this.#table = table;
    this.#context = context;
    this.#target = replyTarget(request, flow);
    const reliable = isReliable(flow.transport);
    this.#machine = request.method === "INVITE"
      ? new InviteServer(request, reliable, context.timers, this)
      : new NonInviteServer(reliable, context.timers, this);
    table.set(key, this);
    context.counters.serverCreated++;
  }

  get state(): ServerTransactionState {
    return this.#machine.state;
  }

  get nextDeadlineMs(): number {
    return this.#machine.nextDeadlineMs;
  }

  start(nowMs: number): void {
    this.#machine.start(nowMs);
    this.#context.deadlines.schedule(this);
  }

  respond(response: SipResponse): void {
    this.#machine.respond(response, this.#context.clock.nowMs());
    if (response.status >= 200) this.#forgetRequest();
    this.#context.deadlines.schedule(this);
  }

  #forgetRequest(): void {
    this.#request = undefined;
    this.onCancel = undefined;
  }

  handleRetransmission(): void {
    this.#context.counters.retransmissions++;
    this.#machine.handleRetransmission();
  }

  /** Returns whether the ACK is the user's. */
  handleAck(nowMs: number): boolean {
    const isForUser = this.#machine.handleAck(nowMs);
    this.#context.deadlines.schedule(this);
    return isForUser;
  }

  handleTimeout(nowMs: number): void {
    this.#machine.handleTimeout(nowMs);
  }

  /** Ends without a word. */
  close(): void {
    this.#machine.close();
    this.#leave();
  }

  send(text: string): void {
    this.#context.transport.send(text, this.#target, (reason) => this.#sendFailed(text, reason));
  }

  /** The transaction stays: the request, sent again, may open a way that works (RFC 6026 §8.8). */
  #sendFailed(text: string, reason: string): void {
    this.#context.counters.transportErrors++;
    const { callId } = parseMessage(text); // the request may be gone
    this.#context.log.info(() => `cannot send a response to ${this.method}: ${reason}`, { callId });
  }

  terminated(ending: ServerEnding): void {
    const { counters, log } = this.#context;
    if (ending === "unacknowledged") counters.unacknowledged++;
    if (ending === "abandoned") {
      counters.abandoned++;
      log.error(`no final response was made for ${this.method}`, { callId: this.#request!.callId });
    }
    this.#leave();
  }

  #leave(): void {
    this.#forgetRequest();
    this.#context.deadlines.remove(this);
    this.#table.delete(this.#key);
  }
}
