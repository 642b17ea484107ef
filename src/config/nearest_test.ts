import { assertEquals } from "../deps/assert.ts";
import { nearest, suggestion } from "./nearest.ts";

Deno.test("nearest() finds one inserted, deleted or replaced letter, and letter case", () => {
  const keys = ["passport", "port_range", "relay_ip"];
  assertEquals(nearest("pasport", keys), "passport");
  assertEquals(nearest("passsport", keys), "passport");
  assertEquals(nearest("port-range", keys), "port_range");
  assertEquals(nearest("RELAY_IP", keys), "relay_ip");
});

Deno.test("nearest() prefers the closest, then the first", () => {
  assertEquals(nearest("listem", ["listed", "listen"]), "listed");
  assertEquals(nearest("listen_", ["listed", "listen"]), "listen");
});

Deno.test("nearest() gives nothing beyond a third of the letters", () => {
  assertEquals(nearest("abcxyz", ["abcdef"]), undefined);
  assertEquals(nearest("abcdyz", ["abcdef"]), "abcdef");
  assertEquals(nearest("abdc", ["abcd"]), "abcd");
  assertEquals(nearest("acb", ["abc"]), undefined);
  assertEquals(nearest("", ["ab"]), undefined);
  assertEquals(nearest("x".repeat(1_000_000), ["ab"]), undefined);
  assertEquals(nearest("word", []), undefined);
});

Deno.test("suggestion() asks, or says nothing", () => {
  assertEquals(suggestion("jsnl", ["jsonl"]), "; did you mean jsonl?");
  assertEquals(suggestion("csv", ["jsonl"]), "");
});
