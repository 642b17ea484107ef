import { assertEquals, assertThrows } from "../deps/assert.ts";
import { SipSyntaxError } from "./errors.ts";
import { parseVia, serializeVia } from "./via.ts";

Deno.test("parseVia() reads a value with white space wherever it may stand (RFC 3261 §25.1)", () => {
  const via = parseVia("SIP  /  2.0 /Udp   First.Example.com : 4000 ;ttl=16 ; maddr = 224.2.0.1");
  assertEquals([via.protocol, via.transport, via.host, via.port], ["SIP/2.0", "UDP", "first.example.com", 4000]);
  assertEquals([via.params.get("ttl"), via.params.get("maddr")], ["16", "224.2.0.1"]);
});

Deno.test("parseVia() knows addresses in their canonical form, serializeVia() writes sent-by as it came (§18.1.2)", () => {
  for (
    const [sentBy, host] of [
      ["[2001:DB8::0:1]:5070", "2001:db8::1"],
      ["[::ffff:192.0.2.10]:5070", "192.0.2.10"],
      ["HOST.example.com:5070", "host.example.com"],
    ] as const
  ) {
    const via = parseVia(`SIP/2.0/TCP ${sentBy};branch=z9hG4bK1`);
    assertEquals([via.host, via.port], [host, 5070]);
    assertEquals(serializeVia(via), `SIP/2.0/TCP ${sentBy};branch=z9hG4bK1`);
  }
});

Deno.test("parseVia() reads another version, so that the request can be answered 505 (RFC 4475 §3.1.2.16)", () => {
  assertEquals(serializeVia(parseVia("SIP/7.0/UDP c.example.com")), "SIP/7.0/UDP c.example.com");
});

for (
  const text of [
    "",
    "SIP/2.0/UDP",
    "SIP/2.0/UDP ;branch=1",
    "HTTP/1.1/TCP a",
    "SIP/2.0 a",
    "SIP/2.0/UDP a b:99999",
    "SIP/2.0/UDP 2001:db8::1",
    "SIP/2.0/UDP [2001:db8::1",
  ]
) {
  Deno.test(`parseVia() refuses "${text}"`, () => void assertThrows(() => parseVia(text), SipSyntaxError));
}
