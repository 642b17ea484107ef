import { assertEquals, assertRejects } from "../deps/assert.ts";
import { FakeTime } from "../../tests/support/fake_time.ts";
import { DeadlineDriver, type DeadlineSource } from "./deadline_driver.ts";

class Source implements DeadlineSource {
  nextDeadlineMs = Infinity;
  readonly handledAtMs: number[] = [];
  constructor(readonly then: () => void = () => {}) {}
  handleTimeouts(nowMs: number): void {
    this.handledAtMs.push(nowMs);
    this.nextDeadlineMs = Infinity;
    this.then();
  }
}

/** Counts the timers that are set while it lives. */
function countTimers(): { count: number } & Disposable {
  const real = globalThis.setTimeout;
  const counter = { count: 0, [Symbol.dispose]: () => void (globalThis.setTimeout = real) };
  Object.assign(globalThis, {
    setTimeout: (call: () => void, delayMs: number) => {
      counter.count++;
      return real(call, delayMs);
    },
  });
  return counter;
}

Deno.test("DeadlineDriver wakes a source at its deadline and not before", async () => {
  using time = new FakeTime();
  const driver = new DeadlineDriver();
  const source = new Source();
  driver.add(source);
  source.nextDeadlineMs = 500.25;
  driver.rearm();
  await time.advance(500);
  assertEquals(source.handledAtMs, []);
  await time.advance(10);
  assertEquals(source.handledAtMs, [501]);
});

Deno.test("DeadlineDriver sets a timer only for an earlier deadline", async () => {
  using time = new FakeTime();
  using timers = countTimers();
  const driver = new DeadlineDriver();
  const [a, b] = [new Source(), new Source()];
  driver.add(a);
  driver.add(b);
  a.nextDeadlineMs = 100;
  driver.rearm();
  b.nextDeadlineMs = 200;
  driver.rearm();
  a.nextDeadlineMs = 150;
  driver.rearm();
  assertEquals(timers.count, 1);
  b.nextDeadlineMs = 50;
  driver.rearm();
  assertEquals(timers.count, 2);
  await time.advance(300);
  assertEquals([a.handledAtMs, b.handledAtMs], [[150], [50]]);
});

Deno.test("DeadlineDriver sets its timer again after it has fired, once, for what has come up meanwhile", async () => {
  using time = new FakeTime();
  using timers = countTimers();
  const driver = new DeadlineDriver();
  const source = new Source(() => {
    if (source.handledAtMs.length < 3) source.nextDeadlineMs = source.handledAtMs.at(-1)! + 100;
    driver.rearm();
  });
  source.nextDeadlineMs = 100;
  driver.add(source);
  await time.advance(1000);
  assertEquals([source.handledAtMs, timers.count], [[100, 200, 300], 3]);
});

Deno.test("DeadlineDriver meets deadlines that lie close together in one turn", async () => {
  using time = new FakeTime();
  const driver = new DeadlineDriver();
  const [a, b] = [new Source(), new Source()];
  a.nextDeadlineMs = 0.5;
  b.nextDeadlineMs = 4;
  driver.add(a);
  driver.add(b);
  await time.advance(100);
  assertEquals([a.handledAtMs, b.handledAtMs], [[5], [5]]);
});

Deno.test("DeadlineDriver.close() stops it for good", async () => {
  using time = new FakeTime();
  const driver = new DeadlineDriver();
  const source = new Source();
  source.nextDeadlineMs = 100;
  driver.add(source);
  driver.close();
  source.nextDeadlineMs = 50;
  driver.rearm();
  await time.advance(1000);
  assertEquals(source.handledAtMs, []);
});

Deno.test("DeadlineDriver.close() stops it from within a source", async () => {
  using time = new FakeTime();
  const driver = new DeadlineDriver();
  const source = new Source(() => {
    source.nextDeadlineMs = 200;
    driver.close();
  });
  source.nextDeadlineMs = 100;
  driver.add(source);
  await time.advance(1000);
  driver.rearm();
  driver.close();
  await time.advance(1000);
  assertEquals(source.handledAtMs, [100]);
});

Deno.test("DeadlineDriver goes on after a source has failed", async () => {
  using time = new FakeTime();
  const driver = new DeadlineDriver();
  const failing = new Source(() => {
    throw new Error("a fault");
  });
  const other = new Source();
  driver.add(failing);
  driver.add(other);
  failing.nextDeadlineMs = 100;
  other.nextDeadlineMs = 200;
  driver.rearm();
  await assertRejects(() => time.advance(150), Error, "a fault"); // as the timer throws it
  await time.advance(150);
  assertEquals(other.handledAtMs, [200]);
});
