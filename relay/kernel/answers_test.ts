import { assertEquals, assertThrows } from "../../src/deps/assert.ts";
import { markCounters, namedCounters, NftAnswerError } from "./answers.ts";

const META = { metainfo: { version: "1.0.6", release_name: "Lester Gooch #5", json_schema_version: 1 } };

function listing(elem: unknown): string {
  return JSON.stringify({
    nftables: [META, { map: { family: "inet", name: "to_port_0", ...elem !== undefined && { elem } } }],
  });
}

Deno.test("markCounters() reads what nft 1.0.6 lists", () => {
  const answer = listing([
    [{ elem: { val: 1292632064, counter: { packets: 10, bytes: 2000 } } }, 6000],
    [{ elem: { val: 1292632065, counter: { packets: 0, bytes: 0 } } }, 5000],
  ]);
  assertEquals([...markCounters(answer)], [
    [1292632064, { packets: 10, bytes: 2000 }],
    [1292632065, { packets: 0, bytes: 0 }],
  ]);
});

Deno.test("markCounters() knows an empty map", () => {
  assertEquals(markCounters(listing(undefined)).size, 0);
});

Deno.test("markCounters() refuses anything else", () => {
  const bad = ["", "[]", "{}", '{"nftables": 1}', JSON.stringify({ nftables: [META] }), listing(7), listing([7])];
  for (const answer of [...bad, listing([[{ elem: { val: "x" } }, 1]]), listing([[{ elem: { val: 1 } }, 1]])]) {
    assertThrows(() => markCounters(answer), NftAnswerError);
  }
});

Deno.test("namedCounters() reads the counters of a table", () => {
  const counter = { family: "inet", name: "test_left", table: "t", handle: 7, packets: 3, bytes: 600 };
  assertEquals([...namedCounters(JSON.stringify({ nftables: [META, { counter }] }))], [
    ["test_left", { packets: 3, bytes: 600 }],
  ]);
});
