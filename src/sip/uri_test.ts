import { assertEquals, assertThrows } from "../deps/assert.ts";
import { SipSyntaxError } from "./errors.ts";
import { areUrisEqual, parseSipUri, serializeSipUri, userOf } from "./uri.ts";

for (
  const text of [
    "sip:alice@atlanta.com",
    "sip:alice:secretword@atlanta.com;transport=tcp",
    "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
    "sip:+1-212-555-1212:1234@gateway.com;user=phone",
    "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
    "sip:alice;day=tuesday@atlanta.com",
    "sip:[2001:db8::10]:5070;lr",
  ]
) {
  Deno.test(`parseSipUri() reads and writes ${text} (RFC 3261 §19.1.3, RFC 5118)`, () => {
    assertEquals(serializeSipUri(parseSipUri(text)), text);
  });
}

Deno.test("parseSipUri() reads three colons before an IPv4 address as two, and no others (RFC 5118 §4.10)", () => {
  assertEquals(parseSipUri("sip:a@[2001:db8:::192.0.2.1]").host, parseSipUri("sip:a@[2001:db8::192.0.2.1]").host);
  assertThrows(() => parseSipUri("sip:a@[2001:db8:::1]"), SipSyntaxError);
});

Deno.test("parseSipUri() unescapes users when asked, and lowers hosts", () => {
  const uri = parseSipUri("SIP:j%40s0n@EXAMPLE.com");
  assertEquals([userOf(uri), uri.user, uri.host], ["j@s0n", "j%40s0n", "example.com"]);
});

for (
  const [text, status] of [["http://a", 416], ["sip:a b@c", 400], ["sip:a@b@c", 400], ["sip:a@b:70000", 400], [
    "",
    400,
  ]] as const
) {
  Deno.test(`parseSipUri() refuses "${text}" with ${status}`, () => {
    assertEquals((assertThrows(() => parseSipUri(text), SipSyntaxError) as SipSyntaxError).statusHint, status);
  });
}

for (
  const [a, b, equal] of [
    ["sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true],
    ["sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true],
    ["sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true],
    ["sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true],
    [
      "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
      "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
      true,
    ],
    [
      "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
      "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
      true,
    ],
    ["SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false],
    ["sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false],
    ["sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false],
    ["sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false],
  ] as const
) {
  Deno.test(`areUrisEqual() says ${equal} of ${a} and ${b} (RFC 3261 §19.1.4)`, () => {
    assertEquals([areUrisEqual(parseSipUri(a), parseSipUri(b)), areUrisEqual(parseSipUri(b), parseSipUri(a))], [
      equal,
      equal,
    ]);
  });
}
