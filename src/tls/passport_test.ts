import { assert, assertEquals, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { type CertificateSubject, parsePassport, passportRefusal } from "./passport.ts";

Deno.test("parsePassport() takes None in any case as no passport", () => {
  for (const text of ["None", "none", " NONE "]) {
    assertEquals(parsePassport(text), undefined);
  }
  assertEquals(passportRefusal(undefined, {}), undefined);
});

Deno.test("parsePassport() reads attributes, wildcards and escaped commas", () => {
  assertEquals(parsePassport("O:Example\\, Inc., cn : relay*"), {
    text: "O:Example\\, Inc., cn : relay*",
    rules: [
      { attribute: "O", value: "Example, Inc.", openStart: false, openEnd: false },
      { attribute: "CN", value: "relay", openStart: false, openEnd: true },
    ],
  });
});

Deno.test("parsePassport() names what is wrong", () => {
  const wrong: [string, string][] = [
    ["", '"" is not ATTRIBUTE:value'],
    ["CN:relay,", '"" is not ATTRIBUTE:value'],
    ["CN", '"CN" is not ATTRIBUTE:value'],
    ["CN:", '"CN:" is not ATTRIBUTE:value'],
    ["SN:1", '"SN" is none of O, OU, CN, C, L, ST, EMAIL'],
    ["CN:a, CN:b", "CN stands twice"],
    ["CN:re*lay", '"*" may stand only at the start or the end of a value'],
    ["CN:***", '"*" may stand only at the start or the end of a value'],
  ];
  for (const [text, reason] of wrong) {
    assertThrows(() => parsePassport(text), SyntaxError, `Cannot parse passport ${JSON.stringify(text)}: ${reason}`);
  }
});

Deno.test("passportRefusal() matches whole values, prefixes, suffixes and parts", () => {
  const cases: [string, CertificateSubject, string | undefined][] = [
    ["CN:relay", { CN: "relay" }, undefined],
    ["CN:relay", { CN: "relay 1" }, 'CN is "relay 1", the passport wants "relay"'],
    ["CN:relay", { CN: "Relay" }, 'CN is "Relay", the passport wants "relay"'],
    ["CN:relay*", { CN: "relay 1" }, undefined],
    ["CN:relay*", { CN: "my relay" }, 'CN is "my relay", the passport wants "relay*"'],
    ["CN:*relay", { CN: "my relay" }, undefined],
    ["CN:*relay*", { CN: "my relay 1" }, undefined],
    ["CN:*relay*", { CN: "dispatcher" }, 'CN is "dispatcher", the passport wants "*relay*"'],
    ["CN:*", { CN: "x" }, undefined],
    ["CN:*", {}, 'the subject has no CN, the passport wants "*"'],
    ["CN:**", { CN: "" }, 'CN is "", the passport wants "*"'],
    ["O:A\\,B", { O: "A,B" }, undefined],
    ["EMAIL:*@example.com", { EMAIL: "noc@example.com" }, undefined],
    ["OU:two", { OU: ["one", "two"] }, undefined],
    ["OU:three", { OU: ["one", "two"] }, 'OU is "one" and "two", the passport wants "three"'],
    ["O:A, CN:b", { O: "A" }, 'the subject has no CN, the passport wants "b"'],
  ];
  for (const [text, subject, reason] of cases) {
    assertEquals(passportRefusal(parsePassport(text), subject), reason, text);
  }
});

Deno.test("parsePassport() parses any text or throws a SyntaxError", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    try {
      parsePassport(text);
    } catch (error) {
      assert(error instanceof SyntaxError);
    }
  }));
});
