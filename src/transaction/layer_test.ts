import { assertEquals, assertMatch, assertNotEquals, assertStrictEquals } from "../deps/assert.ts";
import { flowFrom, listenPoint } from "../../tests/support/fake_transport.ts";
import { HandlerRecorder, requestOf, responseTo, TransactionBench } from "../../tests/support/transaction_bench.ts";
import { collectGarbage } from "../../tests/support/garbage.ts";
import { createResponse, type SipRequest } from "../sip/message.ts";

/** What the transport sent last, as a request. */
function lastRequest(bench: TransactionBench): SipRequest {
  return bench.transport.takeRequests().at(-1)!;
}

/** Checks that nothing is left. */
function assertEmpty(bench: TransactionBench): void {
  const { serverTransactions, clientTransactions } = bench.layer.counts;
  assertEquals([serverTransactions, clientTransactions, bench.layer.nextDeadlineMs], [0, 0, Infinity]);
}

Deno.test("TransactionLayer passes a request up once, and answers it again by itself (RFC 3261 §17.2)", () => {
  const bench = new TransactionBench();
  const transaction = bench.serve("INVITE");
  bench.receive(requestOf("INVITE"));
  bench.respond(transaction, 180);
  bench.receive(requestOf("INVITE"));
  assertEquals([bench.sentNames(), bench.requests.length], ["100 100 180 180", 1]);
  assertEquals(bench.transport.sent[2]!.text, bench.transport.sent[3]!.text);
  assertEquals(bench.layer.counts.retransmissions, 2);
});

Deno.test("TransactionLayer marks where a request came from, and responds there (RFC 3581 §4)", () => {
  const bench = new TransactionBench();
  const flow = flowFrom("203.0.113.9", 4711);
  const transaction = bench.serve("OPTIONS", { via: "SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1" }, flow);
  bench.respond(transaction, 200);
  const via = "SIP/2.0/UDP 10.0.0.1;rport=4711;branch=z9hG4bK1;received=203.0.113.9";
  assertEquals([transaction.flow, bench.received(transaction).header("via")], [flow, via]);
  const { address, port } = bench.transport.sent[0]!.target;
  assertEquals([address, port, bench.transport.takeResponses()[0]?.header("via")], ["203.0.113.9", 4711, via]);
});

Deno.test("TransactionLayer absorbs the ACK of a response that is not a 2xx (RFC 3261 §17.2.1)", () => {
  const bench = new TransactionBench();
  const transaction = bench.serve("INVITE");
  bench.respond(transaction, 486);
  bench.receive(requestOf("ACK", { toTag: "b1" }));
  bench.receive(requestOf("ACK", { toTag: "b1" }));
  assertEquals([bench.acks.length, transaction.state], [0, "confirmed"]);
  bench.advance(5000);
  assertEquals([bench.sentNames(), transaction.state], ["100 486", "terminated"]);
  assertEmpty(bench);
});

Deno.test("TransactionLayer forgets what is done over a reliable transport at once (RFC 3261 §17)", () => {
  const bench = new TransactionBench();
  const flow = flowFrom("192.0.2.2", 40_000, listenPoint("tcp"));
  bench.respond(bench.serve("INVITE", {}, flow), 486);
  bench.receive(requestOf("ACK", { toTag: "b1" }), flow);
  bench.respond(bench.serve("BYE", {}, flow), 200);
  for (const method of ["INVITE", "BYE"]) {
    const { request } = bench.send(method, { transport: "tcp", address: "192.0.2.3", port: 5060 });
    bench.receive(responseTo(request, 486, "b1"));
  }
  bench.advance(0);
  assertEmpty(bench);
});

Deno.test("TransactionLayer passes up the ACK of a 2xx, with the INVITE's branch too (RFC 6026 §7.1)", () => {
  const bench = new TransactionBench();
  bench.respond(bench.serve("INVITE"), 200);
  bench.receive(requestOf("ACK", { branch: "z9hG4bKack", toTag: "b1" }));
  bench.receive(requestOf("ACK", { toTag: "b1" }));
  assertEquals(bench.acks.map(({ topVia }) => topVia.params.get("branch")), ["z9hG4bKack", "z9hG4bKalice1"]);
});

Deno.test("TransactionLayer knows the requests of an RFC 2543 client (RFC 3261 §17.2.3)", () => {
  const bench = new TransactionBench();
  const via = "SIP/2.0/UDP 10.0.0.1";
  const transaction = bench.serve("INVITE", { via });
  bench.receive(requestOf("INVITE", { via }));
  bench.receive(requestOf("CANCEL", { via }));
  assertStrictEquals(bench.cancels[0]?.invite, transaction);
  bench.respond(transaction, 487);
  bench.receive(requestOf("ACK", { via, toTag: "b1" }));
  assertEquals([bench.requests.length, bench.acks.length, transaction.state], [1, 0, "confirmed"]);
  bench.serve("INVITE", { via, cseq: 2 });
  assertEquals(bench.requests.length, 2);
});

Deno.test("TransactionLayer absorbs INVITEs after a 2xx and lets the 2xx of all branches pass (RFC 6026 §7)", () => {
  const bench = new TransactionBench();
  const server = bench.serve("INVITE");
  const handler = { response: (response: { status: number }) => bench.respond(server, response.status), failed() {} };
  const target = { transport: "udp", address: "192.0.2.3", port: 5060 } as const;
  bench.layer.createClient(requestOf("INVITE"), target, listenPoint(), handler);
  const forwarded = lastRequest(bench);
  bench.receive(responseTo(forwarded, 200, "b1"));
  bench.receive(requestOf("INVITE"));
  bench.receive(responseTo(forwarded, 200, "b1"));
  bench.receive(responseTo(forwarded, 200, "b2"));
  assertEquals([bench.sentNames(), bench.requests.length], ["200 200 200", 1]);
  bench.advance(32_000);
  assertEmpty(bench);
});

Deno.test("TransactionLayer.createClient() puts our Via on top, rport over UDP only (RFC 3261 §18.1.1, RFC 3581 §3)", () => {
  const bench = new TransactionBench();
  bench.send("OPTIONS");
  bench.send("OPTIONS", { transport: "tls", address: "192.0.2.3", port: 5061 });
  const point = listenPoint("udp", { advertisedHost: "2001:db8::1", advertisedPort: 5070 });
  const target = { transport: "udp", address: "2001:db8::2", port: 5060 } as const;
  bench.layer.createClient(requestOf("OPTIONS"), target, point, new HandlerRecorder(), "loop1");
  const [udp, tls, ipv6] = bench.transport.takeRequests().map((request) => request.headerValues("via"));
  assertMatch(udp![0]!, /^SIP\/2\.0\/UDP 192\.0\.2\.1:5060;branch=z9hG4bK[0-9a-f]{24};rport$/);
  assertMatch(tls![0]!, /^SIP\/2\.0\/TLS 192\.0\.2\.1:5061;branch=z9hG4bK[0-9a-f]{24}$/);
  assertMatch(ipv6![0]!, /^SIP\/2\.0\/UDP \[2001:db8::1\]:5070;branch=z9hG4bK[0-9a-f]{24}\.loop1;rport$/);
  assertEquals(udp![1], requestOf("OPTIONS").header("via"));
});

Deno.test("TransactionLayer gives a response to the transaction of its branch and method (RFC 3261 §17.1.3)", () => {
  const bench = new TransactionBench();
  const one = bench.send("OPTIONS");
  const two = bench.send("OPTIONS");
  bench.receive(responseTo(two.request, 200, "b1"));
  assertEquals([one.events, two.events], [[], ["200"]]);
  bench.advance(32_000);
  assertEquals([one.events, two.events], [["timeout"], ["200"]]);
  assertEquals(bench.layer.counts.timedOut, 1);
  assertEmpty(bench);
});

Deno.test("TransactionLayer drops responses that belong to no transaction (RFC 6026 §8.3)", () => {
  const bench = new TransactionBench();
  const { request, events } = bench.send("OPTIONS");
  bench.receive(responseTo(requestOf("INVITE"), 200, "b1"));
  const otherMethod = responseTo(request, 200, "b1");
  otherMethod.setHeader("cseq", "1 INVITE");
  bench.receive(otherMethod);
  const noBranch = responseTo(request, 200, "b1");
  noBranch.replaceFirstValue("via", "SIP/2.0/UDP 192.0.2.1");
  bench.receive(noBranch);
  assertEquals([events, bench.layer.counts.strayResponses, bench.sentNames()], [[], 3, "OPTIONS"]);
});

Deno.test("TransactionLayer acknowledges for its user, again too (RFC 3261 §17.1.1.2)", () => {
  const bench = new TransactionBench();
  const { request, events } = bench.send("INVITE");
  bench.receive(responseTo(request, 486, "b1"));
  bench.receive(responseTo(request, 486, "b1"));
  const [, ack, again] = bench.transport.takeRequests();
  assertEquals([ack!.method, ack!.header("via")], ["ACK", request.header("via")]);
  assertEquals([again?.serialize(), events], [ack!.serialize(), ["486"]]);
});

Deno.test("TransactionLayer gives a CANCEL to its user with what it cancels (RFC 3261 §9.2)", () => {
  const bench = new TransactionBench();
  const invite = bench.serve("INVITE");
  bench.receive(requestOf("CANCEL"));
  const [{ cancel, invite: found } = { cancel: invite, invite: undefined }] = bench.cancels;
  assertStrictEquals(found, invite);
  bench.respond(cancel, 200);
  bench.receive(requestOf("CANCEL"));
  assertEquals([bench.cancels.length, bench.sentNames()], [1, "100 200 200"]);
});

Deno.test("TransactionLayer gives a CANCEL that cancels nothing to its user as such (RFC 3261 §9.2)", () => {
  const bench = new TransactionBench();
  bench.receive(requestOf("CANCEL"));
  assertEquals(bench.cancels.map(({ invite }) => invite), [undefined]);
});

Deno.test("ClientTransaction.cancel() before any response waits for one (RFC 3261 §9.1)", () => {
  const bench = new TransactionBench();
  const { client, request, events } = bench.send("INVITE");
  client.cancel("SIP;cause=200");
  client.cancel();
  assertEquals(bench.sentNames(), "INVITE");
  bench.receive(responseTo(request, 100));
  const [cancel] = bench.transport.takeRequests();
  assertEquals([cancel?.method, cancel?.header("reason")], ["CANCEL", "SIP;cause=200"]);
  assertEquals(cancel?.header("via"), request.header("via"));
  bench.receive(responseTo(cancel!, 200, "b1"));
  bench.receive(responseTo(request, 487, "b1"));
  assertEquals([events, bench.sentNames()], [["100", "487"], "ACK"]);
  bench.advance(32_000);
  assertEmpty(bench);
});

Deno.test("ClientTransaction.cancel() sends a CANCEL once, and repeats it like any request (RFC 3261 §9.1)", () => {
  const bench = new TransactionBench();
  const { client, request, events } = bench.send("INVITE");
  bench.receive(responseTo(request, 180, "b1"));
  bench.advance(10_000);
  client.cancel();
  client.cancel();
  bench.advance(600);
  assertEquals(bench.sentNames(), "INVITE CANCEL CANCEL");
  bench.advance(32_000);
  assertEquals(events, ["180", "timeout"]);
  assertEmpty(bench);
});

Deno.test("ClientTransaction.cancel() does nothing after a final response (RFC 3261 §9.1)", () => {
  for (const status of [200, 486]) {
    const bench = new TransactionBench();
    const { client, request } = bench.send("INVITE");
    client.cancel();
    bench.receive(responseTo(request, status, "b1"));
    client.cancel();
    assertEquals(bench.sentNames().includes("CANCEL"), false);
  }
});

Deno.test("TransactionLayer lets the 2xx of a call pass that was cancelled too late (RFC 3261 §9.1)", () => {
  const bench = new TransactionBench();
  const { client, request, events } = bench.send("INVITE");
  bench.receive(responseTo(request, 180, "b1"));
  client.cancel();
  bench.receive(responseTo(request, 200, "b1"));
  assertEquals([events, client.state], [["180", "200"], "accepted"]);
});

Deno.test("ClientTransaction.cancel() gives up nothing but an INVITE (RFC 3261 §9.1)", () => {
  const bench = new TransactionBench();
  const { client, request } = bench.send("OPTIONS");
  bench.receive(responseTo(request, 100));
  client.cancel();
  assertEquals(bench.sentNames(), "OPTIONS");
});

Deno.test("TransactionLayer reports what could not be sent, later and once (RFC 3261 §17.1.4)", () => {
  for (const method of ["INVITE", "OPTIONS"]) {
    const bench = new TransactionBench();
    bench.transport.refusal = () => "connection refused";
    const { client, events } = bench.send(method, { transport: "tcp", address: "192.0.2.3", port: 5060 });
    assertEquals(events, []);
    bench.transport.settle();
    bench.transport.sent[0]!.failed("connection refused");
    assertEquals([events, client.state], [["transport"], "terminated"]);
    assertEquals(bench.layer.counts.transportErrors, 2);
    assertEmpty(bench);
  }
});

Deno.test("TransactionLayer keeps a transaction whose response could not be sent, for the next time (RFC 6026 §8.8)", () => {
  const bench = new TransactionBench();
  bench.transport.refusal = () => "connection reset";
  const invite = bench.serve("INVITE");
  const options = bench.serve("OPTIONS");
  bench.respond(options, 200);
  assertEquals(bench.transport.settle(), 2);
  assertEquals([invite.state, options.state, bench.layer.counts.transportErrors], ["proceeding", "completed", 2]);
  assertEquals(bench.log.messages("info")[0], "cannot send a response to INVITE: connection reset");
  bench.receive(requestOf("OPTIONS"));
  assertEquals(bench.sentNames(), "100 200 200");
});

Deno.test("TransactionLayer refuses requests beyond its limit, but not the CANCEL of a call (RFC 3261 §21.5.4)", () => {
  const bench = new TransactionBench({ maxServerTransactions: 1 });
  bench.serve("INVITE");
  bench.receive(requestOf("OPTIONS", { branch: "z9hG4bK2" }));
  bench.receive(requestOf("CANCEL", { branch: "z9hG4bK3" }));
  bench.receive(requestOf("CANCEL"));
  const [, refusal, refused] = bench.transport.takeResponses();
  assertEquals([refusal?.status, refusal?.header("retry-after"), refused?.status], [503, "10", 503]);
  assertMatch(refusal!.toTag, /^[0-9a-f]{16}$/);
  assertEquals([bench.requests.length, bench.cancels.length, bench.layer.counts.refused], [1, 1, 2]);
});

Deno.test("TransactionLayer.respondStateless() always has the same tag, and its ACK ends here (RFC 3261 §8.2.7)", () => {
  for (const via of ["SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1", "SIP/2.0/UDP 10.0.0.1;rport"]) {
    const bench = new TransactionBench();
    const flow = flowFrom("192.0.2.2", 4711);
    bench.layer.respondStateless(requestOf("INVITE", { via }), flow, 400, "Bad Weather");
    bench.layer.respondStateless(requestOf("INVITE", { via }), flow, 400);
    bench.layer.respondStateless(requestOf("ACK", { via }), flow, 400);
    const [response, again, ...more] = bench.transport.takeResponses();
    assertEquals([response!.reason, response!.topVia.params.get("rport"), more.length], ["Bad Weather", "4711", 0]);
    assertEquals(response!.toTag, again!.toTag);
    assertNotEquals(response!.toTag, "");
    bench.receive(requestOf("ACK", { via, toTag: response!.toTag }), flow);
    bench.receive(requestOf("ACK", { via, toTag: "b1" }), flow);
    assertEquals(bench.acks.map(({ toTag }) => toTag), ["b1"]);
  }
});

Deno.test("TransactionLayer.sendRequestStateless() has the same branch for the same ACK (RFC 3261 §16.11)", () => {
  const bench = new TransactionBench();
  const target = { transport: "udp", address: "192.0.2.3", port: 5060 } as const;
  for (const branch of ["z9hG4bKack1", "z9hG4bKack1", "z9hG4bKack2"]) {
    bench.layer.sendRequestStateless(requestOf("ACK", { branch }), target, listenPoint());
  }
  const [one, again, other] = bench.transport.takeRequests().map((request) => request.headerValues("via"));
  assertEquals([one!.length, again], [2, one]);
  assertNotEquals(other![0], one![0]);
  bench.transport.sent[0]!.failed("no route");
  assertEquals([bench.layer.counts.transportErrors, bench.layer.nextDeadlineMs], [1, Infinity]);
});

Deno.test("TransactionLayer lets its user respond, send, cancel and close from within what it calls", () => {
  const bench = new TransactionBench();
  bench.onRequest = (server) => {
    const { client } = bench.send("INVITE");
    client.cancel();
    bench.respond(server, 486);
    bench.receive(requestOf("ACK", { toTag: "b1" }));
    assertEquals(server.state, "confirmed");
    bench.layer.close();
  };
  bench.serve("INVITE");
  assertEquals(bench.sentNames(), "100 INVITE 486");
  assertEmpty(bench);
});

Deno.test("TransactionLayer calls nothing of its user's from within what the user calls", () => {
  const bench = new TransactionBench();
  bench.transport.refusal = () => "connection refused";
  const flow = flowFrom("192.0.2.2", 40_000, listenPoint("tcp"));
  const server = bench.serve("OPTIONS", {}, flow);
  let inside = true;
  const outside = () => assertEquals(inside, false);
  bench.respond(server, 200);
  const handler = { response: outside, failed: outside };
  const target = { transport: "tcp", address: "192.0.2.3", port: 5060 } as const;
  bench.layer.createClient(requestOf("INVITE"), target, listenPoint("tcp"), handler).cancel();
  inside = false;
  bench.transport.settle();
  bench.advance(0);
  assertEmpty(bench);
});

Deno.test("TransactionLayer.close() ends everything without a word, and what comes later is ignored", () => {
  const bench = new TransactionBench();
  const server = bench.serve("INVITE");
  const { client, request, events } = bench.send("INVITE");
  bench.receive(responseTo(request, 180, "b1"));
  client.cancel();
  bench.sentNames();
  bench.layer.close();
  bench.layer.close();
  assertEmpty(bench);
  bench.respond(server, 200);
  client.cancel();
  bench.receive(responseTo(request, 487, "b1"));
  bench.receive(requestOf("OPTIONS"));
  bench.layer.respondStateless(requestOf("OPTIONS"), flowFrom("192.0.2.2"), 400);
  assertEquals(bench.send("OPTIONS").client.state, "terminated");
  for (const { failed } of bench.transport.sent) failed("closed");
  bench.advance(1e9);
  assertEquals([events, bench.sentNames(), bench.requests.length], [["180"], "", 1]);
  assertEmpty(bench);
});

/** A request comes and is refused, and another is sent and refused; returns what nobody needs any more. */
function refuseBoth(bench: TransactionBench, method: string): WeakRef<object>[] {
  const handler = new HandlerRecorder();
  const outgoing = requestOf(method);
  const unneeded: object[] = [handler, outgoing];
  bench.request = (request, server) => { // not the bench's own, which remembers
    server.onCancel = () => {};
    unneeded.push(request, server.onCancel);
    server.respond(createResponse(request, 486, undefined, "b1"));
  };
  bench.receive(requestOf(method));
  bench.layer.createClient(outgoing, flowFrom("192.0.2.3"), listenPoint(), handler);
  bench.receive(responseTo(outgoing, 486, "b1"));
  return unneeded.splice(0).map((it) => new WeakRef(it));
}

Deno.test("TransactionLayer forgets requests and handlers with the final response, and answers repeated requests all the same", async () => {
  const bench = new TransactionBench();
  const unneeded = [...refuseBoth(bench, "INVITE"), ...refuseBoth(bench, "BYE")];
  assertEquals([bench.layer.counts.serverTransactions, bench.layer.counts.clientTransactions], [2, 2]);
  await collectGarbage();
  assertEquals(unneeded.map((ref) => ref.deref()), unneeded.map(() => undefined));
  const finals = bench.transport.sent.map(({ text }) => text).filter((text) => text.startsWith("SIP/2.0 486"));
  const before = bench.transport.sent.length;
  bench.receive(requestOf("INVITE"));
  bench.receive(requestOf("BYE"));
  assertEquals(bench.transport.sent.slice(before).map(({ text }) => text), finals);
});

Deno.test("TransactionLayer says that a user never finished a transaction", () => {
  const bench = new TransactionBench();
  bench.serve("OPTIONS");
  bench.advance(600_000);
  assertEquals([bench.layer.counts.abandoned, bench.log.messages("error").length], [1, 1]);
  assertEmpty(bench);
});

Deno.test("TransactionLayer counts what nobody acknowledged (RFC 3261 §17.2.1)", () => {
  const bench = new TransactionBench();
  bench.respond(bench.serve("INVITE"), 486);
  bench.advance(32_000);
  assertEquals(bench.layer.counts.unacknowledged, 1);
  assertEmpty(bench);
});
