import { assertEquals, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { SipSyntaxError } from "./errors.ts";
import { Params, parseParams } from "./params.ts";

for (
  const [text, entries] of [
    ["", []],
    [";a", [["a", undefined]]],
    [" ; A = 1\t;b=;c", [["A", "1"], ["b", ""], ["c", undefined]]],
    [';a="x;y=\\"z\\\\"; b', [["a", '"x;y=\\"z\\\\"'], ["b", undefined]]],
    [";;a=1;", [["a", "1"]]],
    [";a=[2001:db8::1];b=x=y", [["a", "[2001:db8::1]"], ["b", "x=y"]]],
    [";a=voil\xc3\xa0", [["a", "voil\xc3\xa0"]]],
  ] as const
) {
  Deno.test(`parseParams() reads ${JSON.stringify(text)} (RFC 3261 §7.3.1)`, () => {
    assertEquals(parseParams(text).entries, entries.map(([name, value]) => [name, value] as const));
  });
}

for (const text of ["a", ";=1", ";a b", ";a=b c", ';a="b', ';a="b"c', ";a,b", ";a=b,c", "; a\0"]) {
  Deno.test(`parseParams() refuses ${JSON.stringify(text)}`, () => {
    assertThrows(() => parseParams(text), SipSyntaxError);
  });
}

Deno.test("Params finds names without case, changes where they stand, and leaves its copies alone", () => {
  const params = parseParams(";Tag=1;rport;x=y");
  const copy = params.clone();
  assertEquals([params.get("tag"), params.get("rport"), params.get("none"), params.has("RPORT".toLowerCase())], [
    "1",
    "",
    undefined,
    true,
  ]);
  params.set("rport", "5060");
  params.set("z");
  params.delete("tag");
  assertEquals([params.toString(), copy.toString()], [";rport=5060;x=y;z", ";Tag=1;rport;x=y"]);
});

Deno.test("parseParams() reads what Params writes", () => {
  const name = fc.stringMatching(/^[a-z0-9!%*_+`'~.-]{1,8}$/);
  const value = fc.option(fc.oneof(fc.stringMatching(/^[A-Za-z0-9:[\]%]{0,8}$/), fc.constant('"a\\";b"')), {
    nil: undefined,
  });
  fc.assert(fc.property(fc.array(fc.tuple(name, value), { maxLength: 5 }), (entries) => {
    assertEquals(parseParams(new Params(entries).toString()).entries, entries);
  }));
});
