import { assertEquals } from "../deps/assert.ts";
import { HeaderLines } from "./headers.ts";

Deno.test("HeaderLines.get() finds a header by its whole name", () => {
  const headers = new HeaderLines(["from_uri: a", "from: b", "from_tag: c: d"]);
  assertEquals(headers.get("from"), "b");
  assertEquals(headers.get("from_tag"), "c: d");
  assertEquals(headers.get("from_t"), undefined);
  assertEquals(headers.get("to_tag"), undefined);
});

Deno.test("HeaderLines.get() gives the last of several", () => {
  assertEquals(new HeaderLines(["cseq: 1", "cseq: 2"]).get("cseq"), "2");
});

Deno.test("HeaderLines serializes as it came, and lists names and values", () => {
  const headers = new HeaderLines(["call_id: a", "media: audio:192.0.2.1:6000:sendrecv:ice=no"]);
  assertEquals(headers.serialize(), "call_id: a\r\nmedia: audio:192.0.2.1:6000:sendrecv:ice=no\r\n");
  assertEquals([...headers], [["call_id", "a"], ["media", "audio:192.0.2.1:6000:sendrecv:ice=no"]]);
  assertEquals(new HeaderLines([]).serialize(), "");
});
