/** A dispatcher or a relay that dies, or hangs, in the middle of the calls of real phones through our proxy. @module */
import { assert, assertEquals } from "../../src/deps/assert.ts";
import type { Baresip } from "./support/baresip.ts";
import { RELAY_ADDRESS } from "./support/lab.ts";
import { hearEachOther, type LabBench, sharedLab } from "./support/lab_bench.ts";
import { IDLE_TIMEOUT_SECONDS } from "./support/lab_service.ts";
import { startServer } from "./support/our_service.ts";

/** Until the relay has given up a session that nobody removed, and everybody has been told. */
const FORGOTTEN_DEADLINE_MS = 1000 * IDLE_TIMEOUT_SECONDS + 15_000;

const lab = sharedLab((lab) => startServer(lab));

type Pair = readonly [caller: Baresip, callee: Baresip];

lab.test("sound goes on while the dispatcher is dead; calls begin and end, and when it is back nothing is left", async (bench) => {
  const { media } = bench.service;
  const [lasting, ending, neighbours] = await startPairs(bench);
  await Promise.all([startTalking(bench, lasting), startTalking(bench, ending)]);
  media.dispatcher.signal("SIGKILL");
  await media.dispatcher.ended();
  await Promise.all([hearEachOther(...lasting), hearEachOther(...ending)]);
  await callWithoutRelay(bench, neighbours);
  await bench.disconnect(...ending);
  await hearEachOther(...lasting);
  await media.startDispatcher();
  await hearEachOther(...lasting);
  await callThroughRelay(bench, ending);
  await bench.disconnect(...lasting);
  await bench.nothingLeft(FORGOTTEN_DEADLINE_MS);
});

lab.test("a dispatcher that hangs holds up no call: those that are up go on, others begin without a relay and end", async (bench) => {
  const { dispatcher } = bench.service.media;
  const [lasting, ending, neighbours] = await startPairs(bench);
  await Promise.all([startTalking(bench, lasting), startTalking(bench, ending)]);
  dispatcher.signal("SIGSTOP");
  try {
    await callWithoutRelay(bench, neighbours);
    await bench.disconnect(...ending);
    await hearEachOther(...lasting);
  } finally {
    dispatcher.signal("SIGCONT");
  }
  await hearEachOther(...lasting);
  await callThroughRelay(bench, ending);
  await bench.disconnect(...lasting);
  await bench.nothingLeft(FORGOTTEN_DEADLINE_MS);
});

lab.test("a relay that is killed takes its calls with it: the phones are told, and with a new one they call again", async (bench) => {
  const { media } = bench.service;
  const [lost, , neighbours] = await startPairs(bench);
  await startTalking(bench, lost);
  media.relay.signal("SIGKILL");
  await media.relay.ended();
  await callWithoutRelay(bench, neighbours);
  await media.startRelay();
  await Promise.all(lost.map((phone) => phone.event("CALL_CLOSED", FORGOTTEN_DEADLINE_MS)));
  await callThroughRelay(bench, lost);
  await bench.nothingLeft();
});

lab.test("a relay that hangs holds up no call: others begin without it and end, and its own have sound again later", async (bench) => {
  const { relay } = bench.service.media;
  const [lasting, , neighbours] = await startPairs(bench);
  await startTalking(bench, lasting);
  relay.signal("SIGSTOP");
  try {
    await callWithoutRelay(bench, neighbours);
  } finally {
    relay.signal("SIGCONT");
  }
  await hearEachOther(...lasting);
  await bench.disconnect(...lasting);
  await bench.nothingLeft(FORGOTTEN_DEADLINE_MS);
});

/** Two pairs of phones in homes of their own, and two phones that share a home. */
async function startPairs(bench: LabBench): Promise<[Pair, Pair, Pair]> {
  const [one, other, shared] = await Promise.all([
    bench.addHome({ nat: "port-restricted", phones: 2 }),
    bench.addHome({ nat: "symmetric", phones: 2 }),
    bench.addHome({ nat: "symmetric", phones: 2 }),
  ]);
  const second = { phone: 1 };
  const phones = await Promise.all([
    ...[bench.startPhone(one), bench.startPhone(other)],
    ...[bench.startPhone(one, second), bench.startPhone(other, second)],
    ...[bench.startPhone(shared), bench.startPhone(shared, second)],
  ]);
  return [[phones[0]!, phones[1]!], [phones[2]!, phones[3]!], [phones[4]!, phones[5]!]];
}

async function startTalking(bench: LabBench, pair: Pair): Promise<void> {
  await bench.call(...pair);
  await hearEachOther(...pair);
}

/** Phones in one home hear each other without help, if they are told each other's own address. */
async function callWithoutRelay(bench: LabBench, [caller, callee]: Pair): Promise<void> {
  await startTalking(bench, [caller, callee]);
  assert(!callee.offeredAddresses().includes(RELAY_ADDRESS), "it has a relay");
  await bench.disconnect(caller, callee);
}

async function callThroughRelay(bench: LabBench, pair: Pair): Promise<void> {
  await startTalking(bench, pair);
  assertEquals(pair[1].offeredAddresses(), [RELAY_ADDRESS]);
  await bench.disconnect(...pair);
}
