import { assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { DeadlineQueue, NOT_QUEUED, type Timed } from "./deadlines.ts";

/** Is due at the times in `pending`, and writes down when it was called. */
class Item implements Timed {
  queueIndex = NOT_QUEUED;
  nextDeadlineMs = Infinity;
  readonly firedAtMs: number[] = [];
  constructor(readonly name: string, readonly log: string[] = [], readonly then: (item: Item) => void = () => {}) {}
  handleTimeout(nowMs: number): void {
    this.firedAtMs.push(nowMs);
    this.log.push(this.name);
    this.nextDeadlineMs = Infinity;
    this.then(this);
  }
}

function schedule(queue: DeadlineQueue<Item>, item: Item, atMs: number): void {
  item.nextDeadlineMs = atMs;
  queue.schedule(item);
}

Deno.test("DeadlineQueue calls what is due, in order, never early", () => {
  const queue = new DeadlineQueue<Item>();
  const log: string[] = [];
  const [a, b, c] = [new Item("a", log), new Item("b", log), new Item("c", log)] as const;
  schedule(queue, a, 30);
  schedule(queue, b, 10.5);
  schedule(queue, c, 20);
  assertEquals(queue.nextDeadlineMs, 10.5);
  queue.handleTimeouts(10.4);
  assertEquals(log, []);
  queue.handleTimeouts(25);
  assertEquals([log, queue.nextDeadlineMs, queue.size], [["b", "c"], 30, 1]);
  queue.handleTimeouts(30);
  assertEquals([log, queue.nextDeadlineMs, queue.size], [["b", "c", "a"], Infinity, 0]);
});

Deno.test("DeadlineQueue follows a deadline that moves, or goes away", () => {
  const queue = new DeadlineQueue<Item>();
  const item = new Item("a");
  schedule(queue, item, 10);
  schedule(queue, item, 50);
  queue.handleTimeouts(49);
  schedule(queue, item, 20);
  assertEquals([item.firedAtMs, queue.nextDeadlineMs], [[], 20]);
  schedule(queue, item, Infinity);
  queue.handleTimeouts(60);
  assertEquals([item.firedAtMs, queue.size, item.queueIndex], [[], 0, NOT_QUEUED]);
});

Deno.test("DeadlineQueue forgets what is removed, twice too", () => {
  const queue = new DeadlineQueue<Item>();
  const items = [5, 3, 8, 1].map((atMs) => {
    const item = new Item(`${atMs}`);
    schedule(queue, item, atMs);
    return item;
  });
  queue.remove(items[3]!);
  queue.remove(items[3]!);
  assertEquals([queue.size, queue.nextDeadlineMs], [3, 3]);
  queue.handleTimeouts(100);
  assertEquals(items.map(({ firedAtMs }) => firedAtMs.length), [1, 1, 1, 0]);
});

Deno.test("DeadlineQueue lets what is called remove, add and move others, and itself", () => {
  const queue = new DeadlineQueue<Item>();
  const log: string[] = [];
  const victim = new Item("victim", log);
  const added = new Item("added", log);
  const again = new Item("again", log, (item) => {
    if (item.firedAtMs.length < 3) item.nextDeadlineMs = item.firedAtMs.length;
  });
  const first = new Item("first", log, (item) => {
    queue.remove(victim);
    queue.remove(item);
    schedule(queue, added, 0);
  });
  schedule(queue, first, 1);
  schedule(queue, again, 1);
  schedule(queue, victim, 2);
  queue.handleTimeouts(10);
  assertEquals([log, queue.size], [["first", "added", "again", "again", "again"], 0]);
});

Deno.test("DeadlineQueue wakes its owner only when there is an earlier deadline", () => {
  const wokenAtMs: number[] = [];
  const queue: DeadlineQueue<Item> = new DeadlineQueue(() => wokenAtMs.push(queue.nextDeadlineMs));
  const item = new Item("a");
  schedule(queue, item, 10);
  schedule(queue, new Item("b"), 20);
  schedule(queue, item, 30);
  schedule(queue, new Item("c"), 5);
  assertEquals(wokenAtMs, [10, 5]);
});

Deno.test("DeadlineQueue does what a search through all things would, whatever happens", () => {
  const step = fc.record({
    kind: fc.constantFrom("at", "at", "at", "never", "remove", "time"),
    item: fc.nat(29),
    ms: fc.nat(60),
  });
  fc.assert(fc.property(fc.array(step, { minLength: 60, maxLength: 200 }), (steps) => {
    const queue = new DeadlineQueue<Item>();
    const items = Array.from({ length: 30 }, (_, index) => new Item(`${index}`));
    const expectedMs = items.map(() => Infinity);
    let nowMs = 0;
    for (const { kind, item, ms } of steps) {
      if (kind === "time") {
        nowMs += ms;
        queue.handleTimeouts(nowMs);
        expectedMs.forEach((atMs, index) => {
          const { firedAtMs } = items[index]!;
          assertEquals(firedAtMs.splice(0), atMs <= nowMs ? [nowMs] : []);
          if (atMs <= nowMs) expectedMs[index] = Infinity;
        });
      } else if (kind === "remove") {
        queue.remove(items[item]!);
        items[item]!.nextDeadlineMs = expectedMs[item] = Infinity;
      } else {
        expectedMs[item] = kind === "at" ? nowMs + ms : Infinity;
        schedule(queue, items[item]!, expectedMs[item]);
      }
      const earliestMs = Math.min(...expectedMs);
      assertEquals(queue.nextDeadlineMs <= earliestMs, true);
    }
    queue.handleTimeouts(1e9);
    assertEquals([queue.size, queue.nextDeadlineMs], [0, Infinity]);
  }));
});
