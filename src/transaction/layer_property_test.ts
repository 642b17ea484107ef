import { assert, assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { flowFrom, listenPoint } from "../../tests/support/fake_transport.ts";
import { HandlerRecorder, requestOf, responseTo, TransactionBench } from "../../tests/support/transaction_bench.ts";
import type { SipRequest } from "../sip/message.ts";
import type { ClientTransaction } from "./client_transaction.ts";
import type { ServerTransaction } from "./server_transaction.ts";
import { DEFAULT_TIMERS } from "./timers.ts";

const METHODS = ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"] as const;
const STATUSES = [100, 180, 200, 302, 486, 503, 600] as const;

const step = fc.oneof(
  fc.record({
    kind: fc.constant("request" as const),
    method: fc.constantFrom(...METHODS),
    branch: fc.constantFrom("z9hG4bK1", "z9hG4bK2", "old", ""),
    reliable: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("respond" as const), index: fc.nat(), status: fc.constantFrom(...STATUSES) }),
  fc.record({ kind: fc.constant("send" as const), method: fc.constantFrom("INVITE", "BYE"), reliable: fc.boolean() }),
  fc.record({
    kind: fc.constant("response" as const),
    index: fc.nat(),
    status: fc.constantFrom(...STATUSES),
    tag: fc.constantFrom("b1", "b2"),
  }),
  fc.record({ kind: fc.constant("cancel" as const), index: fc.nat() }),
  fc.record({ kind: fc.constant("fail" as const), index: fc.nat() }),
  fc.record({ kind: fc.constant("time" as const), ms: fc.constantFrom(0, 1, 499, 500, 4000, 32_000, 600_000) }),
);

/** A layer, and everything that was ever created in it. */
class Run {
  readonly bench = new TransactionBench();
  readonly clients: { client: ClientTransaction; request: SipRequest; handler: HandlerRecorder }[] = [];

  get servers(): ServerTransaction[] {
    const { requests, cancels } = this.bench;
    return [...requests, ...cancels.map(({ cancel }) => cancel)];
  }

  take(input: typeof step extends fc.Arbitrary<infer T> ? T : never): void {
    const { bench, clients, servers } = this;
    switch (input.kind) {
      case "request": {
        const point = listenPoint(input.reliable ? "tcp" : "udp");
        const via = `SIP/2.0/UDP 192.0.2.2${input.branch === "" ? "" : `;branch=${input.branch}`}`;
        return bench.receive(requestOf(input.method, { via }), flowFrom("192.0.2.2", 5060, point));
      }
      case "respond": {
        const server = servers[input.index % servers.length];
        return server === undefined ? undefined : bench.respond(server, input.status);
      }
      case "send": {
        const transport = input.reliable ? "tcp" : "udp";
        const handler = new HandlerRecorder();
        const target = { transport, address: "192.0.2.3", port: 5060 } as const;
        const point = listenPoint(transport);
        const request = requestOf(input.method);
        const client = bench.layer.createClient(request, target, point, handler);
        return void clients.push({ client, request, handler });
      }
      case "response": {
        const request = clients[input.index % clients.length]?.request;
        return request && bench.receive(responseTo(request, input.status, input.tag));
      }
      case "cancel":
        return clients[input.index % clients.length]?.client.cancel();
      case "fail":
        return bench.transport.sent[input.index % bench.transport.sent.length]?.failed("connection refused");
      case "time":
        return bench.advance(input.ms);
    }
  }
}

Deno.test("TransactionLayer never throws, and every transaction ends in bounded time, and leaves nothing", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const run = new Run();
      for (const input of steps) run.take(input);
      const { layer } = run.bench;
      run.bench.advance(DEFAULT_TIMERS.abandonAfterMs);
      const { serverTransactions, clientTransactions } = layer.counts;
      assertEquals([serverTransactions, clientTransactions, layer.nextDeadlineMs], [0, 0, Infinity]);
      assert(run.servers.every(({ state }) => state === "terminated"), "a server transaction goes on");
      for (const { client, handler } of run.clients) {
        const finals = handler.events.slice(handler.events.findIndex((event) => !event.startsWith("1")));
        assertEquals(client.state, "terminated");
        assert(finals.length === 1 || finals.every((event) => event === "200"), `not one end: ${handler.events}`);
      }
    }),
    { numRuns: 300 },
  );
});
