/**
 * The transaction layer (RFC 3261 §17): between the transport and the proxy core, the transaction user.
 *
 * Re-entrancy. The user may do anything from within what is called of it (`request`, `ack`, `cancel`, a handler's
 * `response`, `failed`): respond, create, cancel, close. Nothing of the user's is ever called from within
 * what the user calls (`respond`, `createClient`, `cancel`, ...), only from within `handleMessage`, `handleTimeouts` and
 * the transport's `failed`. That holds because the machines change their state before they say anything, because the
 * transport calls `failed` later, and because an end that is due at once, over a reliable transport, is a timer of 0 ms.
 *
 * Closing. `close()` ends all transactions without a word: whoever owns the layer closes the user first, the transport
 * afterwards. What is handed in later is ignored.
 * @module
 */
import type { Clock } from "../env/clock.ts";
import { DeadlineQueue, type Timed } from "../env/deadlines.ts";
import type { Logger } from "../env/log.ts";
import type { RandomSource } from "../env/random.ts";
import { createResponse, type SipMessage, SipRequest, type SipResponse } from "../sip/message.ts";
import { serializeHostPort } from "../sip/uri.ts";
import type { Flow, ListenPoint, SipTransport, Target } from "../transport/flow.ts";
import { createBranch, requestHash, stableBranch } from "./branch.ts";
import { ClientEntry, type ClientHandler, type ClientTransaction } from "./client_transaction.ts";
import { type Context, type Counters, newCounters } from "./context.ts";
import { cancelledKey, clientKey, serverKey } from "./matching.ts";
import { markReceived, replyTarget } from "./reply_target.ts";
import { ServerEntry, type ServerTransaction } from "./server_transaction.ts";
import { DEFAULT_TIMERS, type Timers } from "./timers.ts";

/** Whoever makes something of requests: the proxy core. */
export interface TransactionUser {
  /** A new request, no ACK and no CANCEL, with `received` and `rport` in its topmost Via. */
  request(request: SipRequest, transaction: ServerTransaction): void;
  /** An ACK that belongs to no transaction: that of a 2xx. It may come more than once. */
  ack(request: SipRequest, flow: Flow): void;
  /**
   * A new CANCEL, its transaction, and what it cancels, as far as it is known (RFC 3261 §9.2, §16.10). It is to be
   * responded to; then the INVITE's `onCancel` is called.
   */
  cancel(cancel: SipRequest, transaction: ServerTransaction, invite: ServerTransaction | undefined): void;
}

/** What the layer has of the world. */
export interface TransactionEnvironment {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Logger;
  /** Called when `nextDeadlineMs` has become earlier. */
  readonly wake?: () => void;
}

/** The timers, and limits. */
export interface TransactionOptions extends Timers {
  /** So many server transactions at most; further requests are answered 503. Default 200000. */
  readonly maxServerTransactions: number;
}

/** How often what has happened, and how many transactions there are. */
export interface TransactionCounts extends Readonly<Counters> {
  readonly serverTransactions: number;
  readonly clientTransactions: number;
}

const DEFAULT_MAX_SERVER_TRANSACTIONS = 200_000;
/** Seconds after which a client that was refused may come again. */
const RETRY_AFTER = "10";

export class TransactionLayer {
  readonly #user: TransactionUser;
  readonly #random: RandomSource;
  readonly #maxServerTransactions: number;
  readonly #context: Context;
  readonly #deadlines: DeadlineQueue<Timed>;
  readonly #counters = newCounters();
  readonly #servers = new Map<string, ServerEntry>();
  readonly #clients = new Map<string, ClientEntry>();
  #closed = false;

  constructor(
    transport: SipTransport,
    user: TransactionUser,
    env: TransactionEnvironment,
    options: Partial<TransactionOptions> = {},
  ) {
    const { maxServerTransactions = DEFAULT_MAX_SERVER_TRANSACTIONS, ...timers } = options;
    this.#user = user;
    this.#random = env.random;
    this.#maxServerTransactions = maxServerTransactions;
    this.#deadlines = new DeadlineQueue(env.wake);
    this.#context = {
      transport,
      clock: env.clock,
      log: env.log,
      timers: { ...DEFAULT_TIMERS, ...timers },
      deadlines: this.#deadlines,
      counters: this.#counters,
    };
  }

  /** A snapshot. */
  get counts(): TransactionCounts {
    return {
      ...this.#counters,
      serverTransactions: this.#servers.size,
      clientTransactions: this.#clients.size,
    };
  }

  /** Nothing is due before this; `Infinity` for never. */
  get nextDeadlineMs(): number {
    return this.#deadlines.nextDeadlineMs;
  }

  /** Lets every timer fire that is due. Early or repeated calls do nothing. */
  handleTimeouts(nowMs: number): void {
    this.#deadlines.handleTimeouts(nowMs);
  }

  /** A message has come. A request gets `received` and `rport`, and becomes the layer's. */
  handleMessage(message: SipMessage, flow: Flow): void {
    if (this.#closed) return;
    if (!(message instanceof SipRequest)) return this.#handleResponse(message, flow);
    const key = serverKey(message);
    markReceived(message, flow);
    const known = this.#servers.get(key);
    if (message.method === "ACK") this.#handleAck(message, flow, known);
    else if (known !== undefined) known.handleRetransmission();
    else this.#handleRequest(key, message, flow);
  }

  #handleResponse(response: SipResponse, source: Flow): void {
    const { method } = response.cseq;
    const branch = response.topVia.params.get("branch") ?? "";
    const client = this.#clients.get(clientKey(branch, method));
    if (client !== undefined && client.method === method) {
      client.handleResponse(response, source, this.#context.clock.nowMs());
    } else {
      this.#counters.strayResponses++;
    }
  }

  /** Interop: phones that give the ACK of a 2xx the branch of the INVITE; it finds that in its accepted state. */
  #handleAck(ack: SipRequest, flow: Flow, invite: ServerEntry | undefined): void {
    const isForUser = invite === undefined
      ? ack.toTag !== requestHash(ack) // or else it acknowledges a stateless response of ours, and ends here
      : invite.handleAck(this.#context.clock.nowMs());
    if (isForUser) this.#user.ack(ack, flow);
  }

  #handleRequest(key: string, request: SipRequest, flow: Flow): void {
    const isCancel = request.method === "CANCEL";
    const invite = isCancel ? this.#servers.get(cancelledKey(key)) : undefined;
    // a CANCEL that ends a call lightens the load
    if (this.#servers.size >= this.#maxServerTransactions && invite === undefined) return this.#refuse(request, flow);
    const transaction = new ServerEntry(key, this.#servers, request, flow, this.#context);
    transaction.start(this.#context.clock.nowMs());
    if (!isCancel) return this.#user.request(request, transaction);
    this.#user.cancel(request, transaction, invite);
    invite?.onCancel?.(request);
  }

  #refuse(request: SipRequest, flow: Flow): void {
    this.#counters.refused++;
    const response = createResponse(request, 503, undefined, requestHash(request));
    response.setHeader("retry-after", RETRY_AFTER);
    this.#send(response.serialize(), replyTarget(request, flow));
  }

  /**
   * Sends `request`, which becomes the transaction's, with a Via of ours for `listenPoint` on top. `branchSuffix` is
   * added to the branch after a dot, for loop detection.
   */
  createClient(
    request: SipRequest,
    target: Target,
    listenPoint: ListenPoint,
    handler: ClientHandler,
    branchSuffix?: string,
  ): ClientTransaction {
    const branch = createBranch(this.#random, branchSuffix);
    request.prependHeader("via", viaValue(listenPoint, branch));
    const transaction = new ClientEntry(branch, this.#clients, request, target, handler, this.#context);
    if (this.#closed) transaction.close();
    else transaction.start(this.#context.clock.nowMs());
    return transaction;
  }

  /**
   * Sends a request that has no response, the ACK of a 2xx, with a Via of ours. Its branch is always the same for a request
   * that came from elsewhere (§16.11).
   */
  sendRequestStateless(request: SipRequest, target: Target, listenPoint: ListenPoint): void {
    const branch = request.hasHeader("via") ? stableBranch(request) : createBranch(this.#random);
    request.prependHeader("via", viaValue(listenPoint, branch));
    this.#send(request.serialize(), target);
  }

  /** Responds without a transaction, always with the same tag in To (RFC 3261 §8.2.7). An ACK has no response. */
  respondStateless(request: SipRequest, flow: Flow, status: number, reason?: string): void {
    if (request.method === "ACK") return;
    markReceived(request, flow);
    const response = createResponse(request, status, reason, requestHash(request));
    this.#send(response.serialize(), replyTarget(request, flow));
  }

  #send(text: string, target: Target): void {
    if (!this.#closed) this.#context.transport.send(text, target, this.#sendFailed);
  }

  readonly #sendFailed = (): void => {
    this.#counters.transportErrors++;
  };

  /** Ends all transactions without a word. Twice is harmless. */
  close(): void {
    this.#closed = true;
    for (const transaction of this.#servers.values()) transaction.close();
    for (const transaction of this.#clients.values()) transaction.close();
  }
}

function viaValue({ transport, advertisedHost, advertisedPort }: ListenPoint, branch: string): string {
  const sentBy = serializeHostPort(advertisedHost, advertisedPort);
  const rport = transport === "udp" ? ";rport" : "";
  return `SIP/2.0/${transport.toUpperCase()} ${sentBy};branch=${branch}${rport}`;
}
