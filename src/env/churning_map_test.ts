import { assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { ChurningMap } from "./churning_map.ts";

Deno.test("ChurningMap behaves as a Map does, whatever comes and goes", () => {
  const step = fc.record({ removes: fc.boolean(), key: fc.nat({ max: 80 }), value: fc.nat() });
  fc.assert(fc.property(fc.array(step, { minLength: 200, maxLength: 1000 }), (steps) => {
    const [churning, map] = [new ChurningMap<number, number>(), new Map<number, number>()];
    for (const { removes, key, value } of steps) {
      if (removes) assertEquals(churning.delete(key), map.delete(key));
      else {
        churning.set(key, value);
        map.set(key, value);
      }
      assertEquals([churning.get(key), churning.has(key), churning.size], [map.get(key), map.has(key), map.size]);
    }
    assertEquals([[...churning], [...churning.values()]], [[...map], [...map.values()]]);
  }));
});

Deno.test("ChurningMap lets its entries be removed while they are looked through", () => {
  const churning = new ChurningMap<number, string>();
  for (let key = 0; key < 1000; key++) churning.set(key, `${key}`);
  const seen: number[] = [];
  for (const [key] of churning) {
    seen.push(key);
    churning.delete(key);
  }
  assertEquals([seen.length, churning.size], [1000, 0]);
});
