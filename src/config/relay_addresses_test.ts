import { assertEquals, assertThrows } from "../deps/assert.ts";
import { parseRelayAddresses } from "./relay_addresses.ts";

Deno.test("parseRelayAddresses() reads one address as it always was, and none", () => {
  assertEquals(parseRelayAddresses("None"), []);
  assertEquals(parseRelayAddresses("192.0.2.1"), [{ address: "192.0.2.1", advertised: undefined, networks: [] }]);
});

Deno.test("parseRelayAddresses() reads several with what they are told as and whom they are for", () => {
  assertEquals(parseRelayAddresses("10.0.0.5 as 203.0.113.5, 10.1.0.5 FOR 10.1.0.0/16  192.168.1.1,2001:DB8::5"), [
    { address: "10.0.0.5", advertised: "203.0.113.5", networks: [] },
    {
      address: "10.1.0.5",
      advertised: undefined,
      networks: [{ address: "10.1.0.0", prefixLength: 16 }, { address: "192.168.1.1", prefixLength: 32 }],
    },
    { address: "2001:db8::5", advertised: undefined, networks: [] },
  ]);
});

const WRONG: [text: string, complaint: string][] = [
  ["relay.example", "not an IP address"],
  ["10.0.0.5 10.0.0.6", "is not address [as ADVERTISED] [for NETWORK ...]"],
  ["10.0.0.5, ", "is not address [as ADVERTISED] [for NETWORK ...]"],
  ["10.0.0.5 as", "is not address"],
  ["10.0.0.5 as example", "not an IP address"],
  ["10.0.0.5 for nobody", "is not a network"],
  ["0.0.0.0", "unspecified"],
  ["10.0.0.5, 10.0.0.5", "stands in the list twice"],
  ["10.0.0.5 as 2001:db8::1", "not of the same address family"],
  ["10.0.0.5 for 2001:db8::/32", "not of the same address family"],
];
for (const [text, complaint] of WRONG) {
  Deno.test(`parseRelayAddresses() refuses ${JSON.stringify(text)}: ${complaint}`, () => {
    assertThrows(() => parseRelayAddresses(text), SyntaxError, complaint);
  });
}
