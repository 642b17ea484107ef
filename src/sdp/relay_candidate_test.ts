import { assertEquals, assertMatch } from "../deps/assert.ts";
import { relayCandidate } from "./relay_candidate.ts";

Deno.test("relayCandidate() writes what the original writes, with raddr and rport (RFC 8839 §5.1)", () => {
  assertEquals(
    relayCandidate("127.0.0.1", 50058, 1, "low-priority"),
    "a=candidate:R100007f 1 UDP 16777215 127.0.0.1 50058 typ relay raddr 127.0.0.1 rport 50058",
  );
  assertEquals(
    relayCandidate("127.0.0.1", 50079, 2, "high-priority"),
    "a=candidate:R100007f 2 UDP 2197815294 127.0.0.1 50079 typ relay raddr 127.0.0.1 rport 50079",
  );
});

Deno.test("relayCandidate() has one foundation for each address, of at most 32 characters (RFC 8445 §5.1.1.3)", () => {
  const foundationOf = (address: string) => /:(\S+)/.exec(relayCandidate(address, 50000, 1, "low-priority"))?.[1];
  assertEquals(foundationOf("198.51.100.7"), "R76433c6");
  assertEquals(foundationOf("2001:db8::7"), "R0010db8000000000000000000000007");
  assertEquals(foundationOf("::1"), "R1");
  for (const address of ["2001:db8::7", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]) {
    assertMatch(foundationOf(address)!, /^[A-Za-z0-9+/]{1,32}$/);
  }
});
