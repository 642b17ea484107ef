import { assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { quote, splitList, unquote } from "./lists.ts";

for (
  const [text, items] of [
    ["", [""]],
    ["a", ["a"]],
    [" a ,\tb,, c", ["a", "b", "", "c"]],
    ['"a, b" <sip:x>, <sip:c,d>;e="f,g"', ['"a, b" <sip:x>', '<sip:c,d>;e="f,g"']],
    ['"\\", " <a,">,b', ['"\\", " <a,">', "b"]],
    ['"no end, x', ['"no end, x']],
    ["<no end, x", ["<no end, x"]],
    ["a>, b", ["a>", "b"]],
  ] as const
) {
  Deno.test(`splitList() splits ${JSON.stringify(text)} (RFC 3261 §7.3.1)`, () => {
    assertEquals(splitList(text), [...items]);
  });
}

Deno.test("splitList() puts apart what was put together, whatever is quoted", () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary-ascii" }), { minLength: 1, maxLength: 5 }), (texts) => {
    const items = texts.map(quote);
    assertEquals(splitList(items.join(" , ")), items);
    assertEquals(items.map(unquote), texts);
  }));
});
