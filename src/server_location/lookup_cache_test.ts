import { assertEquals, assertInstanceOf, assertRejects } from "../deps/assert.ts";
import { FakeClock } from "../../tests/support/fakes.ts";
import { LookupCache } from "./lookup_cache.ts";
import type { DnsAnswer } from "./resolver.ts";

/** A cache, and the queries that it makes; each is answered by hand. */
function setUp(limits = { maxEntries: 10, maxPending: 10 }) {
  const clock = new FakeClock();
  const queries: string[] = [];
  const waiting: PromiseWithResolvers<DnsAnswer<string>>[] = [];
  const cache = new LookupCache<string>(
    (name) => {
      queries.push(name);
      const query = Promise.withResolvers<DnsAnswer<string>>();
      waiting.push(query);
      return query.promise;
    },
    clock,
    limits,
  );
  const learn = async (name: string, records: string[], ttlMs: number) => {
    const answer = cache.lookUp(name);
    waiting.at(-1)!.resolve({ records, ttlMs });
    return await answer;
  };
  return { clock, queries, waiting, cache, learn };
}

Deno.test("LookupCache answers at once for as long as the answer is good", async () => {
  const { cache, clock, queries, learn } = setUp();
  assertEquals(await learn("a", ["1"], 60_000), ["1"]);
  clock.advance(59_999);
  assertEquals(cache.lookUp("a"), ["1"]);
  clock.advance(1);
  assertInstanceOf(cache.lookUp("a"), Promise);
  assertEquals(queries, ["a", "a"]);
});

Deno.test("LookupCache remembers that there is nothing (RFC 2308)", async () => {
  const { cache, clock, learn } = setUp();
  await learn("a", [], 10_000);
  assertEquals(cache.lookUp("a"), []);
  clock.advance(10_000);
  assertInstanceOf(cache.lookUp("a"), Promise);
});

Deno.test("LookupCache keeps the TTL between a second and an hour", async () => {
  const { cache, clock, learn } = setUp();
  await learn("short", ["1"], 0);
  await learn("long", ["2"], 1e9);
  clock.advance(999);
  assertEquals(cache.lookUp("short"), ["1"]);
  clock.advance(1);
  assertInstanceOf(cache.lookUp("short"), Promise);
  clock.advance(3_599_000);
  assertInstanceOf(cache.lookUp("long"), Promise);
});

Deno.test("LookupCache asks once for all who ask while the query is under way", async () => {
  const { cache, queries, waiting } = setUp();
  const answers = [cache.lookUp("a"), cache.lookUp("a"), cache.lookUp("b")];
  assertEquals(queries, ["a", "b"]);
  waiting[0]!.resolve({ records: ["1"], ttlMs: 1000 });
  waiting[1]!.resolve({ records: ["2"], ttlMs: 1000 });
  assertEquals(await Promise.all(answers), [["1"], ["1"], ["2"]]);
});

Deno.test("LookupCache gives a failure to all who wait and to those who come soon", async () => {
  const { cache, clock, queries, waiting } = setUp();
  const answers = [cache.lookUp("a"), cache.lookUp("a")];
  waiting[0]!.reject(new Error("no answer"));
  for (const answer of answers) await assertRejects(async () => await answer, Error, "no answer");
  await assertRejects(async () => await cache.lookUp("a"), Error, "no answer");
  assertEquals(queries, ["a"]);
  clock.advance(5_000);
  cache.lookUp("a");
  assertEquals(queries, ["a", "a"]);
});

Deno.test("LookupCache forgets the oldest name at its limit", async () => {
  const { cache, learn } = setUp({ maxEntries: 2, maxPending: 10 });
  await learn("a", ["1"], 60_000);
  await learn("b", ["2"], 60_000);
  await learn("c", ["3"], 60_000);
  assertEquals([cache.lookUp("b"), cache.lookUp("c")], [["2"], ["3"]]);
  assertInstanceOf(cache.lookUp("a"), Promise);
});

Deno.test("LookupCache limits the queries under way, and recovers", async () => {
  const { cache, waiting, queries } = setUp({ maxEntries: 10, maxPending: 1 });
  const first = cache.lookUp("a");
  await assertRejects(
    async () => await cache.lookUp("b"),
    Error,
    "Cannot look up b: 1 other names are being looked up",
  );
  waiting[0]!.resolve({ records: ["1"], ttlMs: 1000 });
  await first;
  cache.lookUp("b");
  assertEquals(queries, ["a", "b"]);
});

Deno.test("LookupCache keeps no more records than anybody needs", async () => {
  const { learn } = setUp();
  assertEquals((await learn("a", Array(1000).fill("1"), 1000)).length, 64);
});
