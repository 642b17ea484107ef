import { assertEquals, assertStringIncludes } from "../../src/deps/assert.ts";
import type { Counts, FlowPair } from "./flow.ts";
import { KernelPath, type LeaveReason, type Reading, type Step } from "./kernel_path.ts";
import { KernelTable } from "./table.ts";

const OPTIONS = { firstPort: 40_000, endPort: 60_000, addresses: ["198.51.100.9"], dscp: undefined };
const IPV4_HEADERS = 28;

function pairOf(id: number, address = "192.0.2.1"): FlowPair {
  const local = { address: address.includes(":") ? "2001:db8::9" : "198.51.100.9", port: 40_000 + 4 * id };
  const from = { ...local, port: local.port + 2 };
  const [caller, callee] = [{ address, port: 4000 + id }, { address, port: 5000 + id }];
  return [{ source: caller, local, from, to: callee }, { source: callee, local: from, from: local, to: caller }];
}

/** nft and the kernel: does what it is told in order, one thing at a time, when the test says so. */
class FakeKernel {
  readonly path: KernelPath;
  readonly queue: ({ commands: string; step: Step } | Reading)[] = [];
  readonly executed: string[] = [];
  readonly taken = new Map<number, Counts>();
  readonly given = new Map<number, Counts>();
  readonly entered: number[] = [];
  readonly counted: [id: number, caller: Counts, callee: Counts][] = [];
  readonly left: [id: number, why: LeaveReason][] = [];
  readonly failures: string[] = [];
  /** Commands that are refused. */
  refuses: RegExp = /^$/;
  listMs = 0;
  reads = 0;
  nowMs = 0;

  constructor(table = new KernelTable(0, OPTIONS)) {
    this.path = new KernelPath(table, 15_000, {
      execute: (commands, step) => this.queue.push({ commands, step }),
      list: (readings) => this.queue.push(...readings),
      entered: (id) => this.entered.push(id),
      counted: (...args) => this.counted.push(args),
      read: () => this.reads++,
      left: (...args) => this.left.push(args),
      failing: (reason) => this.failures.push(reason),
    });
  }

  /** Does what waits, and what comes of it. */
  work(): void {
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      if ("group" in next) {
        this.nowMs += this.listMs;
        this.path.listed(next.group, this.taken, next.both ? this.given : undefined, this.nowMs);
      } else if (this.refuses.test(next.commands)) {
        this.path.failed(next.step, "File exists");
      } else {
        this.executed.push(next.commands);
        this.path.executed(next.step, this.nowMs);
      }
    }
  }

  advance(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += 20;
      this.path.handleTimeout(this.nowMs);
      this.work();
    }
  }

  /** The party's packets, of 172 bytes each, so far. `lost` of them are not given on. */
  sent(slot: number, packets: number, lost = 0): void {
    const mark = 0x4d000000 + slot;
    this.taken.set(mark, { packets, bytes: packets * (172 + IPV4_HEADERS) });
    this.given.set(mark, { packets: packets - lost, bytes: (packets - lost) * (172 + IPV4_HEADERS) });
  }
}

function counts(packets: number): Counts {
  return { packets, bytes: packets * 172 };
}

Deno.test("KernelPath tells what each party sent, as payload, since the last time", () => {
  const kernel = new FakeKernel();
  kernel.path.enter(7, pairOf(0));
  assertEquals(kernel.entered, []);
  kernel.work();
  assertEquals(kernel.entered, [7]);
  kernel.sent(0, 4);
  kernel.advance(100);
  assertEquals(kernel.counted, [[7, counts(4), counts(0)]]);
  kernel.sent(0, 54);
  kernel.sent(1, 3);
  kernel.advance(2000);
  assertEquals(kernel.counted.slice(1), [[7, counts(50), counts(3)]]);
  kernel.advance(3000);
  assertEquals(kernel.counted.length, 2, "counted though nothing was sent");
});

Deno.test("KernelPath counts the last packets of a pair after it takes no more of them", () => {
  const kernel = new FakeKernel();
  kernel.path.enter(7, pairOf(0));
  kernel.work();
  kernel.sent(0, 10);
  kernel.advance(1000);
  kernel.path.leave(7, "asked", kernel.nowMs);
  kernel.sent(0, 12); // before nft has come to it
  kernel.work();
  assertEquals(kernel.counted.at(-1), [7, counts(2), counts(0)]);
  assertEquals(kernel.left, [[7, "asked"]]);
  assertEquals(kernel.path.size, 0);
  assertStringIncludes(
    kernel.executed.at(-1)!,
    "delete element ip mediaproxy_0 to_port_0 { 0x4d000000, 0x4d000001 }",
  );
  kernel.path.leave(7, "asked", kernel.nowMs);
  assertEquals(kernel.queue, [], "a pair that has left was taken out again");
});

Deno.test("KernelPath takes a pair out once, whatever is read meanwhile", () => {
  const kernel = new FakeKernel();
  kernel.path.enter(7, pairOf(0));
  kernel.work();
  kernel.nowMs = 1000;
  kernel.path.handleTimeout(kernel.nowMs);
  kernel.sent(0, 10);
  kernel.path.leave(7, "asked", kernel.nowMs);
  kernel.path.listed(0, kernel.taken, kernel.given, kernel.nowMs);
  kernel.path.leave(7, "asked", kernel.nowMs);
  assertEquals(kernel.queue.filter((it) => "step" in it && it.step.kind === "leave").length, 1);
});

Deno.test("KernelPath ends a trial with counters that were read after it", () => {
  const kernel = new FakeKernel();
  kernel.advance(100);
  kernel.path.enter(7, pairOf(0));
  kernel.work();
  kernel.path.enter(8, pairOf(1));
  kernel.work();
  kernel.path.leave(8, "asked", kernel.nowMs);
  const leave = kernel.queue.shift()!;
  if ("step" in leave) kernel.path.executed(leave.step, kernel.nowMs);
  assertEquals(kernel.queue, [{ group: 0, both: false }]);
  kernel.nowMs += 100;
  kernel.path.handleTimeout(kernel.nowMs); // the trial is over while a reading is on its way
  kernel.queue.shift();
  kernel.path.listed(0, new Map(), new Map(), kernel.nowMs);
  assertEquals(kernel.queue.at(-1), { group: 0, both: true });
});

Deno.test("KernelPath takes a pair out that is on its way in", () => {
  const kernel = new FakeKernel();
  kernel.path.enter(7, pairOf(0));
  kernel.path.leave(7, "asked", 0);
  kernel.work();
  assertEquals(kernel.left, [[7, "asked"]]);
  assertEquals(kernel.entered, []);
  assertEquals(kernel.failures, []);
});

Deno.test("KernelPath takes out what the kernel takes but does not send on, and loses a few packets at most", () => {
  const kernel = new FakeKernel();
  kernel.advance(100); // it is not yet time to read all counters again
  kernel.path.enter(7, pairOf(0));
  kernel.work();
  kernel.sent(0, 3, 3);
  kernel.advance(100);
  assertEquals(kernel.left, [[7, "eaten"]]);
});

Deno.test("KernelPath takes out a pair that loses some packets later, which says nothing of the path", () => {
  const kernel = new FakeKernel();
  for (let id = 0; id < 10; id++) kernel.path.enter(id, pairOf(id));
  kernel.work();
  for (let id = 0; id < 10; id++) kernel.sent(2 * id, 100);
  kernel.advance(100);
  for (let id = 0; id < 10; id++) kernel.sent(2 * id, 200, 5);
  kernel.advance(2000);
  assertEquals(kernel.left.map(([, why]) => why), Array(10).fill("partly eaten"));
  assertEquals(kernel.failures, []);
});

Deno.test("KernelPath gives up after several troubles within a minute", () => {
  const kernel = new FakeKernel();
  for (let id = 0; id < 4; id++) {
    kernel.path.enter(id, pairOf(id));
    kernel.work();
    kernel.path.leave(id, "not taken", kernel.nowMs);
    kernel.work();
  }
  kernel.advance(61_000);
  kernel.path.enter(4, pairOf(4));
  kernel.path.leave(4, "not taken", kernel.nowMs);
  assertEquals(kernel.failures, [], "troubles of more than a minute ago were counted");
  for (let id = 5; id < 9; id++) {
    kernel.path.enter(id, pairOf(id));
    kernel.path.leave(id, "not taken", kernel.nowMs);
  }
  assertEquals(kernel.failures.length, 1);
  assertStringIncludes(kernel.failures[0]!, "other rules come before ours");
});

Deno.test("KernelPath gives a pair back that nft refuses, and its slots to the next", () => {
  const kernel = new FakeKernel();
  kernel.refuses = /192\.0\.2\.66/;
  kernel.path.enter(7, pairOf(0, "192.0.2.66"));
  kernel.path.enter(8, pairOf(1));
  kernel.path.leave(7, "asked", 0);
  kernel.work();
  assertEquals(kernel.left, [[7, "refused"]]);
  kernel.path.enter(9, pairOf(2));
  kernel.work();
  assertStringIncludes(kernel.executed.at(-1)!, "to_port_0 { 0x4d000000 : 5002");
});

Deno.test("KernelPath tells all owners when nft has ended, and takes nothing more", () => {
  const kernel = new FakeKernel();
  kernel.path.enter(7, pairOf(0));
  kernel.path.enter(8, pairOf(1));
  kernel.work();
  kernel.path.gone();
  assertEquals(kernel.left, [[7, "lost"], [8, "lost"]]);
  assertEquals(kernel.path.enter(9, pairOf(2)), false);
});

Deno.test("KernelPath gives up when nft does not know what it was told", () => {
  const kernel = new FakeKernel();
  kernel.path.enter(7, pairOf(0));
  kernel.work();
  kernel.refuses = /^delete/;
  kernel.path.leave(7, "asked", 0);
  kernel.work();
  assertStringIncludes(kernel.failures[0]!, "File exists");
});

Deno.test("KernelPath refuses a pair when all slots are taken", () => {
  const kernel = new FakeKernel(new KernelTable(0, { ...OPTIONS, endPort: 40_004 }));
  assertEquals(kernel.path.enter(1, pairOf(0)), true);
  assertEquals(kernel.path.enter(2, pairOf(1)), true);
  assertEquals(kernel.path.enter(3, pairOf(2)), false);
});

Deno.test("KernelPath spends a 400th of the time with reading at most, and reads every 15 s at least", () => {
  const readings = (listMs: number, ms: number) => {
    const kernel = new FakeKernel();
    for (let id = 0; id < 64; id++) kernel.path.enter(id, pairOf(id)); // two groups
    kernel.work();
    kernel.advance(2000);
    kernel.listMs = listMs;
    const { listed } = kernel.path;
    let count = 0;
    kernel.path.listed = (...args) => {
      count++;
      listed.apply(kernel.path, args);
    };
    kernel.advance(ms);
    return count / 2;
  };
  assertEquals(readings(1, 60_000), 30);
  assertEquals(readings(12, 60_000), 7);
  assertEquals(readings(1000, 60_000), 4);
});

Deno.test("KernelPath reads many groups some at once, what was given of each in every third time, and tells once", () => {
  const kernel = new FakeKernel();
  for (let id = 0; id < 10 * 32; id++) kernel.path.enter(id, pairOf(id));
  kernel.work();
  kernel.advance(2000);
  const [turns, reads] = [3, kernel.reads];
  const both: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    kernel.nowMs += 2000;
    kernel.path.handleTimeout(kernel.nowMs);
    for (const asked of [8, 2]) {
      const readings = kernel.queue.splice(0) as Reading[];
      assertEquals(readings.length, asked);
      both.push(...readings.filter((it) => it.both).map(({ group }) => group / 2));
      for (const { group } of readings) kernel.path.listed(group, kernel.taken, undefined, kernel.nowMs);
    }
  }
  assertEquals(both.toSorted((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(kernel.reads - reads, turns);
});

Deno.test("KernelPath counts IPv6 payload", () => {
  const kernel = new FakeKernel();
  kernel.path.enter(7, pairOf(0, "2001:db8::1"));
  kernel.work();
  kernel.taken.set(0x4d000040, { packets: 2, bytes: 2 * 220 });
  kernel.given.set(0x4d000040, { packets: 2, bytes: 2 * 220 });
  kernel.advance(100);
  assertEquals(kernel.counted, [[7, counts(2), counts(0)]]);
});

Deno.test("KernelPath reads a group that many pairs leave only twice", () => {
  const kernel = new FakeKernel();
  for (let id = 0; id < 30; id++) kernel.path.enter(id, pairOf(id));
  kernel.work();
  kernel.advance(200);
  let listings = 0;
  kernel.path.leaveAll(kernel.nowMs);
  const push = kernel.queue.push.bind(kernel.queue);
  kernel.queue.push = (...items) => {
    listings += items.filter((item) => "group" in item).length;
    return push(...items);
  };
  kernel.work();
  assertEquals(kernel.left.length, 30);
  assertEquals(listings, 2);
});
