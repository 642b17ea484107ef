import { assertEquals } from "../../src/deps/assert.ts";
import { FakePair } from "../../tests/support/fake_gate.ts";
import { type FlowPair, flowPair } from "./flow.ts";
import { countsOf, type KernelPairOwner, type KernelReply } from "./gate.ts";
import { WorkerPairs } from "./worker_pairs.ts";

const END = { remote: { address: "192.0.2.1", port: 1 }, local: { address: "192.0.2.9", port: 40_000 } };
const FLOWS = flowPair(END, END)!;

class Setup {
  on = true;
  readonly carried: FakePair[] = [];
  /** What was posted: to which worker, and what. */
  posted: [worker: number, reply: KernelReply][] = [];
  readonly pairs = new WorkerPairs(this, (...args) => void this.posted.push(args));

  enter(flows: FlowPair, owner: KernelPairOwner): FakePair | undefined {
    if (!this.on) return undefined;
    const pair = new FakePair(flows, owner);
    this.carried.push(pair);
    return pair;
  }

  /** Workers 1 and 2 run. */
  constructor() {
    this.pairs.started(1);
    this.pairs.started(2);
    this.posted = [];
  }

  enters(worker: number, pair: number): FakePair {
    this.pairs.received(worker, { type: "enter", pair, flows: FLOWS });
    return this.carried.at(-1)!;
  }
}

Deno.test("WorkerPairs: a lost worker's pairs leave the kernel, and no others", () => {
  const setup = new Setup();
  const [first, second, other] = [setup.enters(1, 1), setup.enters(1, 2), setup.enters(2, 1)];
  setup.pairs.lost(1);
  assertEquals([first, second, other].map(({ wantedBack }) => wantedBack), ["asked", "asked", undefined]);
});

Deno.test("WorkerPairs: who takes a worker's place is not told of the pairs that were there before", () => {
  const setup = new Setup();
  const before = setup.enters(1, 1);
  setup.pairs.started(1); // without a word about the loss
  assertEquals(before.wantedBack, "asked");
  setup.posted = [];
  const after = setup.enters(1, 1);
  before.owner.entered(0);
  before.counted(3, 4, 0);
  before.left(0);
  setup.pairs.read();
  assertEquals(setup.posted, []);
  setup.pairs.received(1, { type: "leave", pair: 1, why: "asked" });
  assertEquals(after.wantedBack, "asked", "the pair was forgotten with its predecessor");
});

Deno.test("WorkerPairs: each worker is told its counts at once, before that a pair has left", () => {
  const setup = new Setup();
  const [first, second, other] = [setup.enters(1, 1), setup.enters(1, 2), setup.enters(2, 1)];
  first.counted(3, 0, 0);
  second.counted(1, 2, 0);
  other.counted(0, 5, 0);
  assertEquals(setup.posted, []);
  second.left(0);
  setup.pairs.read();
  setup.pairs.read();
  assertEquals(setup.posted, [
    [1, { type: "counted", counts: Float64Array.of(1, 3, 516, 0, 0, 2, 1, 172, 2, 344) }],
    [1, { type: "left", pair: 2, why: "asked" }],
    [2, { type: "counted", counts: Float64Array.of(1, 0, 0, 5, 860) }],
  ]);
});

Deno.test("WorkerPairs: a pair that cannot be carried leaves, and may try again if the path is off", () => {
  const setup = new Setup();
  setup.on = false;
  setup.pairs.received(1, { type: "enter", pair: 1, flows: FLOWS });
  setup.pairs.changed(true);
  assertEquals(setup.posted, [
    [1, { type: "left", pair: 1, why: "lost" }],
    [1, { type: "open", open: true }],
    [2, { type: "open", open: true }],
  ]);
});

Deno.test("countsOf() reads what WorkerPairs writes", () => {
  const none = { packets: 0, bytes: 0 };
  const counts = Float64Array.of(7, 3, 516, 0, 0, 2 ** 40, 0, 0, 2, 2 ** 45);
  assertEquals([...countsOf(counts)], [
    { pair: 7, caller: { packets: 3, bytes: 516 }, callee: none },
    { pair: 2 ** 40, caller: none, callee: { packets: 2, bytes: 2 ** 45 } },
  ]);
});
