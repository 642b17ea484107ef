/**
 * The response context (RFC 3261 §16.2, §16.7): the branches of one forwarded request, and what its sender is told.
 *
 * | branch state | until                                              | its deadline                                |
 * | ------------ | -------------------------------------------------- | ------------------------------------------- |
 * | calling      | a response above 100, or failure                   | timer C (INVITE), else the transaction's    |
 * | proceeding   | a final response, or failure                       | timer C, begun anew by each 1xx above 100   |
 * | canceling    | the final response that CANCEL brings, or failure  | the transaction's 64*T1 (§9.1)              |
 * | ended        |                                                    |                                             |
 *
 * Branches run in groups: those of one group at once, the next group when all of one have failed. A success goes upstream
 * at once and cancels the others; 6xx cancels them and waits (§16.7 step 5). When nothing is left the owner is told the
 * best failure: it adds branches, or concludes.
 * @module
 */
import { createResponse, type SipRequest, type SipResponse } from "../sip/message.ts";
import type { ClientTransaction } from "../transaction/mod.ts";
import type { Target } from "../transport/flow.ts";
import { chooseBest } from "./best_response.ts";

/** Where a copy of the request goes. */
export interface BranchPlan {
  /** As it leaves, but for our Via. */
  readonly request: SipRequest;
  /** In the order in which they are tried (RFC 3263 §4.3). */
  readonly targets: readonly Target[];
  /** What the branch ends with if there is no target, as nobody serves the domain, say; 503 if absent. */
  readonly statusWithoutTarget?: number;
}

export type BranchState = "calling" | "proceeding" | "canceling" | "ended";

/** A copy of the request on its way. */
export class Branch {
  readonly plan: BranchPlan;
  state: BranchState = "calling";
  client: ClientTransaction | undefined = undefined;
  /** Of `plan.targets`: the one that is being tried. */
  targetIndex = 0;
  timerCAtMs = Infinity;
  final: SipResponse | undefined = undefined;

  constructor(plan: BranchPlan) {
    this.plan = plan;
  }
}

export interface ResponseContextOutput {
  /** Sends the branch's request to `target`; `undefined` if no listen point leads there. */
  send(branch: Branch, target: Target): ClientTransaction | undefined;
  /** Sends a response upstream. */
  respond(response: SipResponse): void;
  /** All branches have failed; what follows is `fork`, or `conclude`. */
  failed(best: SipResponse): void;
  /** The deadline may have changed. */
  rescheduled(): void;
  /** A target did not answer; others should not try it first. */
  targetFailed(target: Target, reason: string): void;
}

/** Why we cancel, as Reason says it (RFC 3326): a phone shows no missed call if another one answered. */
const REASONS = {
  answered: 'SIP ;cause=200 ;text="Call completed elsewhere"',
  declined: 'SIP ;cause=603 ;text="Declined elsewhere"',
  unanswered: 'SIP ;cause=408 ;text="No answer"',
} as const;

export interface ResponseContextSettings {
  /** Timer C (RFC 3261 §16.6 step 11). */
  readonly timerCMs: number;
}

/** See the module comment. */
export class ResponseContext {
  readonly #request: SipRequest;
  readonly #output: ResponseContextOutput;
  readonly #settings: ResponseContextSettings;
  readonly #isInvite: boolean;
  #branches: Branch[] = [];
  #groups: (readonly BranchPlan[])[] = [];
  #ringMs = Infinity;
  #ringEndsAtMs = Infinity;
  #state: "open" | "canceled" | "declined" | "succeeded" | "concluded" = "open";
  /** Whether a branch was canceled because nobody answered it. */
  #gaveUp = false;
  /** Failures of the current `fork`. */
  readonly #failures: SipResponse[] = [];

  constructor(request: SipRequest, output: ResponseContextOutput, settings: ResponseContextSettings) {
    this.#request = request;
    this.#output = output;
    this.#settings = settings;
    this.#isInvite = request.method === "INVITE";
  }

  /** Whether the request's sender has canceled it. */
  get isCanceled(): boolean {
    return this.#state === "canceled";
  }

  /** Whether a final response went upstream. */
  get isConcluded(): boolean {
    return this.#state === "succeeded" || this.#state === "concluded";
  }

  /** Whether all is said; but those who answered an INVITE with 2xx may do so again. */
  get isOver(): boolean {
    return this.isConcluded && this.#branches.every(({ state }) => state === "ended");
  }

  /** The branches of this and earlier forks. */
  get branches(): readonly Branch[] {
    return this.#branches;
  }

  /** Sends groups of branches, one group after the other. A group that is not answered within `ringMs` has failed. */
  fork(groups: readonly (readonly BranchPlan[])[], nowMs: number, ringMs = Infinity): void {
    this.#groups = [...groups];
    this.#ringMs = this.#isInvite ? ringMs : Infinity;
    this.#failures.length = 0;
    this.#gaveUp = false;
    if (this.#state === "open") this.#startGroup(nowMs);
    this.#settle(nowMs);
  }

  #startGroup(nowMs: number): void {
    const group = this.#groups.shift();
    if (group === undefined) return;
    this.#ringEndsAtMs = nowMs + this.#ringMs;
    for (const plan of group) {
      const branch = new Branch(plan);
      this.#branches.push(branch);
      this.#try(branch, nowMs);
    }
    this.#output.rescheduled();
  }

  /** Sends to the branch's next target that can be reached; without one the branch has failed. */
  #try(branch: Branch, nowMs: number): void {
    while (branch.targetIndex < branch.plan.targets.length) {
      branch.client = this.#output.send(branch, branch.plan.targets[branch.targetIndex]!);
      if (branch.client !== undefined) {
        branch.state = "calling";
        branch.timerCAtMs = this.#isInvite ? nowMs + this.#settings.timerCMs : Infinity;
        return;
      }
      branch.targetIndex++;
    }
    this.#end(branch, createResponse(this.#request, branch.plan.statusWithoutTarget ?? 503));
  }

  /** A response to a branch, without our Via. */
  handleResponse(branch: Branch, response: SipResponse, nowMs: number): void {
    if (response.status < 200) this.#handleProvisional(branch, response, nowMs);
    else if (response.status < 300) this.#handleSuccess(branch, response);
    else this.#handleRejection(branch, response, nowMs);
  }

  #handleProvisional(branch: Branch, response: SipResponse, nowMs: number): void {
    if (branch.state === "ended" || response.status === 100) return;
    if (branch.state === "calling") branch.state = "proceeding";
    if (this.#isInvite) {
      branch.timerCAtMs = nowMs + this.#settings.timerCMs;
      this.#output.rescheduled();
    }
    if (this.#state === "open") this.#output.respond(response);
  }

  #handleSuccess(branch: Branch, response: SipResponse): void {
    this.#end(branch, response);
    // Every 2xx of an INVITE goes upstream: each is a dialog of its own (§16.7 step 5). The rest has one answer.
    if (this.#state === "concluded" || (this.#state === "succeeded" && !this.#isInvite)) return;
    this.#state = "succeeded";
    this.#groups = [];
    this.#output.respond(response);
    this.#cancelBranches(REASONS.answered);
  }

  #handleRejection(branch: Branch, response: SipResponse, nowMs: number): void {
    if (branch.state === "ended") return;
    if (response.status === 503 && branch.state === "calling" && this.#state === "open") {
      this.#tryNext(branch, "it answered 503", nowMs); // RFC 3263 §4.3
      if (branch.client !== undefined) return;
    }
    this.#end(branch, response);
    if (response.status >= 600 && this.#state === "open") {
      this.#state = "declined";
      this.#groups = [];
      this.#cancelBranches(REASONS.declined);
    }
    this.#settle(nowMs);
  }

  /** The branch's transaction ended without a final response (RFC 3261 §16.8, §16.9). */
  handleFailure(branch: Branch, kind: "timeout" | "transport", reason: string, nowMs: number): void {
    if (branch.state === "ended") return;
    if (branch.state === "calling" && this.#state === "open") {
      this.#tryNext(branch, reason, nowMs);
      if (branch.client !== undefined) return this.#output.rescheduled();
    }
    const flowIsGone = kind === "transport" && branch.plan.targets.at(-1)?.onlyExisting === true;
    const status = kind === "timeout" ? 408 : flowIsGone ? 430 : 503; // 430: RFC 5626 §5.3.1
    this.#end(branch, createResponse(this.#request, status));
    this.#settle(nowMs);
  }

  #tryNext(branch: Branch, reason: string, nowMs: number): void {
    const failed = branch.plan.targets[branch.targetIndex];
    if (failed !== undefined) this.#output.targetFailed(failed, reason);
    branch.client = undefined;
    branch.targetIndex++;
    if (branch.targetIndex < branch.plan.targets.length) this.#try(branch, nowMs);
  }

  /** The sender's CANCEL (RFC 3261 §16.10). */
  cancel(reason: string | undefined, nowMs: number): void {
    if (this.#state !== "open" && this.#state !== "declined") return;
    this.#state = "canceled";
    this.#groups = [];
    this.#cancelBranches(reason);
    this.#settle(nowMs);
  }

  #cancelBranches(reason: string | undefined): void {
    for (const branch of this.#branches) {
      if (branch.state === "ended" || branch.state === "canceling") continue;
      branch.state = "canceling";
      branch.timerCAtMs = Infinity;
      if (this.#isInvite) branch.client?.cancel(reason);
    }
  }

  #end(branch: Branch, final: SipResponse): void {
    branch.state = "ended";
    branch.timerCAtMs = Infinity;
    branch.final = final;
    if (final.status >= 300) this.#failures.push(final);
  }

  #settle(nowMs: number): void {
    if (this.isConcluded || this.#branches.some(({ state }) => state !== "ended")) return;
    if (this.#groups.length > 0) {
      this.#startGroup(nowMs);
      return this.#settle(nowMs);
    }
    this.#ringEndsAtMs = Infinity;
    this.#output.failed(this.#best());
  }

  #best(): SipResponse {
    const request = this.#request;
    if (this.#state === "canceled") {
      return this.#failures.find(({ status }) => status === 487) ?? createResponse(request, 487);
    }
    // What we canceled ourselves, because nobody answered, is no news to the caller.
    const failures = this.#failures.filter(({ status }) => status !== 487);
    return chooseBest(request, failures.length > 0 || this.#gaveUp ? failures : this.#failures);
  }

  /** Sends the final response upstream. */
  conclude(response: SipResponse): void {
    if (this.isConcluded) return;
    this.#state = "concluded";
    this.#output.respond(response);
  }

  get nextDeadlineMs(): number {
    let next = this.#ringEndsAtMs;
    for (const { timerCAtMs } of this.#branches) next = Math.min(next, timerCAtMs);
    return next;
  }

  /** Early or repeated calls do nothing. */
  handleTimeout(nowMs: number): void {
    for (const branch of this.#branches) {
      if (nowMs < branch.timerCAtMs) continue;
      branch.timerCAtMs = Infinity;
      this.#gaveUp = true;
      branch.state = "canceling"; // with no response yet, the transaction keeps the CANCEL until there is one
      branch.client?.cancel(REASONS.unanswered);
    }
    if (nowMs >= this.#ringEndsAtMs) {
      this.#ringEndsAtMs = Infinity;
      this.#gaveUp = true;
      this.#cancelBranches(REASONS.unanswered);
    }
    this.#output.rescheduled();
  }
}
