import { assertEquals, assertThrows } from "../deps/assert.ts";
import { parseDscp } from "./dscp.ts";

Deno.test("parseDscp() knows the names of RFC 2474, 2597 and 3246", () => {
  assertEquals(["EF", "ef", "CS0", "CS5", "AF11", "AF41", "AF43", "46", "0", "63"].map(parseDscp), [
    ...[46, 46, 0, 40, 10, 34, 38, 46, 0, 63],
  ]);
  assertEquals([parseDscp("None"), parseDscp("")], [undefined, undefined]);
});

Deno.test("parseDscp() refuses anything else", () => {
  for (const text of ["64", "-1", "1.5", "AF44", "AF51", "CS8", "high", "0x2e"]) {
    assertThrows(() => parseDscp(text), SyntaxError, "is not EF");
  }
});
