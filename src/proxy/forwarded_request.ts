/**
 * A request on its way through the proxy: the response context with what a script and the media of the call do to the
 * messages that pass.
 *
 * A response on its way (RFC 3261 §16.7):
 * 1. `src/transaction` matches it to a branch's client transaction, which hands it over.
 * 2. Our Via is taken off. Responses of one request wait for each other here, as a script or a dispatcher may take its
 *    time: a 200 never overtakes the 183 before it.
 * 3. `engaged_media.ts` follows the dialog and sends its SDP through a relay.
 * 4. The script's `reply` route sees it.
 * 5. `response_context.ts` decides: forward it, keep it as a candidate, cancel the others.
 * 6. When all have failed, the script's `failure` route may relay or answer anew; else the best failure goes upstream.
 * 7. When all is said, nothing refers to the call any more: `answered_call.ts` waits for a 2xx that comes again.
 * @module
 */
import { NOT_QUEUED, type Timed } from "../env/deadlines.ts";
import { SipSyntaxError } from "../sip/errors.ts";
import type { SipResponse } from "../sip/message.ts";
import { NotLocatedError } from "../server_location/mod.ts";
import type { ClientTransaction } from "../transaction/mod.ts";
import type { Flow, Target } from "../transport/flow.ts";
import { copyFor, isLarge, nextHop } from "./branch_plan.ts";
import { loopMark } from "./loop_detection.ts";
import { breadthOf, splitByBreadth } from "./max_breadth.ts";
import { addRecordRoute } from "./record_route.ts";
import { type Branch, type BranchPlan, ResponseContext, type ResponseContextOutput } from "./response_context.ts";
import type { Call } from "./call.ts";
import { routeReply } from "./reply_route.ts";
import { BranchScope } from "./route_scopes.ts";
import type { Destination } from "./script.ts";
import type { ProxyServices } from "./services.ts";

/** See the module comment. */
export class ForwardedRequest implements ResponseContextOutput, Timed {
  queueIndex = NOT_QUEUED;
  readonly #call: Call;
  readonly #services: ProxyServices;
  readonly #context: ResponseContext;
  /** What has to wait for a route or a dispatcher; `undefined` if nothing does. */
  #waiting: Promise<void> | undefined = undefined;

  constructor(call: Call, services: ProxyServices) {
    this.#call = call;
    this.#services = services;
    this.#context = new ResponseContext(call.received, this, { timerCMs: services.settings.inviteTimeoutMs });
  }

  /** Plans the copies for the call's destinations, and sends those that come first. */
  async forward(ringMs: number | undefined): Promise<void> {
    const call = this.#call;
    await this.#services.media.handleRequest(call);
    const breadth = breadthOf(call.request);
    if (breadth === 0) {
      const plan = { request: call.request, targets: [], statusWithoutTarget: 440 };
      return this.#context.fork([[plan]], this.#nowMs(), ringMs);
    }
    const groups: BranchPlan[][] = [];
    for (const group of groupByQ(call.destinationsOrUri)) {
      for (const { part, share } of splitByBreadth(group, breadth)) {
        groups.push(await Promise.all(part.map((destination) => this.#plan(destination, share))));
      }
    }
    this.#context.fork(groups, this.#nowMs(), ringMs);
  }

  async #plan(destination: Destination, breadth: number): Promise<BranchPlan> {
    const { settings, locator } = this.#services;
    const request = copyFor(this.#call.request, destination, settings.maxForwards, breadth);
    const route = this.#call.branchRoute;
    try {
      if (route !== undefined) await route(new BranchScope(this.#call, request, destination, this.#services));
    } catch (error) {
      this.#call.logScriptError("branch", error);
      return { request, targets: [], statusWithoutTarget: 500 };
    }
    try {
      const hop = nextHop(request);
      if (destination.target !== undefined && !request.hasHeader("route")) {
        return { request, targets: [destination.target] };
      }
      const located = locator.locate(hop, { isLarge: isLarge(request) });
      return { request, targets: this.#call.pinned(Array.isArray(located) ? located : await located) };
    } catch (error) {
      this.#call.log.info(`cannot send ${request.method} to ${destination.uri}: ${(error as Error).message}`);
      if (error instanceof NotLocatedError || error instanceof SipSyntaxError) { // a tel URI, say
        return { request, targets: [], statusWithoutTarget: error.statusHint };
      }
      return { request, targets: [] };
    }
  }

  /** The sender's CANCEL. */
  cancel(reason: string | undefined): void {
    this.#context.cancel(reason, this.#nowMs());
  }

  get isCanceled(): boolean {
    return this.#context.isCanceled;
  }

  get nextDeadlineMs(): number {
    return this.#context.nextDeadlineMs;
  }

  handleTimeout(nowMs: number): void {
    this.#context.handleTimeout(nowMs);
  }

  send(branch: Branch, target: Target): ClientTransaction | undefined {
    const { transport, transactions } = this.#services;
    const leaves = transport.listenPointFor(target);
    if (leaves === undefined) {
      this.#call.log.info(
        `cannot send to ${target.transport} ${target.address}: no [Proxy] listen address leads there`,
      );
      return undefined;
    }
    const request = branch.plan.request.clone();
    const params = this.#call.recordRouteParams;
    if (params !== undefined) addRecordRoute(request, this.#call.source.listenPoint, leaves, params);
    return transactions.createClient(request, target, leaves, {
      response: (response: SipResponse, source: Flow) => this.#handleResponse(branch, response, source),
      failed: (kind: "timeout" | "transport", reason: string) =>
        this.#inOrder(() => {
          this.#context.handleFailure(branch, kind, reason, this.#nowMs());
          this.#letGo();
        }),
    }, loopMark(this.#call.received));
  }

  #handleResponse(branch: Branch, response: SipResponse, source: Flow): void {
    if (response.status === 100) return;
    response.removeFirstValue("via");
    this.#inOrder(() => this.#routeReply(branch, response, source));
  }

  #routeReply(branch: Branch, response: SipResponse, source: Flow): void | Promise<void> {
    const routed = routeReply(this.#call, response, source, this.#services);
    if (routed === undefined) return this.#passResponse(branch, response);
    return routed.then((goesOn) => goesOn ? this.#passResponse(branch, response) : undefined);
  }

  #passResponse(branch: Branch, response: SipResponse): void {
    this.#context.handleResponse(branch, response, this.#nowMs());
    this.#letGo();
  }

  /**
   * When all is said nothing may refer to the call: neither the timer C that has not come, nor the transactions, which go
   * on for half a minute. Of 50,000 calls at 500 a second it was all the memory: 12 KB each, for timer C's 3 minutes.
   */
  #letGo(): void {
    if (!this.#context.isOver) return;
    this.#services.deadlines.remove(this);
    for (const { client } of this.#context.branches) {
      if (client?.state === "accepted") client.handOver(this.#call.putAway());
    }
  }

  /** Runs `step` now or, if an earlier one still waits, after that. */
  #inOrder(step: () => void | Promise<void>): void {
    const result = this.#waiting === undefined ? step() : this.#waiting.then(step);
    if (result === undefined) return;
    const waiting = result.catch((error: Error) => this.#call.log.error(`internal error: ${error.stack}`)).then(() => {
      if (this.#waiting === waiting) this.#waiting = undefined;
    });
    this.#waiting = waiting;
  }

  respond(response: SipResponse): void {
    this.#call.respond(response);
  }

  failed(best: SipResponse): void {
    this.#inOrder(() => this.#routeFailure(best));
  }

  async #routeFailure(best: SipResponse): Promise<void> {
    const call = this.#call;
    call.beginFailure(best, this.#context.isCanceled);
    try {
      await call.failureRoute?.(call);
    } catch (error) {
      call.logScriptError("failure", error);
    }
    const next = call.endFailure();
    if (next.kind === "relay" && !this.#context.isCanceled) return this.forward(next.ringMs);
    this.#context.conclude(next.kind === "reply" ? next.response : best);
    this.#letGo();
  }

  rescheduled(): void {
    this.#services.deadlines.schedule(this);
  }

  targetFailed(target: Target, reason: string): void {
    this.#services.locator.markFailed(target);
    this.#call.log.info(`${target.transport} ${target.address}:${target.port} failed: ${reason}`);
  }

  #nowMs(): number {
    return this.#services.clock.nowMs();
  }
}

/** Destinations with the same q go together, the highest first (RFC 3261 §16.6). */
function groupByQ(destinations: readonly Destination[]): Destination[][] {
  if (destinations.length < 2) return [[...destinations]];
  const groups = new Map<number, Destination[]>();
  for (const destination of destinations) {
    const q = destination.q ?? 1;
    const group = groups.get(q);
    if (group === undefined) groups.set(q, [destination]);
    else group.push(destination);
  }
  return [...groups.entries()].sort(([a], [b]) => b - a).map(([, group]) => group);
}
