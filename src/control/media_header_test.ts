import { assert, assertEquals, assertInstanceOf, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { ControlSyntaxError } from "./errors.ts";
import {
  bracketed,
  canonicalAddress,
  type MediaDescription,
  parseMediaHeader,
  serializeMediaHeader,
} from "./media_header.ts";

const AUDIO: MediaDescription = { type: "audio", address: "192.0.2.1", port: 6000, direction: "sendrecv", ice: false };

Deno.test("parseMediaHeader() reads streams in SDP order (PROTOCOL 1)", () => {
  const value = "audio:192.0.2.1:6000:sendrecv:ice=no,video:192.0.2.2:0:inactive:ice=yes,image:0.0.0.0:65535:recvonly:";
  assertEquals(parseMediaHeader(value), [
    AUDIO,
    { type: "video", address: "192.0.2.2", port: 0, direction: "inactive", ice: true },
    { type: "image", address: "0.0.0.0", port: 65535, direction: "recvonly", ice: false },
  ]);
});

Deno.test("parseMediaHeader() reads IPv6 with brackets and without (PROTOCOL 6.7)", () => {
  const cases: [string, string][] = [
    ["[2001:db8::1]", "2001:db8::1"],
    ["2001:db8::1", "2001:db8::1"],
    ["2001:0DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["::1", "::1"],
    ["::", "::"],
    ["[::ffff:192.0.2.1]", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
  ];
  for (const [text, address] of cases) {
    assertEquals(parseMediaHeader(`audio:${text}:6000:sendrecv:ice=no`), [{ ...AUDIO, address }], text);
    assertEquals(parseMediaHeader(`audio:${text}:6000`), [{ ...AUDIO, address }], text);
  }
});

Deno.test("parseMediaHeader() knows the four directions, and takes none as sendrecv (RFC 8866 §6.7)", () => {
  for (const direction of ["sendrecv", "sendonly", "recvonly", "inactive"] as const) {
    assertEquals(parseMediaHeader(`audio:192.0.2.1:6000:${direction}:ice=no`), [{ ...AUDIO, direction }]);
    assertEquals(parseMediaHeader(`audio:192.0.2.1:6000:${direction}`), [{ ...AUDIO, direction }]);
  }
  assertEquals(parseMediaHeader("audio:192.0.2.1:6000"), [AUDIO]);
});

Deno.test("parseMediaHeader() finds ice=yes among parameters", () => {
  assertEquals(parseMediaHeader("audio:192.0.2.1:6000:sendrecv:a=b;ice=yes;c")[0]?.ice, true);
  assertEquals(parseMediaHeader("audio:192.0.2.1:6000:sendrecv:notice=yes")[0]?.ice, false);
});

Deno.test("parseMediaHeader() takes 32 streams and no more (PROTOCOL 2)", () => {
  const streams = (count: number) => Array(count).fill("audio:192.0.2.1:6000:sendrecv:ice=no").join(",");
  assertEquals(parseMediaHeader(streams(32)).length, 32);
  assertThrows(() => parseMediaHeader(streams(33)), ControlSyntaxError, "more than 32 streams");
});

Deno.test("parseMediaHeader() refuses what is no stream, quoting it (PROTOCOL 6.7)", () => {
  const wrong = [
    "",
    "audio",
    "foo:bar",
    "audio:192.0.2.1",
    "audio:192.0.2.1:65536:sendrecv:ice=no",
    "audio:192.0.2.1:-1:sendrecv:ice=no",
    "audio:192.0.2.1::sendrecv:ice=no",
    "audio:192.0.2.1:6e3:sendrecv:ice=no",
    "audio:192.0.2.1:600000:sendrecv:ice=no",
    "audio:192.0.2.256:6000:sendrecv:ice=no",
    "audio:192.0.2:6000:sendrecv:ice=no",
    "audio:host.example:6000:sendrecv:ice=no",
    "audio:2001:db8::g:6000:sendrecv:ice=no",
    "audio:[192.0.2.1]:6000:sendrecv:ice=no",
    "audio:[2001:db8::1:6000:sendrecv:ice=no",
    "audio:fe80::1%eth0:6000:sendrecv:ice=no",
    "audio:192.0.2.1:6000:both:ice=no",
    "audio:192.0.2.1:6000:SENDRECV:ice=no",
    "audio:192.0.2.1:6000:sendrecv:ice=no:more",
    "au dio:192.0.2.1:6000:sendrecv:ice=no",
    ":192.0.2.1:6000:sendrecv:ice=no",
    `${"a".repeat(33)}:192.0.2.1:6000:sendrecv:ice=no`,
    "audio:192.0.2.1:6000:sendrecv:ice=no,",
  ];
  for (const value of wrong) {
    const error = assertThrows(
      () => parseMediaHeader(value),
      ControlSyntaxError,
      "Cannot parse the media header",
      value,
    );
    assert(error.message.length < 200);
  }
});

Deno.test("parseMediaHeader() parses any text or throws a ControlSyntaxError", () => {
  const piece = fc.constantFrom(
    "audio",
    ":",
    ",",
    "::",
    "[",
    "]",
    "192.0.2.1",
    "2001:db8",
    "6000",
    "sendrecv",
    "ice=yes",
  );
  const anyValue = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.oneof({ weight: 9, arbitrary: piece }, fc.string())).map((pieces) => pieces.join("")),
  );
  fc.assert(
    fc.property(anyValue, (value) => {
      try {
        for (const { port, address } of parseMediaHeader(value)) {
          assert(Number.isInteger(port) && port >= 0 && port <= 65535);
          assertEquals(canonicalAddress(address), address);
        }
      } catch (error) {
        assertInstanceOf(error, ControlSyntaxError);
      }
    }),
    { numRuns: 500 },
  );
});

const anyStream: fc.Arbitrary<MediaDescription> = fc.record({
  type: fc.stringMatching(/^[A-Za-z0-9._+-]{1,32}$/),
  address: fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => canonicalAddress(text) ?? fail(text)),
  port: fc.nat({ max: 65535 }),
  direction: fc.constantFrom("sendrecv" as const, "sendonly" as const, "recvonly" as const, "inactive" as const),
  ice: fc.boolean(),
});

function fail(text: string): never {
  throw new Error(`${text} is an address, but not to us`);
}

Deno.test("serializeMediaHeader() then parseMediaHeader() gives the same streams", () => {
  fc.assert(fc.property(fc.array(anyStream, { minLength: 1, maxLength: 32 }), (streams) => {
    assertEquals(parseMediaHeader(serializeMediaHeader(streams)), streams);
  }));
});

Deno.test("parseMediaHeader() reads streams whose IPv6 addresses have no brackets (PROTOCOL 6.7)", () => {
  fc.assert(fc.property(anyStream, (stream) => {
    assertEquals(parseMediaHeader(serializeMediaHeader([stream]).replace(/[[\]]/g, "")), [stream]);
  }));
});

Deno.test("serializeMediaHeader() writes IPv6 in brackets, IPv4 without", () => {
  assertEquals(
    serializeMediaHeader([AUDIO, { ...AUDIO, address: "2001:db8::1", ice: true }]),
    "audio:192.0.2.1:6000:sendrecv:ice=no,audio:[2001:db8::1]:6000:sendrecv:ice=yes",
  );
});

Deno.test("bracketed() makes an address ready for a port", () => {
  assertEquals(bracketed("::1"), "[::1]");
  assertEquals(bracketed("192.0.2.1"), "192.0.2.1");
});

Deno.test("canonicalAddress() makes two spellings of an address equal, and refuses what is none", () => {
  assertEquals(canonicalAddress("2001:DB8:0::01"), canonicalAddress("[2001:db8::1]"));
  for (const text of ["", "1", "1.2.3", "0x7f.1", "01.2.3.4", "[]", "[1.2.3.4]", "::1%1", "localhost", "1.2.3.4 "]) {
    assertEquals(canonicalAddress(text), undefined, text);
  }
});
