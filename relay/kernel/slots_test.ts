import { assert, assertEquals } from "../../src/deps/assert.ts";
import {
  familyOfGroup,
  GROUP_MASK,
  groupOf,
  INSTANCE_MASK,
  instanceMark,
  MAX_INSTANCES,
  MAX_SLOTS,
  SlotPool,
  SLOTS_PER_GROUP,
} from "./slots.ts";

Deno.test("marks of different relays, and what routing rules of others may mask, do not meet", () => {
  const first = instanceMark(MAX_INSTANCES - 1);
  for (const mark of [first, first + MAX_SLOTS - 1]) {
    assertEquals((mark & INSTANCE_MASK) >>> 0, first);
    assertEquals(mark >>> 24, 0x4d);
  }
  assertEquals(instanceMark(1) - instanceMark(0), MAX_SLOTS);
  assertEquals((instanceMark(5) + 0x2ff & GROUP_MASK) >>> 6, groupOf(0x2ff));
});

Deno.test("SlotPool hands out two neighbours of one group at a time, each once, until there are none", () => {
  const pool = new SlotPool(4, 600);
  const taken = new Set<number>();
  for (let slot = pool.take(); slot !== undefined; slot = pool.take()) {
    assertEquals(groupOf(slot), groupOf(slot + 1));
    assert(!taken.has(slot) && !taken.has(slot + 1));
    taken.add(slot).add(slot + 1);
  }
  assertEquals(taken.size, 600);
  pool.give(4);
  assertEquals(pool.take(), 4);
  assertEquals(pool.take(), undefined);
});

Deno.test("SlotPool prefers the lowest group", () => {
  const pool = new SlotPool(4, 1024);
  for (let i = 0; i < 100; i++) pool.take();
  // Three full groups, 0, 2 and 4, and a part of group 6.
  const [low, middle, high, next] = [2, 2 * SLOTS_PER_GROUP + 8, 4 * SLOTS_PER_GROUP + 6, 6 * SLOTS_PER_GROUP + 8];
  for (const slot of [high, low, middle]) pool.give(slot);
  assertEquals([pool.take(), pool.take(), pool.take(), pool.take()], [low, middle, high, next]);
});

Deno.test("SlotPool keeps the families' groups apart", () => {
  const groups = (family: 4 | 6) => {
    const pool = new SlotPool(family, 4 * SLOTS_PER_GROUP);
    return new Set(Array.from({ length: 2 * SLOTS_PER_GROUP }, () => groupOf(pool.take()!)));
  };
  assertEquals([...groups(4)], [0, 2, 4, 6]);
  assertEquals([...groups(6)], [1, 3, 5, 7]);
  assertEquals([...groups(6)].map(familyOfGroup), [6, 6, 6, 6]);
});
