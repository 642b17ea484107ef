import { assert, assertEquals, assertInstanceOf, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { ControlSyntaxError } from "./errors.ts";
import { isPorts, parseRelayLine, serializePorts } from "./relay_reply.ts";

Deno.test("parseRelayLine() tells answers, expired sessions and keepalives apart (PROTOCOL 3)", () => {
  assertEquals(parseRelayLine("58 127.0.0.1 50078"), { kind: "answer", sequence: 58, body: "127.0.0.1 50078" });
  assertEquals(parseRelayLine("0 []"), { kind: "answer", sequence: 0, body: "[]" });
  assertEquals(parseRelayLine("1 "), { kind: "answer", sequence: 1, body: "" });
  assertEquals(parseRelayLine('expired {"a": 1}'), { kind: "expired", statistics: '{"a": 1}' });
  assertEquals(parseRelayLine("ping"), { kind: "ping" });
});

Deno.test("parseRelayLine() refuses other lines", () => {
  for (const line of ["", "pong", "ping ", "expired", "58", " 58 x", "-1 x", "1e3 x", "x 58", `${"9".repeat(16)} x`]) {
    assertThrows(() => parseRelayLine(line), ControlSyntaxError, "as a line of a relay", line);
  }
});

Deno.test("parseRelayLine() parses any line or throws a ControlSyntaxError", () => {
  const anyLine = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.tuple(fc.nat(), fc.string()).map((parts) => parts.join(" ")),
  );
  fc.assert(fc.property(anyLine, (line) => {
    try {
      const parsed = parseRelayLine(line);
      if (parsed.kind === "answer") assert(Number.isSafeInteger(parsed.sequence));
    } catch (error) {
      assertInstanceOf(error, ControlSyntaxError);
    }
  }));
});

Deno.test("serializePorts() writes what isPorts() takes (PROTOCOL 1)", () => {
  assertEquals(serializePorts("192.0.2.1", [50000, 0, 65534]), "192.0.2.1 50000 0 65534");
  assertEquals(serializePorts("2001:db8::1", [50000]), "2001:db8::1 50000");
  assertEquals(serializePorts("192.0.2.1", []), "192.0.2.1");
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(fc.property(address, fc.array(fc.nat({ max: 65535 })), (text, ports) => {
    assert(isPorts(serializePorts(text, ports)));
  }));
});

Deno.test("isPorts() refuses the word None of old relays, and what is no answer (PROTOCOL 6.7)", () => {
  for (
    const body of ["None", "error", "halting", "", "[]", "{}", "192.0.2.1 None", "192.0.2.1  5", "192.0.2.1 123456"]
  ) {
    assertEquals(isPorts(body), false, body);
  }
});
