import { assertEquals } from "../deps/assert.ts";
import { createResponse, SipRequest, type SipResponse } from "../sip/message.ts";
import type { ClientTransaction } from "../transaction/mod.ts";
import type { Target } from "../transport/flow.ts";
import { type Branch, type BranchPlan, ResponseContext } from "./response_context.ts";

const TIMER_C_MS = 185_000;
const UNREACHABLE = "192.0.2.99";

/** A request, its response context, and what came out of that. */
class Bench {
  readonly request: SipRequest;
  readonly context: ResponseContext;
  readonly sent: string[] = [];
  readonly upstream: SipResponse[] = [];
  readonly failures: number[] = [];
  /** What the latest failure would tell the caller. */
  best: SipResponse | undefined = undefined;
  readonly canceled: string[] = [];
  readonly failedTargets: string[] = [];
  nowMs = 1000;

  constructor(method = "INVITE") {
    this.request = new SipRequest(method, "sip:bob@example.com");
    this.request.appendHeader("via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
    this.request.appendHeader("from", "<sip:alice@example.com>;tag=a");
    this.request.appendHeader("to", "<sip:bob@example.com>");
    this.request.appendHeader("call-id", "1");
    this.request.appendHeader("cseq", `1 ${method}`);
    this.context = new ResponseContext(this.request, {
      send: (branch, target) => this.#send(branch, target),
      respond: (response) => void this.upstream.push(response),
      failed: (best) => {
        this.best = best;
        this.failures.push(best.status);
      },
      rescheduled: () => {},
      targetFailed: (target) => void this.failedTargets.push(target.address),
    }, { timerCMs: TIMER_C_MS });
  }

  #send(_branch: Branch, target: Target): ClientTransaction | undefined {
    if (target.address === UNREACHABLE) return undefined;
    this.sent.push(target.address);
    return { cancel: () => void this.canceled.push(target.address) } as unknown as ClientTransaction;
  }

  /** Groups of branches, each with the addresses that it tries in turn. */
  fork(groups: string[][][], ringMs?: number): void {
    const plan = (addresses: string[]): BranchPlan => ({
      request: this.request,
      targets: addresses.map((address) => ({ transport: "udp", address, port: 5060 })),
    });
    this.context.fork(groups.map((group) => group.map(plan)), this.nowMs, ringMs);
  }

  respond(branch: number, status: number, change: (response: SipResponse) => void = () => {}): void {
    const response = createResponse(this.request, status, undefined, `b${branch}`);
    change(response);
    this.context.handleResponse(this.context.branches[branch]!, response, this.nowMs);
  }

  fail(branch: number, kind: "timeout" | "transport"): void {
    this.context.handleFailure(this.context.branches[branch]!, kind, "test", this.nowMs);
  }

  get statuses(): number[] {
    return this.upstream.map(({ status }) => status);
  }
}

Deno.test("ResponseContext: a branch that leads nowhere ends with its own status, else with 503 (RFC 3263 §4.2)", () => {
  for (const [statusWithoutTarget, status] of [[404, 404], [undefined, 500]] as const) {
    const bench = new Bench();
    const plan = { request: bench.request, targets: [], ...statusWithoutTarget && { statusWithoutTarget } };
    bench.context.fork([[plan]], bench.nowMs);
    assertEquals(bench.failures, [status]);
  }
});

Deno.test("ResponseContext forwards provisional responses above 100 and the first success (RFC 3261 §16.7 step 5)", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2"]]]);
  bench.respond(0, 100);
  bench.respond(0, 180);
  bench.respond(0, 200);
  assertEquals(bench.statuses, [180, 200]);
  assertEquals(bench.failures, []);
});

Deno.test("ResponseContext cancels the other branches after a success, and forwards a second one too (§16.7 steps 5, 10)", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2"], ["192.0.2.3"], ["192.0.2.4"]]]);
  bench.respond(2, 486);
  bench.respond(0, 200);
  assertEquals(bench.canceled, ["192.0.2.3"]);
  bench.respond(1, 200);
  assertEquals(bench.statuses, [200, 200]);
});

Deno.test("ResponseContext gives a request that is no INVITE one answer", () => {
  const bench = new Bench("MESSAGE");
  bench.fork([[["192.0.2.2"], ["192.0.2.3"]]]);
  bench.respond(0, 200);
  bench.respond(1, 200);
  assertEquals(bench.statuses, [200]);
  assertEquals(bench.canceled, [], "there is no CANCEL for other methods (RFC 3261 §9.1)");
});

Deno.test("ResponseContext waits for all branches before it tells of a failure (§16.7 step 6)", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2"], ["192.0.2.3"]]]);
  bench.respond(0, 486);
  assertEquals(bench.failures, []);
  bench.respond(1, 404);
  assertEquals(bench.failures.length, 1);
});

for (
  const [statuses, best] of [
    [[486, 404], 486],
    [[404, 503], 404],
    [[503], 500],
    [[302, 486], 302],
    [[486, 407], 407],
    [[408, 480], 480],
    [[500, 486], 486],
    [[603, 302], 603],
    [[487, 480], 480],
  ] as const
) {
  Deno.test(`ResponseContext finds ${best} to be the best of ${statuses.join(", ")} (§16.7 step 6)`, () => {
    const bench = new Bench();
    bench.fork([statuses.map((_, index) => [`192.0.2.${index + 2}`])]);
    statuses.forEach((_, index) => bench.respond(index, 180));
    statuses.forEach((status, index) => bench.respond(index, status));
    assertEquals(bench.failures, [best]);
  });
}

Deno.test("ResponseContext collects the challenges of all branches (§16.7 step 7)", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2"], ["192.0.2.3"]]]);
  const challenge = (realm: string) => (response: SipResponse) =>
    response.setHeader("proxy-authenticate", `Digest realm="${realm}"`);
  bench.respond(0, 407, challenge("a"));
  bench.respond(1, 407, challenge("b"));
  assertEquals(bench.best?.headerFields("proxy-authenticate"), ['Digest realm="a"', 'Digest realm="b"']);
});

Deno.test("ResponseContext cancels all branches after a 6xx, starts no more, and waits for them (§16.7 step 5)", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2"], ["192.0.2.3"]], [["192.0.2.4"]]]);
  bench.respond(0, 603);
  assertEquals(bench.canceled, ["192.0.2.3"]);
  assertEquals(bench.failures, []);
  bench.respond(1, 487);
  assertEquals(bench.failures, [603]);
  assertEquals(bench.sent, ["192.0.2.2", "192.0.2.3"]);
});

Deno.test("ResponseContext starts the next group when all of one have failed (§16.6)", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2"]], [["192.0.2.3"]]]);
  assertEquals(bench.sent, ["192.0.2.2"]);
  bench.respond(0, 486);
  assertEquals(bench.sent, ["192.0.2.2", "192.0.2.3"]);
  bench.respond(1, 200);
  assertEquals(bench.statuses, [200]);
});

Deno.test("ResponseContext tries a branch's next target when one fails (RFC 3263 §4.3)", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2", "192.0.2.3", "192.0.2.4"]]]);
  bench.fail(0, "timeout");
  bench.respond(0, 503);
  assertEquals(bench.sent, ["192.0.2.2", "192.0.2.3", "192.0.2.4"]);
  assertEquals(bench.failedTargets, ["192.0.2.2", "192.0.2.3"]);
  bench.respond(0, 503);
  assertEquals(bench.failures, [500]);
});

Deno.test("ResponseContext does not try the next target of a branch that rang", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2", "192.0.2.3"]]]);
  bench.respond(0, 180);
  bench.fail(0, "timeout");
  assertEquals(bench.sent, ["192.0.2.2"]);
  assertEquals(bench.failures, [408]);
});

Deno.test("ResponseContext passes by targets to which no listen point leads", () => {
  const bench = new Bench();
  bench.fork([[[UNREACHABLE, "192.0.2.3"], [UNREACHABLE]]]);
  assertEquals(bench.sent, ["192.0.2.3"]);
  bench.respond(0, 480);
  assertEquals(bench.failures, [480]);
});

Deno.test("ResponseContext without any branch fails at once", () => {
  const bench = new Bench();
  bench.fork([[[]]]);
  assertEquals(bench.failures, [500]);
});

Deno.test("ResponseContext tells that the flow to a phone has gone (RFC 5626 §5.3.1)", () => {
  const bench = new Bench();
  bench.context.fork([[{
    request: bench.request,
    targets: [{ transport: "tcp", address: "192.0.2.2", port: 1, onlyExisting: true }],
  }]], bench.nowMs);
  bench.fail(0, "transport");
  assertEquals(bench.failures, [430]);
});

Deno.test("ResponseContext cancels its branches when it is canceled, and then tells of a 487 (§16.10)", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2"], ["192.0.2.3"]], [["192.0.2.4"]]]);
  bench.respond(0, 180);
  bench.context.cancel(undefined, bench.nowMs);
  assertEquals(bench.canceled, ["192.0.2.2", "192.0.2.3"]);
  bench.respond(0, 487);
  bench.fail(1, "timeout");
  assertEquals(bench.failures, [487]);
  assertEquals(bench.sent.length, 2);
});

Deno.test("ResponseContext forwards a success that crossed the CANCEL (§9.1)", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2"]]]);
  bench.context.cancel(undefined, bench.nowMs);
  bench.respond(0, 200);
  assertEquals(bench.statuses, [200]);
});

Deno.test("ResponseContext cancels a branch at timer C, which every ringing begins anew (§16.7 step 2, §16.8)", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2"]]]);
  bench.nowMs += 100_000;
  bench.respond(0, 180);
  assertEquals(bench.context.nextDeadlineMs, bench.nowMs + TIMER_C_MS);
  bench.context.handleTimeout(bench.nowMs + TIMER_C_MS - 1);
  assertEquals(bench.canceled, []);
  bench.context.handleTimeout(bench.nowMs + TIMER_C_MS);
  assertEquals(bench.canceled, ["192.0.2.2"]);
});

Deno.test("ResponseContext cancels what rings for too long, tries the next group, and at last tells of a 408", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2"]], [["192.0.2.3"]]], 20_000);
  bench.respond(0, 180);
  bench.context.handleTimeout(bench.nowMs += 20_000);
  assertEquals(bench.canceled, ["192.0.2.2"]);
  bench.respond(0, 487);
  assertEquals(bench.sent, ["192.0.2.2", "192.0.2.3"]);
  bench.respond(1, 180);
  bench.context.handleTimeout(bench.nowMs += 20_000);
  bench.respond(1, 487);
  assertEquals(bench.failures, [408]);
});

Deno.test("ResponseContext can be forked anew after a failure, and concludes once", () => {
  const bench = new Bench();
  bench.fork([[["192.0.2.2"]]]);
  bench.respond(0, 486);
  bench.fork([[["192.0.2.5"]]]);
  bench.respond(1, 404);
  assertEquals(bench.failures, [486, 404]);
  bench.context.conclude(createResponse(bench.request, 404));
  bench.context.conclude(createResponse(bench.request, 480));
  assertEquals(bench.statuses, [404]);
});
