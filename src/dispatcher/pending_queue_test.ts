import { assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { PendingQueue } from "./pending_queue.ts";

Deno.test("PendingQueue numbers what is added, and gives it back once", () => {
  const queue = new PendingQueue<string>();
  assertEquals([queue.add("a"), queue.add("b"), queue.add("c")], [0, 1, 2]);
  assertEquals([queue.take(1), queue.take(1), queue.take(7), queue.take(-1)], ["b", undefined, undefined, undefined]);
  assertEquals([queue.oldest, queue.size, queue.span, [...queue]], ["a", 2, 3, ["a", "c"]]);
  assertEquals([queue.takeOldest(), queue.oldest, queue.span], ["a", "c", 1]);
  assertEquals([queue.take(2), queue.take(2), queue.oldest, queue.span], ["c", undefined, undefined, 0]);
  assertEquals([queue.add("d"), queue.take(3), queue.takeOldest()], [3, "d", undefined]);
});

Deno.test("PendingQueue does what a Map would, whatever happens in whatever order", () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.constant("add"), fc.nat(20))), (steps) => {
    const queue = new PendingQueue<number>();
    const model = new Map<number, number>();
    let next = 0;
    for (const step of steps) {
      if (step === "add") {
        assertEquals(queue.add(next * 10), next);
        model.set(next, next++ * 10);
      } else {
        assertEquals(queue.take(Number(step)), model.get(Number(step)));
        model.delete(Number(step));
      }
      assertEquals([queue.size, [...queue]], [model.size, [...model.values()]]);
    }
  }));
});
