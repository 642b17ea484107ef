import { assertEquals, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { SipSyntaxError } from "./errors.ts";
import { unquote } from "./lists.ts";
import { parseNameAddr, serializeNameAddr } from "./name_addr.ts";

for (
  const [text, displayName, uri, params] of [
    ["<sip:bob@example.com>", "", "sip:bob@example.com", ""],
    ["sip:bob@example.com;tag=1", "", "sip:bob@example.com", ";tag=1"],
    ["<sip:bob@example.com;lr>;tag=1", "", "sip:bob@example.com;lr", ";tag=1"],
    ["Bob<sip:bob@example.com>", "Bob", "sip:bob@example.com", ""],
    ["Bob  B. Bee \t<sip:bob@example.com> ; tag = 1", "Bob  B. Bee", "sip:bob@example.com", ";tag=1"],
    [
      '"Bob <b>, \\"Bee\\" \\\\" <sip:bob@example.com>;x="a;b"',
      '"Bob <b>, \\"Bee\\" \\\\"',
      "sip:bob@example.com",
      ';x="a;b"',
    ],
    ['""<sip:bob@example.com>', '""', "sip:bob@example.com", ""],
    ["<tel:+31-20-1234567>", "", "tel:+31-20-1234567", ""],
    ["tel:+31-20-1234567;x", "", "tel:+31-20-1234567", ";x"],
    ["<urn:service:sos>", "", "urn:service:sos", ""],
    ["< sip:bob@example.com >", "", "sip:bob@example.com", ""],
    ["<sip:a,b?c@example.com?d=e>", "", "sip:a,b?c@example.com?d=e", ""],
    ["Voil\xc3\xa0 <sip:bob@example.com>", "Voil\xc3\xa0", "sip:bob@example.com", ""],
  ] as const
) {
  Deno.test(`parseNameAddr() reads ${JSON.stringify(text)} (RFC 3261 §20.10)`, () => {
    const it = parseNameAddr(text);
    assertEquals([it.displayName, it.uri, it.params.toString()], [displayName, uri, params]);
    assertEquals(parseNameAddr(serializeNameAddr(it)), it);
  });
}

for (
  const text of [
    "",
    "bob",
    "*",
    "<>",
    "<bob@example.com>",
    "<sip:bob@example.com",
    "sip:bob@example.com>",
    "<sip:b ob@example.com>",
    '"Bob <sip:bob@example.com>',
    '"Bob" x <sip:bob@example.com>',
    'Bob "Bee" <sip:bob@example.com>',
    "Bee, Bob <sip:bob@example.com>",
    "<sip:a@example.com> <sip:b@example.com>",
    "<sip:bob@example.com>tag=1",
    "sip:bob@example.com?subject=x",
    "sip:a,b@example.com",
    "<sip:bob@example.com>;=1",
    '<sip:bob@example.com>;x="',
    "<sip:bob@exa\r\nmple.com>",
  ]
) {
  Deno.test(`parseNameAddr() refuses ${JSON.stringify(text)}`, () => {
    assertThrows(() => parseNameAddr(text), SipSyntaxError);
  });
}

Deno.test("parseNameAddr() finds the URI behind whatever a quoted string holds", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme-ascii" }), (name) => {
    const quoted = `"${name.replace(/["\\]/g, "\\$&")}"`;
    const it = parseNameAddr(`${quoted} <sip:bob@example.com>;tag=1`);
    assertEquals([unquote(it.displayName), it.uri, it.params.get("tag")], [name, "sip:bob@example.com", "1"]);
  }));
});
