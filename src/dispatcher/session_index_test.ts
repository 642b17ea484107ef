import { assert, assertEquals, assertStrictEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { FakeRelay } from "../../tests/support/fake_relay.ts";
import { FakeClock, RecordingLogger } from "../../tests/support/fakes.ts";
import type { RelayLink } from "./relay_link.ts";
import { IndexedSession, SessionIndex } from "./session_index.ts";

function link(): RelayLink {
  return new FakeRelay().connect(new FakeClock(), new RecordingLogger());
}

function added(index: SessionIndex, callId = "call", fromTag = "caller"): IndexedSession {
  const session = new IndexedSession(callId, fromTag, undefined);
  index.add(session);
  return session;
}

Deno.test("SessionIndex.find() finds a session from either side (PROTOCOL 3)", () => {
  const index = new SessionIndex();
  const session = added(index);
  assertStrictEquals(index.find("call", "caller", undefined), session);
  assertStrictEquals(index.find("call", "caller", "callee"), session);
  assertStrictEquals(index.find("call", "callee", "caller"), session);
});

Deno.test("SessionIndex.find() does not find other calls", () => {
  const index = new SessionIndex();
  added(index);
  assertEquals(index.find("call", "callee", undefined), undefined);
  assertEquals(index.find("call", "callee", "other"), undefined);
  assertEquals(index.find("other", "caller", "callee"), undefined);
});

Deno.test("SessionIndex keeps two from-tags under one Call-ID apart (PROTOCOL 6.8)", () => {
  const index = new SessionIndex();
  const first = added(index, "call", "a");
  const second = added(index, "call", "b");
  assertEquals(index.size, 2);
  assertStrictEquals(index.find("call", "a", undefined), first);
  assertStrictEquals(index.find("call", "b", undefined), second);
  index.delete(first);
  assertStrictEquals(index.find("call", "b", "a"), second);
  assertEquals(index.size, 1);
});

Deno.test("SessionIndex.add() replaces a session of the same name, whose relay loses it", () => {
  const index = new SessionIndex();
  const relay = link();
  const old = added(index);
  old.relay = relay;
  const session = added(index);
  assertEquals(index.size, 1);
  assertEquals(index.of(relay), []);
  index.delete(old);
  assertStrictEquals(index.find("call", "caller", undefined), session, "the old one's end must not end the new one");
});

Deno.test("SessionIndex.of() follows a session that moves between relays", () => {
  const index = new SessionIndex();
  const [one, two] = [link(), link()];
  const session = added(index);
  session.relay = one;
  session.relay = two;
  assertEquals(index.of(one), []);
  assertEquals(index.of(two), [session]);
  assertStrictEquals(session.relay, two);
});

Deno.test("SessionIndex.delete() is harmless twice", () => {
  const index = new SessionIndex();
  const session = added(index);
  session.relay = link();
  index.delete(session);
  index.delete(session);
  assertEquals(index.size, 0);
  assertEquals(index.find("call", "caller", undefined), undefined);
});

Deno.test("SessionIndex.expire() takes the session from its relay, and still finds it", () => {
  const index = new SessionIndex();
  const relay = link();
  const session = added(index);
  session.relay = relay;
  index.expire(session, 5000);
  assertEquals(index.of(relay), []);
  assertEquals(session.relay, undefined);
  assertStrictEquals(index.find("call", "callee", "caller"), session);
  assertEquals(session.expiredAtMs, 5000);
});

Deno.test("SessionIndex.forgetExpired() forgets those that expired before", () => {
  const index = new SessionIndex();
  const up = added(index, "up");
  const early = added(index, "early");
  const late = added(index, "late");
  index.expire(early, 1000);
  index.expire(late, 2000);
  index.forgetExpired(1000);
  assertEquals(index.size, 3);
  index.forgetExpired(2000);
  assertEquals(index.find("early", "caller", undefined), undefined);
  assertStrictEquals(index.find("late", "caller", undefined), late);
  index.forgetExpired(Infinity);
  assertEquals(index.size, 1);
  assertStrictEquals(index.find("up", "caller", undefined), up);
});

Deno.test("SessionIndex counts what it finds, whatever happens in whatever order", () => {
  const step = fc.record({
    what: fc.constantFrom("add", "assign", "delete", "expire", "forget"),
    callId: fc.constantFrom("a", "b"),
    fromTag: fc.constantFrom("1", "2"),
    relay: fc.nat({ max: 1 }),
  });
  const relays = [link(), link()];
  fc.assert(fc.property(fc.array(step), (steps) => {
    const index = new SessionIndex();
    steps.forEach(({ what, callId, fromTag, relay }, nowMs) => {
      if (what === "add") added(index, callId, fromTag);
      if (what === "forget") index.forgetExpired(nowMs - 3);
      const session = index.find(callId, fromTag, undefined);
      if (session === undefined) return;
      if (what === "assign" && session.expiredAtMs === Infinity) session.relay = relays[relay];
      if (what === "delete") index.delete(session);
      if (what === "expire") index.expire(session, nowMs);
    });
    const found = ["a", "b"].flatMap((callId) => ["1", "2"].flatMap((tag) => index.find(callId, tag, undefined) ?? []));
    assertEquals(index.size, found.length);
    for (const relay of relays) {
      assert(index.of(relay).every((session) => found.includes(session) && session.relay === relay));
      assertEquals(index.of(relay).length, found.filter((session) => session.relay === relay).length);
    }
  }));
});
