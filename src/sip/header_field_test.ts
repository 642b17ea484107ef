import { assertEquals, assertThrows } from "../deps/assert.ts";
import { SipSyntaxError } from "./errors.ts";
import { HeaderField, parseHeaderField } from "./header_field.ts";

for (
  const [text, name, value] of [
    ["Subject: hello", "subject", "hello"],
    ["s\t :\t hello \t", "subject", "hello"],
    ["Subject:", "subject", ""],
    ["Subject: \r\n hello,\t\r\n\t \r\n  world", "subject", "hello,  world"],
    ["X-Odd:a:b", "x-odd", "a:b"],
    ["Subject: voil\xc3\xa0", "subject", "voil\xc3\xa0"],
  ] as const
) {
  Deno.test(`parseHeaderField() reads ${JSON.stringify(text)} (RFC 3261 §7.3.1)`, () => {
    const field = parseHeaderField(text);
    assertEquals([field.name, field.value, field.text], [name, value, text]);
  });
}

for (const text of ["", ":", ": a", "a", "a b: c", " a: b", "\xc3\xa0: b"]) {
  Deno.test(`parseHeaderField() refuses ${JSON.stringify(text)}`, () => {
    assertThrows(() => parseHeaderField(text), SipSyntaxError);
  });
}

Deno.test("HeaderField.value is there at once, however many spaces a fold has: their square would take minutes", () => {
  const spaces = " ".repeat(1_000_000);
  assertEquals(new HeaderField("x", `X: a\r\n b${spaces}c${spaces}\r\n${spaces}d`).value, `a b${spaces}c d`);
});
