import { assertEquals, assertInstanceOf, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { ControlSyntaxError } from "./errors.ts";
import { parseJson, parseSignalingIp } from "./signaling_ip.ts";

Deno.test("parseSignalingIp() reads one address (PROTOCOL 1)", () => {
  assertEquals(parseSignalingIp("192.0.2.1"), { source: "192.0.2.1" });
  assertEquals(parseSignalingIp("2001:DB8::1"), { source: "2001:db8::1" });
  assertEquals(parseSignalingIp("[2001:db8::1]"), { source: "2001:db8::1" });
});

Deno.test("parseSignalingIp() reads source_destination (PROTOCOL 1)", () => {
  assertEquals(parseSignalingIp("192.0.2.1_198.51.100.2"), { source: "192.0.2.1", destination: "198.51.100.2" });
  assertEquals(parseSignalingIp("2001:db8::1_::2"), { source: "2001:db8::1", destination: "::2" });
});

Deno.test("parseSignalingIp() reads JSON with what it has (PROTOCOL 1)", () => {
  assertEquals(
    parseSignalingIp('{"signaling_ip": "192.0.2.1", "destination_ip": "198.51.100.2", "username": "alice", "x": 1}'),
    { source: "192.0.2.1", destination: "198.51.100.2", username: "alice" },
  );
  assertEquals(parseSignalingIp('{"signaling_ip": "192.0.2.1"}'), { source: "192.0.2.1" });
  assertEquals(parseSignalingIp('{"signaling_ip": "192.0.2.1", "destination_ip": "", "username": ""}'), {
    source: "192.0.2.1",
  });
});

Deno.test("parseSignalingIp() refuses a number, which is JSON too (events_protocol, json parses as a number)", () => {
  assertThrows(() => parseSignalingIp("5"), ControlSyntaxError, 'Cannot parse signaling_ip: "5" holds no address');
});

Deno.test("parseSignalingIp() refuses what holds no address", () => {
  const wrong = [
    "",
    "_",
    "null",
    "unknown",
    "192.0.2",
    "_192.0.2.1",
    "192.0.2.1_",
    "192.0.2.1_x",
    "192.0.2.1_192.0.2.2_192.0.2.3",
    "192.0.2.1:5060",
    "{}",
    "{",
    '{"signaling_ip": 5}',
    '{"signaling_ip": null}',
    '{"signaling_ip": "x"}',
    '{"signaling_ip": "192.0.2.1_192.0.2.2"}',
    '{"signaling_ip": "192.0.2.1", "destination_ip": "x"}',
    '{"signaling_ip": "192.0.2.1", "destination_ip": 5}',
    '{"signaling_ip": "192.0.2.1", "username": 5}',
    '["192.0.2.1"]',
    '"192.0.2.1"',
  ];
  for (const value of wrong) assertThrows(() => parseSignalingIp(value), ControlSyntaxError, "holds no address", value);
});

Deno.test("parseSignalingIp() parses any text or throws a ControlSyntaxError", () => {
  const anyValue = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.record({ signaling_ip: fc.anything(), destination_ip: fc.anything() }).map((value) =>
      String(stringified(value))
    ),
  );
  fc.assert(fc.property(anyValue, (value) => {
    try {
      parseSignalingIp(value);
    } catch (error) {
      assertInstanceOf(error, ControlSyntaxError);
    }
  }));
});

/** JSON of what has a JSON form. */
function stringified(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return "{}"; // a bigint has none
  }
}

Deno.test("parseJson() gives undefined for what is not JSON", () => {
  assertEquals(parseJson("{"), undefined);
  assertEquals(parseJson("[1]"), [1]);
  assertEquals(parseJson("null"), null);
});
