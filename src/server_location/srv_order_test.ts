import { assert, assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { seededRandom } from "../../tests/support/fakes.ts";
import type { SrvRecord } from "./resolver.ts";
import { orderSrv } from "./srv_order.ts";

function record(target: string, priority: number, weight: number): SrvRecord {
  return { target, priority, weight, port: 5060 };
}

/** How often each target is the first of `rounds` draws. */
function firsts(records: readonly SrvRecord[], rounds: number): Record<string, number> {
  const random = seededRandom(7);
  const counts: Record<string, number> = {};
  for (let round = 0; round < rounds; round++) {
    const { target } = orderSrv(records, random)[0]!;
    counts[target] = (counts[target] ?? 0) + 1;
  }
  return counts;
}

Deno.test("orderSrv() puts the lowest priority first, whatever the weights (RFC 2782)", () => {
  const records = [record("c", 20, 1000), record("a", 5, 0), record("b", 10, 1), record("d", 20, 0)];
  for (let seed = 1; seed < 20; seed++) {
    const order = orderSrv(records, seededRandom(seed)).map(({ target }) => target).join("");
    assert(order.startsWith("ab"), order);
  }
});

Deno.test("orderSrv() draws in proportion to the weights (RFC 2782)", () => {
  const counts = firsts([record("one", 0, 1), record("two", 0, 2)], 3000);
  assert(Math.abs(counts.one! - 1000) < 100, JSON.stringify(counts));
});

Deno.test("orderSrv() seldom begins with weight 0, and does (RFC 2782)", () => {
  const counts = firsts([record("heavy", 0, 99), record("zero", 0, 0)], 5000);
  assert(counts.zero! > 20 && counts.zero! < 100, JSON.stringify(counts));
});

Deno.test("orderSrv() spreads the load over records that all have weight 0", () => {
  const counts = firsts([record("a", 0, 0), record("b", 0, 0)], 1000);
  assert(Math.abs(counts.a! - 500) < 80, JSON.stringify(counts));
});

Deno.test("orderSrv() of any records gives each of them once", () => {
  const records = fc.array(
    fc.record({
      target: fc.string(),
      port: fc.nat(65535),
      priority: fc.nat(3),
      weight: fc.oneof(fc.nat(65535), fc.constant(0)),
    }),
    { maxLength: 70 },
  );
  fc.assert(fc.property(records, fc.nat(), (list, seed) => {
    const order = orderSrv(list, seededRandom(seed));
    assertEquals(new Set(order), new Set(list));
    assertEquals(order.length, list.length);
    assert(order.every((it, index) => index === 0 || order[index - 1]!.priority <= it.priority));
  }));
});
