/** A server transaction: its machine, the way back to the client, and its place in the layer. @module */
import { NOT_QUEUED, type Timed } from "../env/deadlines.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
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
  /** With `received` and `rport` in its topmost Via. */
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly state: ServerTransactionState;
  /** Sends a response. It does nothing where the state does not allow it: a second final response, but for a 2xx. */
  respond(response: SipResponse): void;
  /** Called once, when the transaction has ended. */
  onTerminated?: () => void;
}

/** The layer's own side of a {@linkcode ServerTransaction}. */
export class ServerEntry implements ServerTransaction, ServerOutputs, Timed {
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly #key: string;
  readonly #table: Map<string, ServerEntry>;
  readonly #context: Context;
  readonly #target: Target;
  readonly #machine: InviteServer | NonInviteServer;
  queueIndex = NOT_QUEUED;
  onTerminated?: () => void;

  /** Enters itself into `table`. `request` is marked by `markReceived` already. */
  constructor(key: string, table: Map<string, ServerEntry>, request: SipRequest, flow: Flow, context: Context) {
    this.request = request;
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
    this.#context.deadlines.schedule(this);
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
    this.#context.transport.send(text, this.#target, this.#sendFailed);
  }

  /** The transaction stays: the request, sent again, may open a way that works (RFC 6026 §8.8). */
  readonly #sendFailed = (reason: string): void => {
    const { request } = this;
    this.#context.counters.transportErrors++;
    this.#context.log.info(() => `cannot send a response to ${request.method}: ${reason}`, { callId: request.callId });
  };

  terminated(ending: ServerEnding): void {
    const { counters, log } = this.#context;
    if (ending === "unacknowledged") counters.unacknowledged++;
    if (ending === "abandoned") {
      counters.abandoned++;
      log.error(`no final response was made for ${this.request.method}`, { callId: this.request.callId });
    }
    this.#leave();
    this.onTerminated?.();
  }

  #leave(): void {
    this.#context.deadlines.remove(this);
    this.#table.delete(this.#key);
  }
}
