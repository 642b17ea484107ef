/**
 * The proxy's core: what becomes of requests that the transaction layer passes up (RFC 3261 §16).
 *
 * A request on its way:
 * 1. `src/transport` receives it, `src/sip` parses it, `src/transaction` finds it to be new.
 * 2. `request_validation.ts` and `loop_detection.ts` refuse what no proxy may forward.
 * 3. `own_address.ts` takes off the routes that led here; `routed_request.ts` hands it to the script's `request` route.
 * 4. The script answers it, or relays it: `forwarded_request.ts` asks `src/server_location` for targets, makes a copy for
 *    each destination (`branch_plan.ts`, `record_route.ts`), and gives it to `src/transaction`.
 * 5. Responses come back as told in `forwarded_request.ts`.
 * @module
 */
import { randomHex, type RandomSource } from "../env/random.ts";
import type { Logger } from "../env/log.ts";
import { octetsToUtf8 } from "../sip/octets.ts";
import { SipSyntaxError } from "../sip/errors.ts";
import { createResponse, type SipMessage, type SipRequest } from "../sip/message.ts";
import { BadRequestError } from "../sip/parse_message.ts";
import type { ServerTransaction, TransactionUser } from "../transaction/mod.ts";
import type { Flow, Target } from "../transport/flow.ts";
import { firstRoute } from "./own_address.ts";
import { hashTexts, isLoop } from "./loop_detection.ts";
import { nextHop } from "./branch_plan.ts";
import { refuse } from "./request_validation.ts";
import { RoutedRequest } from "./routed_request.ts";
import type { ProxyServices } from "./services.ts";

/** What has passed; numbers that only grow. */
export interface ProxyCounters {
  requests: number;
  refused: number;
  loops: number;
  scriptErrors: number;
}

/** See the module comment. */
export class Proxy implements TransactionUser {
  readonly #services: ProxyServices;
  readonly counters: ProxyCounters = { requests: 0, refused: 0, loops: 0, scriptErrors: 0 };

  constructor(services: ProxyServices) {
    this.#services = services;
  }

  /** A message has come: the transaction layer looks at it first. */
  receive(message: SipMessage, flow: Flow): void {
    this.#services.transactions.handleMessage(message, flow);
  }

  /** Something that cannot be used has come; it is answered if it is a request (RFC 3261 §8.2.7, §16.3 step 1). */
  refuseMalformed(error: SipSyntaxError, flow: Flow): void {
    this.#services.log.info(() => `refused: ${error.message}`, { peer: flow.address });
    if (!(error instanceof BadRequestError)) return;
    this.counters.refused++;
    this.#services.transactions.respondStateless(error.request, flow, error.statusHint);
  }

  /** A new request that is neither ACK nor CANCEL. */
  request(request: SipRequest, transaction: ServerTransaction): void {
    this.counters.requests++;
    const refusal = refuse(request);
    if (refusal !== undefined) {
      this.counters.refused++;
      transaction.respond(refusal);
    } else if (isLoop(request, this.#services.own)) {
      this.counters.loops++;
      transaction.respond(createResponse(request, 482));
    } else {
      this.#route(request, transaction.flow, transaction);
    }
  }

  /** The ACK of a 2xx, or of nothing: it is forwarded or forgotten, never answered (RFC 3261 §16.11, §17.1.1.3). */
  ack(request: SipRequest, flow: Flow): void {
    this.counters.requests++;
    if (refuse(request) === undefined && !isLoop(request, this.#services.own)) this.#route(request, flow, undefined);
    else this.counters.refused++;
  }

  /** CANCEL (RFC 3261 §16.10). One without its INVITE is not forwarded: no branch of ours can be waiting for it. */
  cancel(cancel: SipRequest, transaction: ServerTransaction, invite: ServerTransaction | undefined): void {
    const status = invite === undefined ? 481 : 200;
    transaction.respond(createResponse(cancel, status, undefined, this.#services.toTag(cancel)));
  }

  #route(request: SipRequest, flow: Flow, server: ServerTransaction | undefined): void {
    let call: RoutedRequest;
    try {
      call = new RoutedRequest(request, flow, server, this.#services, (ack) => void this.#forwardAck(ack));
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error; // a Route that is none
      this.counters.refused++;
      server?.respond(createResponse(request, 400, "Bad Route"));
      return;
    }
    if (server?.method === "INVITE") server.onCancel = (cancel) => call.cancel(cancel.header("reason"));
    try {
      const running = this.#services.script().request(call);
      if (running instanceof Promise) running.then(() => this.#finish(call), (error) => this.#fail(call, error));
      else this.#finish(call);
    } catch (error) {
      this.#fail(call, error);
    }
  }

  /** A script that did nothing leaves the sender waiting: it is told. */
  #finish(call: RoutedRequest): void {
    if (call.isHandled) return;
    if (call.server === undefined) return call.drop();
    call.log.warning(`the script neither answered nor relayed ${call.received.method}`);
    call.reply(500, "Not Routed");
  }

  #fail(call: RoutedRequest, error: unknown): void {
    if (error instanceof SipSyntaxError) { // a part of the request that the script asked for cannot be read
      if (!call.isHandled) call.reply(error.statusHint);
      return;
    }
    this.counters.scriptErrors++;
    call.logScriptError("request", error);
    if (!call.isHandled) call.reply(500);
  }

  /** Forwards the ACK of a 2xx without a transaction (RFC 3261 §16.11). */
  async #forwardAck(call: RoutedRequest): Promise<void> {
    const { media, locator, transport, transactions } = this.#services;
    try {
      await media.handleRequest(call);
      const { request } = call;
      request.setHeader("max-forwards", String(Number(request.header("max-forwards") ?? 70) - 1));
      const [destination] = call.destinations;
      if (destination !== undefined) request.setRequestUri(destination.uri);
      const hop = nextHop(request);
      const direct = firstRoute(request) === undefined ? destination?.target : undefined;
      const located = direct ?? (await locator.locate(hop))[0];
      const target = located && call.pinned([located])[0];
      const leaves = target && transport.listenPointFor(target);
      if (leaves === undefined) return call.log.info("cannot forward an ACK: no listen address leads there");
      transactions.sendRequestStateless(request, target!, leaves);
    } catch (error) {
      call.log.info(`cannot forward an ACK: ${(error as Error).message}`);
    }
  }
}

/** Sends a request of the proxy's own: the script's `local` route sees it first. */
export async function sendLocal(
  request: SipRequest,
  target: Target,
  log: Logger,
  services: Pick<ProxyServices, "locator" | "transport" | "transactions" | "script">,
): Promise<void> {
  const { locator, transport, transactions, script } = services;
  const what = `${request.method} to ${octetsToUtf8(request.requestUri)}`;
  try {
    await script().local?.({ request, log });
    const hop = nextHop(request);
    const targets = request.hasHeader("route") ? await locator.locate(hop) : [target];
    const chosen = targets.find((it) => transport.listenPointFor(it) !== undefined);
    const leaves = chosen && transport.listenPointFor(chosen);
    if (leaves === undefined) return log.warning(`cannot send ${what}: no listen address leads there`);
    transactions.createClient(request, chosen!, leaves, {
      response: ({ status }) => {
        if (status >= 200) log.debug(`${what} was answered with ${status}`);
      },
      failed: (_kind, reason) => log.info(`${what} failed: ${reason}`),
    });
  } catch (error) {
    log.warning(`cannot send ${what}: ${(error as Error).message}`);
  }
}

/** Our To tags: they need not be remembered, differ from run to run, and a CANCEL has its INVITE's (RFC 3261 §9.2). */
export function toTagMaker(random: RandomSource): (request: SipRequest) => string {
  const run = randomHex(random, 4);
  return (request) => {
    const { requestUri, callId, fromTag, cseq } = request;
    return `${run}.${hashTexts(requestUri, callId, fromTag, String(cseq.sequence))}`;
  };
}
