import { assertEquals, assertThrows } from "../deps/assert.ts";
import {
  parseAbsolutePath,
  parseBoolean,
  parseLogFormat,
  parseLogLevel,
  parsePath,
  parseSeconds,
  parseSecondsOrZero,
  parseSqlName,
  splitList,
} from "./values.ts";

function refuses(parse: (text: string) => unknown, texts: readonly string[]): void {
  for (const text of texts) {
    assertThrows(() => parse(text), SyntaxError, "", `accepted ${JSON.stringify(text)}`);
  }
}

Deno.test("parseBoolean() takes the eight words in any case", () => {
  assertEquals(["yes", "True", "ON", "1"].map(parseBoolean), [true, true, true, true]);
  assertEquals(["no", "False", "OFF", "0"].map(parseBoolean), [false, false, false, false]);
  refuses(parseBoolean, ["", "y", "2", "none", "yes no"]);
  assertThrows(() => parseBoolean("fasle"), SyntaxError, "did you mean false?");
});

Deno.test("parseSeconds() gives milliseconds that fit a timer", () => {
  assertEquals(parseSeconds("1"), 1000);
  assertEquals(parseSeconds("2147483"), 2147483000);
  refuses(parseSeconds, ["", "0", "-1", "1.5", "1e3", "90 s", "0x10", "2147484", "99999999999", "Infinity", "١"]);
});

Deno.test("parseSecondsOrZero() also takes 0", () => {
  assertEquals(parseSecondsOrZero("0"), 0);
  assertEquals(parseSecondsOrZero("5"), 5000);
  refuses(parseSecondsOrZero, ["", "-0", "-1", "2147484"]);
});

Deno.test("parseLogLevel() takes the original's words too", () => {
  assertEquals(["DEBUG", "info", "Warning", "WARN", "ERROR", "CRITICAL"].map(parseLogLevel), [
    "debug",
    "info",
    "warning",
    "warning",
    "error",
    "error",
  ]);
  refuses(parseLogLevel, ["", "verbose", "3"]);
  assertThrows(() => parseLogLevel("debgu"), SyntaxError, "did you mean debug?");
});

Deno.test("parseLogFormat() takes text and json", () => {
  assertEquals(["text", "JSON"].map(parseLogFormat), ["text", "json"]);
  refuses(parseLogFormat, ["", "xml"]);
});

Deno.test("parsePath() and parseAbsolutePath() refuse what cannot be a path", () => {
  assertEquals(parsePath("a b/c.sock"), "a b/c.sock");
  assertEquals(parseAbsolutePath("/a"), "/a");
  refuses(parsePath, ["", "a\0b"]);
  refuses(parseAbsolutePath, ["", "a", "./a", "/a\0b"]);
});

Deno.test("parseSqlName() refuses what would need quotes", () => {
  assertEquals(parseSqlName("call_id2"), "call_id2");
  refuses(parseSqlName, ["", "2a", "a b", "a;drop", "a.b", "a`", "x".repeat(64)]);
});

Deno.test("splitList() takes commas and spaces, and None for nothing", () => {
  assertEquals(splitList("a, b  c,d,"), ["a", "b", "c", "d"]);
  assertEquals([splitList(""), splitList("none"), splitList("None")], [[], [], []]);
});
