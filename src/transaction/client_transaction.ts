/** A client transaction: its machine, the way to the server, and its place in the layer. @module */
import { NOT_QUEUED, type Timed } from "../env/deadlines.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import { type Flow, isReliable, type Target } from "../transport/flow.ts";
import { createCancel } from "./ack.ts";
import type { Context } from "./context.ts";
import { InviteClient, type InviteClientState } from "./invite_client.ts";
import { clientKey } from "./matching.ts";
import { NonInviteClient, type NonInviteClientState } from "./non_invite_client.ts";
import type { ClientFailure, InviteClientOutputs } from "./outputs.ts";

/** The states of both machines. */
export type ClientTransactionState = InviteClientState | NonInviteClientState;

/** Hears what becomes of a request. Never called from within a call of the layer's or the transaction's. */
export interface ClientHandler {
  /**
   * A response, our Via still on top: any number of provisional ones, then a final one. After a 2xx to an INVITE more
   * 2xx may follow: the same again, or those of other branches (RFC 6026 §7.2).
   */
  response(response: SipResponse, source: Flow): void;
  /** Once, in place of a final response. */
  failed(kind: ClientFailure, reason: string): void;
}

/** A request that has been sent, as its user sees it. */
export interface ClientTransaction {
  readonly target: Target;
  readonly state: ClientTransactionState;
  /**
   * Gives an INVITE up: sends CANCEL as soon as there is a provisional response (RFC 3261 §9.1). The final response, or
   * the failure, comes to the handler all the same. Does nothing a second time, after a final response, and for another
   * method. `reason` is the value of a Reason header (RFC 3326).
   */
  cancel(reason?: string): void;
  /** Has another hear what is still to come. */
  handOver(handler: ClientHandler): void;
}

/** Nobody wants to know what becomes of a CANCEL: the INVITE's final response tells. */
const UNHEARD: ClientHandler = { response() {}, failed() {} };

/**
 * The layer's own side of a {@linkcode ClientTransaction}. With the final response it forgets the request, and with one
 * that no other can follow its handler too: what they refer to would be kept until the last timer has fired.
 */
export class ClientEntry implements ClientTransaction, InviteClientOutputs, Timed {
  readonly method: string;
  readonly target: Target;
  readonly #branch: string;
  readonly #table: Map<string, ClientEntry>;
  readonly #context: Context;
  readonly #machine: InviteClient | NonInviteClient;
  #handler: ClientHandler;
  /** Until the final response. */
  #request: SipRequest | undefined;
  #cancelReason: string | undefined = undefined;
  queueIndex = NOT_QUEUED;
  /** Of the response that is being looked at. */
  #source: Flow | undefined = undefined;

  /** Enters itself into `table`. `request` has our Via with `branch`. */
  constructor(
    branch: string,
    table: Map<string, ClientEntry>,
    request: SipRequest,
    target: Target,
    handler: ClientHandler,
    context: Context,
  ) {
    this.method = request.method;
    this.#request = request;
    this.target = target;
    this.#branch = branch;
    this.#table = table;
    this.#handler = handler;
    this.#context = context;
    const Machine = request.method === "INVITE" ? InviteClient : NonInviteClient;
    this.#machine = new Machine(request, isReliable(target.transport), context.timers, this);
    table.set(clientKey(branch, request.method), this);
    context.counters.clientCreated++;
  }

  get state(): ClientTransactionState {
    return this.#machine.state;
  }

  get nextDeadlineMs(): number {
    return this.#machine.nextDeadlineMs;
  }

  start(nowMs: number): void {
    this.#machine.start(nowMs);
    this.#context.deadlines.schedule(this);
  }

  /** `source` is the way that the response came. */
  handleResponse(response: SipResponse, source: Flow, nowMs: number): void {
    this.#source = source;
    this.#machine.handleResponse(response, nowMs);
    this.#source = undefined;
    if (response.status >= 200) this.#request = undefined;
    if (this.state === "completed") this.#handler = UNHEARD;
    this.#context.deadlines.schedule(this);
  }

  handOver(handler: ClientHandler): void {
    this.#handler = handler;
  }

  cancel(reason?: string): void {
    this.#cancelReason ??= reason;
    this.#machine.cancel(this.#context.clock.nowMs());
    this.#context.deadlines.schedule(this);
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
    this.#context.transport.send(text, this.target, (reason) => this.#sendFailed(reason));
  }

  #sendFailed(reason: string): void {
    this.#context.counters.transportErrors++;
    this.#machine.handleTransportError(reason);
  }

  sendCancel(): void {
    const cancel = createCancel(this.#request!, this.#cancelReason);
    const entry = new ClientEntry(this.#branch, this.#table, cancel, this.target, UNHEARD, this.#context);
    entry.start(this.#context.clock.nowMs());
  }

  passUp(response: SipResponse): void {
    this.#handler.response(response, this.#source!);
  }

  failed(kind: ClientFailure, reason: string): void {
    if (kind === "timeout") this.#context.counters.timedOut++;
    this.#handler.failed(kind, reason);
  }

  terminated(): void {
    this.#leave();
  }

  #leave(): void {
    this.#handler = UNHEARD;
    this.#request = undefined;
    this.#context.deadlines.remove(this);
    this.#table.delete(clientKey(this.#branch, this.method));
  }
}
