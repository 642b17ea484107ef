import { assertEquals, assertNotEquals } from "../deps/assert.ts";
import { type RequestFields, requestOf } from "../../tests/support/transaction_bench.ts";
import { cancelledKey, clientKey, serverKey } from "./matching.ts";

const INVITE_KEY = serverKey(requestOf("INVITE"));

Deno.test("serverKey() is made of branch, sent-by and method (RFC 3261 §17.2.3)", () => {
  assertEquals(
    serverKey(requestOf("INVITE", { callId: "call-2", cseq: 9, requestUri: "sip:x@y.example" })),
    INVITE_KEY,
  );
  assertNotEquals(serverKey(requestOf("INVITE", { branch: "z9hG4bKalice2" })), INVITE_KEY);
  assertNotEquals(serverKey(requestOf("OPTIONS")), INVITE_KEY);
  const branch = "branch=z9hG4bKalice1";
  assertNotEquals(serverKey(requestOf("INVITE", { via: `SIP/2.0/UDP 192.0.2.2:5062;${branch}` })), INVITE_KEY);
  assertNotEquals(serverKey(requestOf("INVITE", { via: `SIP/2.0/UDP 192.0.2.3:5060;${branch}` })), INVITE_KEY);
});

Deno.test("serverKey() finds the INVITE for its ACK and its CANCEL (RFC 3261 §17.2.3, §9.2)", () => {
  assertEquals(serverKey(requestOf("ACK", { toTag: "b1" })), INVITE_KEY);
  assertEquals(cancelledKey(serverKey(requestOf("CANCEL"))), INVITE_KEY);
  assertNotEquals(serverKey(requestOf("CANCEL")), INVITE_KEY);
});

for (
  const [name, via] of [["no branch", ""], ["a branch without the cookie", ";branch=1"], [
    "a branch that is the cookie alone (RFC 4475 §3.2.1)",
    ";branch=z9hG4bK",
  ]] as const
) {
  const old = (fields: RequestFields = {}): RequestFields => ({ via: `SIP/2.0/UDP 192.0.2.2:5060${via}`, ...fields });
  const key = serverKey(requestOf("INVITE", old()));

  Deno.test(`serverKey() with ${name}: what RFC 2543 has in common (RFC 3261 §17.2.3)`, () => {
    assertEquals(serverKey(requestOf("INVITE", old())), key);
    assertEquals(serverKey(requestOf("ACK", old({ toTag: "b1" }))), key);
    assertEquals(cancelledKey(serverKey(requestOf("CANCEL", old()))), key);
  });

  Deno.test(`serverKey() with ${name}: what RFC 2543 has different (RFC 3261 §17.2.3)`, () => {
    const others: RequestFields[] = [{ callId: "call-2" }, { cseq: 2 }, { requestUri: "sip:carol@example.com" }];
    for (const fields of [...others, { via: "SIP/2.0/UDP 192.0.2.2:5062" }]) {
      assertNotEquals(serverKey(requestOf("INVITE", old(fields))), key);
    }
    assertNotEquals(serverKey(requestOf("CANCEL", old())), key);
    const bye = (toTag: string) => serverKey(requestOf("BYE", old({ toTag })));
    assertNotEquals(bye("b1"), bye("b2"));
  });
}

Deno.test("clientKey() tells a CANCEL from what it cancels (RFC 3261 §17.1.3)", () => {
  assertEquals(clientKey("z9hG4bK1", "INVITE"), clientKey("z9hG4bK1", "INVITE"));
  assertNotEquals(clientKey("z9hG4bK1", "CANCEL"), clientKey("z9hG4bK1", "INVITE"));
});
