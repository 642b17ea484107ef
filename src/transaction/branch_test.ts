import { assertEquals, assertMatch, assertNotEquals } from "../deps/assert.ts";
import { seededRandom } from "../../tests/support/fakes.ts";
import { SipRequest } from "../sip/message.ts";
import { requestOf } from "../../tests/support/transaction_bench.ts";
import { createBranch, requestHash, stableBranch } from "./branch.ts";

Deno.test("createBranch() is the cookie, 12 random bytes and the suffix (RFC 3261 §8.1.1.7)", () => {
  const random = seededRandom();
  const first = createBranch(random);
  assertMatch(first, /^z9hG4bK[0-9a-f]{24}$/);
  assertNotEquals(createBranch(random), first);
  assertEquals(createBranch(seededRandom(), "f00"), `${first}.f00`);
});

Deno.test("stableBranch() is the same for a request that comes again, and another for another (RFC 3261 §16.11)", () => {
  const branch = stableBranch(requestOf("ACK"));
  assertMatch(branch, /^z9hG4bK[0-9a-z]+$/);
  assertEquals(stableBranch(requestOf("ACK")), branch);
  assertNotEquals(stableBranch(requestOf("ACK", { branch: "z9hG4bKalice2" })), branch);
  assertNotEquals(stableBranch(requestOf("ACK", { via: "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKalice1" })), branch);
});

Deno.test("stableBranch() looks at more of the request of an RFC 2543 client (RFC 3261 §16.11)", () => {
  const old = { via: "SIP/2.0/UDP 192.0.2.2:5060" };
  const branch = stableBranch(requestOf("ACK", old));
  assertEquals(stableBranch(requestOf("ACK", old)), branch);
  for (const other of [{ callId: "call-2" }, { cseq: 2 }, { requestUri: "sip:carol@example.com" }]) {
    assertNotEquals(stableBranch(requestOf("ACK", { ...old, ...other })), branch);
  }
});

Deno.test("requestHash() wants nothing of a request but its topmost Via", () => {
  const broken = new SipRequest("INVITE", "sip:bob@example.com");
  broken.setHeader("via", "SIP/2.0/UDP 192.0.2.2");
  assertMatch(requestHash(broken), /^[0-9a-f]{16}$/);
});

Deno.test("requestHash() is the same for the ACK of a response that is not a 2xx (RFC 3261 §17.1.1.3)", () => {
  for (const via of ["SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.2"]) {
    assertEquals(requestHash(requestOf("ACK", { via, toTag: "b1" })), requestHash(requestOf("INVITE", { via })));
  }
});
