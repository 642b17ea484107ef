// Placing calls, sending their messages to their relay, and removing them. Expiry and restarts have files of their own.
// deno-lint-ignore-file camelcase -- the names of headers are the wire's
import { assert, assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { bye, DispatcherBench, offer, PORTS, reply, statistics } from "../../tests/support/dispatcher_bench.ts";
import type { FakeRelay } from "../../tests/support/fake_relay.ts";

const STATISTICS = JSON.stringify(statistics());

/** The one of `relays` that was asked first. */
function asked(relays: readonly FakeRelay[]): FakeRelay {
  const relay = relays.find(({ owes }) => owes.includes("update"));
  assert(relay !== undefined, "no relay was asked");
  return relay;
}

function other(relays: readonly FakeRelay[], relay: FakeRelay): FakeRelay {
  const found = relays.find((candidate) => candidate !== relay);
  assert(found !== undefined);
  return found;
}

Deno.test("Dispatcher asks a new relay for its summary first, then for its sessions (PROTOCOL 3)", () => {
  const bench = new DispatcherBench();
  assertEquals(bench.relay().orders.map(({ name }) => name), ["summary", "sessions"]);
});

Deno.test("Dispatcher places a call, follows it and ends it (PROTOCOL 1)", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  const first = bench.ask("update", offer());
  assertEquals(relay.lastOrder?.headers, offer(), "the relay gets the headers as they came");
  relay.answer("update", PORTS);
  const second = bench.ask("update", reply());
  relay.answer("update", "192.0.2.10 40002");
  assertEquals([first, second], [[PORTS], ["192.0.2.10 40002"]]);
  assertEquals(bench.dispatcher.sessionCount, 1);
  const removed = bench.ask("remove", bye());
  assertEquals(relay.lastOrder?.headers, bye());
  relay.answer("remove", STATISTICS);
  assertEquals(removed, ["removed"]);
  assertEquals(bench.dispatcher.sessionCount, 0);
  assertEquals(bench.accounted, [{
    ...statistics(),
    dialog_id: "10:20",
    timed_out: false,
    all_streams_ice: false,
  }]);
  assertEquals(bench.endedDialogs, []);
});

Deno.test("Dispatcher answers `error` without relays, and keeps nothing", () => {
  const bench = new DispatcherBench();
  assertEquals(bench.ask("update", offer()), ["error"]);
  assertEquals(bench.dispatcher.sessionCount, 0);
});

Deno.test("Dispatcher answers `error` to what it cannot read (events_protocol)", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  const before = relay.orders.length;
  assertEquals(bench.ask("frobnicate", offer()), ["error"]);
  assertEquals(bench.ask("update", offer({ call_id: "" })), ["error"]);
  assertEquals(bench.ask("update", offer({ from_tag: "" })), ["error"]);
  assertEquals(bench.ask("remove", new Map()), ["error"]);
  assertEquals(bench.ask("", new Map()), ["error"]);
  assertEquals(relay.orders.length, before);
});

Deno.test("Dispatcher forgets a first update that the relay refuses (PROTOCOL 6.7)", () => {
  for (const body of ["error", "None"]) {
    const bench = new DispatcherBench();
    const relay = bench.relay();
    const answers = bench.ask("update", offer({ media: "" }));
    relay.answer("update", body);
    assertEquals(answers, ["error"]);
    assertEquals(bench.dispatcher.sessionCount, 0);
    assertEquals(relay.owes, body === "None" ? ["remove"] : []);
  }
});

Deno.test("Dispatcher sends a known call to its own relay, from either side and whatever is preferred (PROTOCOL 3)", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const bench = new DispatcherBench(seed);
    const relays = [bench.relay("192.0.2.1"), bench.relay("192.0.2.2"), bench.relay("192.0.2.3")];
    bench.ask("update", offer({ media_relay: "192.0.2.2" }));
    const own = asked(relays);
    assertEquals(own.hostname, "192.0.2.2");
    own.answer("update", PORTS);
    bench.ask("update", reply({ media_relay: "192.0.2.1" }));
    bench.ask("update", offer({ cseq: "2", to_tag: "callee" }));
    bench.ask("update", offer({ cseq: "1", from_tag: "callee", to_tag: "caller" }));
    assertEquals(own.owes, ["update", "update", "update"]);
  }
});

Deno.test("Dispatcher goes on with the calls of a halting relay, and answers `error` while a relay is away", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  bench.ask("update", offer({ call_id: "other" }));
  relay.answer("update", "halting");
  const known = bench.ask("update", offer({ cseq: "2" }));
  relay.answer("update", PORTS);
  assertEquals(known, [PORTS], "a halting relay goes on with its calls");
  bench.dispatcher.removeRelay(relay.link, "test");
  assertEquals(bench.ask("update", offer({ cseq: "3" })), ["error"]);
  assertEquals(bench.dispatcher.sessionCount, 1);
});

Deno.test("Dispatcher makes one session of a call's messages that come while a relay is looked for (PROTOCOL 1)", () => {
  const bench = new DispatcherBench();
  const relays = [bench.relay("192.0.2.1"), bench.relay("192.0.2.2")];
  const first = bench.ask("update", offer());
  const second = bench.ask("update", offer());
  const third = bench.ask("update", reply());
  const own = asked(relays);
  assertEquals(own.owes, ["update"]);
  own.answer("update", "192.0.2.1 1000");
  assertEquals(own.owes, ["update", "update"]);
  own.answer("update", "192.0.2.1 1000");
  own.answer("update", "192.0.2.1 1002");
  assertEquals([first, second, third], [["192.0.2.1 1000"], ["192.0.2.1 1000"], ["192.0.2.1 1002"]]);
  assertEquals(other(relays, own).owes, []);
  assertEquals(bench.dispatcher.sessionCount, 1);
});

Deno.test("Dispatcher removes a call that is hung up while a relay is looked for (PROTOCOL 1)", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.ask("update", offer());
  const removed = bench.ask("remove", bye({ to_tag: "" }));
  assertEquals(removed, []);
  relay.answer("update", PORTS);
  relay.answer("remove", JSON.stringify(statistics({ to_tag: null }, [])));
  assertEquals(removed, ["removed"]);
  assertEquals(bench.dispatcher.sessionCount, 0);
});

Deno.test("Dispatcher answers what waited when no relay would have the call", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  const answers = [bench.ask("update", offer()), bench.ask("remove", bye({ to_tag: "" }))];
  relay.answer("update", "error");
  assertEquals(answers, [["error"], ["error"]]);
  assertEquals(bench.dispatcher.sessionCount, 0);
});

Deno.test("Dispatcher asks a second relay when the first is slow, and removes the session from the loser (PROTOCOL 1)", () => {
  const bench = new DispatcherBench();
  const relays = [bench.relay("192.0.2.1"), bench.relay("192.0.2.2")];
  const answers = bench.ask("update", offer());
  const slow = asked(relays);
  const fast = other(relays, slow);
  bench.advance(200);
  fast.answer("update", "192.0.2.2 1000");
  assertEquals(answers, ["192.0.2.2 1000"]);
  slow.answer("update", "192.0.2.1 1000");
  assertEquals(slow.lastOrder?.name, "remove");
  assertEquals(slow.lastOrder?.headers, bye({ to_tag: "" }));
  slow.answer("remove", JSON.stringify(statistics({ to_tag: null }, [])));
  assertEquals(bench.accounted, [], "the call goes on, on the other relay");
  bench.ask("update", reply());
  assertEquals([slow.owes, fast.owes], [[], ["update"]]);
});

Deno.test("Dispatcher removes the session of a relay that answers after its time limit (PROTOCOL 3)", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  const answers = bench.ask("update", offer());
  bench.advance(5000);
  assertEquals(answers, ["error"]);
  relay.answer("update", PORTS);
  assertEquals(relay.owes, ["remove"]);
  assertEquals(relay.lastOrder?.headers, bye({ to_tag: "" }));
});

Deno.test("Dispatcher keeps the session of a known call whose relay answers late", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  const answers = bench.ask("update", offer({ cseq: "2" }));
  bench.advance(5000);
  assertEquals(answers, ["error"]);
  relay.answer("update", PORTS);
  assertEquals(relay.owes, []);
  assertEquals(bench.dispatcher.sessionCount, 1);
});

Deno.test("Dispatcher keeps two from-tags under one Call-ID as two sessions (PROTOCOL 6.8)", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.ask("update", offer({ from_tag: "one" }));
  bench.ask("update", offer({ from_tag: "two" }));
  assertEquals(relay.owes, ["update", "update"]);
  relay.answer("update", PORTS);
  relay.answer("update", PORTS);
  assertEquals(bench.dispatcher.sessionCount, 2);
  for (const from_tag of ["one", "two"]) {
    const removed = bench.ask("remove", bye({ from_tag, to_tag: "" }));
    relay.answer("remove", JSON.stringify(statistics({ from_tag, to_tag: null }, [])));
    assertEquals(removed, ["removed"]);
  }
  assertEquals(bench.dispatcher.sessionCount, 0);
  assertEquals(bench.accounted.map(({ from_tag }) => from_tag), ["one", "two"]);
});

for (const capabilities of [[], ["branches"]]) {
  const kind = capabilities.length > 0 ? "one that knows branches" : "an old one";
  Deno.test(`Dispatcher keeps a forked call until its last branch ends, on a relay that is ${kind} (RFC 3261 §13.2.2.4)`, () => {
    const bench = new DispatcherBench();
    const relay = bench.relay("192.0.2.10", [], { capabilities });
    bench.call(relay, { to_tag: "" });
    bench.ask("update", reply({ to_tag: "bob" }));
    relay.answer("update", PORTS);
    bench.ask("update", reply({ to_tag: "carol" }));
    relay.answer("update", PORTS);
    assertEquals(bench.dispatcher.sessionCount, 1);
    assertEquals(bench.ask("remove", bye({ to_tag: "bob" })), ["removed"]);
    assertEquals(relay.owes, capabilities.length > 0 ? ["remove"] : []);
    if (capabilities.length > 0) relay.answer("remove", "error"); // the relay's word for a session that goes on
    assertEquals([bench.dispatcher.sessionCount, bench.accounted.length], [1, 0]);
    const removed = bench.ask("remove", bye({ from_tag: "carol", to_tag: "caller" }));
    relay.answer("remove", STATISTICS);
    assertEquals(removed, ["removed"]);
    assertEquals([bench.dispatcher.sessionCount, bench.accounted.length], [0, 1]);
  });
}

Deno.test("Dispatcher ends the call when its relay ends it with a branch", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay("192.0.2.10", [], { capabilities: ["branches"] });
  bench.call(relay);
  bench.ask("update", reply({ to_tag: "carol" }));
  relay.answer("update", "error");
  assertEquals(bench.ask("remove", bye({ to_tag: "callee" })), ["removed"]);
  relay.answer("remove", STATISTICS);
  assertEquals([bench.dispatcher.sessionCount, bench.accounted.length], [0, 1]);
});

Deno.test("Dispatcher answers `error` when the relay of a known call says None (PROTOCOL 6.7)", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  const answers = bench.ask("update", offer({ cseq: "2", media: "foo:bar" }));
  relay.answer("update", "None");
  assertEquals(answers, ["error"]);
  assertEquals([relay.owes, bench.dispatcher.sessionCount], [[], 1]);
});

Deno.test("Dispatcher does not take the answer to a callee's re-INVITE for a branch", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  for (const type of ["request", "reply"]) {
    bench.ask("update", offer({ type, from_tag: "callee", to_tag: "caller" }));
    relay.answer("update", PORTS);
  }
  bench.ask("remove", bye());
  assertEquals(relay.owes, ["remove"]);
});

Deno.test("Dispatcher takes a retransmitted 200 for one branch", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  bench.ask("update", reply());
  relay.answer("update", PORTS);
  bench.ask("remove", bye());
  assertEquals(relay.owes, ["remove"]);
});

Deno.test("Dispatcher answers `error` to remove for a call that it does not know (events_protocol)", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  assertEquals(bench.ask("remove", bye()), ["error"]);
  bench.call(relay);
  assertEquals(bench.ask("remove", bye({ from_tag: "zz", to_tag: "yy" })), ["error"]);
  assertEquals(relay.owes, []);
  assertEquals(bench.dispatcher.sessionCount, 1);
});

Deno.test("Dispatcher forgets a call that its relay does not have", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  const removed = bench.ask("remove", bye());
  relay.answer("remove", "error");
  assertEquals(removed, ["error"]);
  assertEquals(bench.dispatcher.sessionCount, 0);
});

Deno.test("Dispatcher accounts once for a call that both sides hang up", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  const first = bench.ask("remove", bye());
  const second = bench.ask("remove", bye({ from_tag: "callee", to_tag: "caller" }));
  relay.answer("remove", STATISTICS);
  relay.answer("remove", "error");
  assertEquals([first, second], [["removed"], ["error"]]);
  assertEquals(bench.accounted.length, 1);
});

Deno.test("Dispatcher leaves the call alone when a relay explains it late", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  relay.link.send("explain", new Map([["call_id", "c1"]]), () => {});
  bench.advance(5000);
  relay.answer("explain", "[]");
  assertEquals([relay.orders.at(-1)?.name, relay.owes], ["explain", []]);
  assertEquals(bench.log.messages("error").map((message) => message.slice(0, 35)), [
    "the relay did not answer explain wi",
  ]);
});

Deno.test("Dispatcher accounts for a remove that is answered late", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  const removed = bench.ask("remove", bye());
  bench.advance(5000);
  assertEquals(removed, ["error"]);
  relay.answer("remove", STATISTICS);
  assertEquals(bench.accounted.length, 1);
  assertEquals(bench.dispatcher.sessionCount, 0);
});

Deno.test("Dispatcher answers `removed` though the statistics cannot be read", () => {
  const bench = new DispatcherBench();
  const relay = bench.relay();
  bench.call(relay);
  const removed = bench.ask("remove", bye());
  relay.answer("remove", "{}");
  assertEquals(removed, ["removed"]);
  assertEquals([bench.accounted.length, bench.dispatcher.sessionCount], [0, 0]);
});

Deno.test("Dispatcher answers each request once, and keeps no session without a relay, whatever happens", () => {
  const step = fc.oneof(
    fc.record({ ask: fc.constantFrom("offer", "reply", "bye", "callee's bye"), call: fc.constantFrom("a", "b") }),
    fc.record({ relay: fc.nat({ max: 1 }), body: fc.constantFrom(PORTS, "error", "halting", "None", STATISTICS) }),
    fc.constantFrom(50, 200, 5000),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const bench = new DispatcherBench();
    const relays = [bench.relay("192.0.2.1"), bench.relay("192.0.2.2")];
    const answers: string[][] = [];
    for (const next of steps) {
      if (typeof next === "number") {
        bench.advance(next);
      } else if ("relay" in next) {
        const relay = relays[next.relay]!;
        const name = relay.owes[0];
        if (name !== undefined) relay.answer(name, next.body);
      } else {
        const call_id = next.call;
        if (next.ask === "offer") answers.push(bench.ask("update", offer({ call_id })));
        if (next.ask === "reply") answers.push(bench.ask("update", reply({ call_id })));
        if (next.ask === "bye") answers.push(bench.ask("remove", bye({ call_id })));
        if (next.ask === "callee's bye") {
          answers.push(bench.ask("remove", bye({ call_id, from_tag: "callee", to_tag: "caller" })));
        }
      }
    }
    for (let count = 0; count < 12; count++) bench.advance(5000);
    assertEquals(answers.map(({ length }) => length), answers.map(() => 1));
    for (const relay of relays) bench.dispatcher.removeRelay(relay.link, "test");
    bench.advance(7_200_001);
    assertEquals(bench.dispatcher.sessionCount, 0);
  }));
});
