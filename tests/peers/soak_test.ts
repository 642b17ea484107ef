/**
 * Calls that come and go through dispatcher and relay, with media, for a bounded time: memory, descriptors and ports are
 * afterwards what they were when the programs were warm.
 * @module
 */
import { assert, assertEquals, assertMatch } from "../../src/deps/assert.ts";
import { answerText, ControlClient, type NamedCall, offerText, removeText } from "../bench/support/control_client.ts";
import { type Programs, startPrograms } from "../bench/support/our_programs.ts";
import { type LocalSocket, LOOPBACK, openSockets } from "../bench/support/sockets.ts";
import { openDescriptors, residentBytes } from "../bench/support/system.ts";
import { freeUdpBlock } from "./support/ports.ts";
import { until } from "./support/until.ts";

const CONNECTIONS = 8;
/** Caller's and callee's RTP and RTCP. */
const PORTS_PER_CALL = 4;
/** So few that ports are used again and again, and have to be waited for. */
const RANGE_CALLS = 400;
const REST_SECONDS = 1;
/** The programs are warm after the first third; then nothing may grow. */
const THIRD_MS = 12_000;
/** Of V8's heaps, all garbage collected: 0.1 to 0.3 MB more were seen in 20 runs, of compiled code and of tables that grow. */
const HEAP_NOISE_BYTES = 1024 * 1024;
/** What the system counts is less exact: garbage has had its pages, and allocators keep some. */
const RESIDENT_NOISE_BYTES = 6 * 1024 * 1024;
/** The least that shall be found if each call leaves it behind. A session has 8 KB (docs/operating.md). */
const LEAST_LEAK_BYTES = 150;
const PACKETS_PER_CALL = 2;
const PACKET_MS = 5;
const RTP_BYTES = 172;

/** One connection's calls, one after the other, until `endAtMs`; returns how many there were. */
async function churn(socketPath: string, line: number, endAtMs: number): Promise<number> {
  using client = await ControlClient.connect(socketPath);
  const [caller, callee] = openSockets(2, freeUdpBlock(4));
  let calls = 0;
  try {
    for (; performance.now() < endAtMs; calls++) {
      const call = { callId: `soak-${line}-${calls}-${endAtMs}`, callerPort: caller!.port, calleePort: callee!.port };
      const calleeSendsTo = await until("a port to have rested", () => offered(client, call), 5000 * REST_SECONDS);
      const callerSendsTo = await client.port(answerText(call));
      await talk([caller!, callerSendsTo], [callee!, calleeSendsTo]);
      assertMatch(await client.ask(removeText(call)), /^removed$/);
    }
  } finally {
    for (const { conn } of [caller!, callee!]) conn.close();
  }
  return calls;
}

/** The port for the callee, or undefined while the relay has none that has rested. */
async function offered(client: ControlClient, call: NamedCall): Promise<number | undefined> {
  const answer = await client.ask(offerText(call));
  return answer === "error" ? undefined : Number(/^127\.0\.0\.1 (\d+)$/.exec(answer)?.[1]);
}

type Party = readonly [socket: LocalSocket, sendsTo: number];

/** Both parties send until each has heard the other often enough; who speaks first may not be heard at once. */
async function talk(one: Party, other: Party): Promise<void> {
  let sequence = 0;
  const speak = () => {
    for (const [{ conn }, port] of [one, other]) {
      conn.send(rtp(sequence), { transport: "udp", hostname: LOOPBACK, port }).catch(() => {});
    }
    sequence++;
  };
  const timer = setInterval(speak, PACKET_MS);
  speak();
  try {
    await Promise.all([one, other].map(async ([{ conn }]) => {
      for (let heard = 0; heard < PACKETS_PER_CALL; heard++) await conn.receive();
    }));
  } finally {
    clearInterval(timer);
  }
}

function rtp(sequence: number): Uint8Array {
  const packet = new Uint8Array(RTP_BYTES);
  packet[0] = 0x80;
  packet[3] = sequence;
  return packet;
}

async function churnFor(programs: Programs, durationMs: number): Promise<number> {
  const endAtMs = performance.now() + durationMs;
  const lines = Array.from({ length: CONNECTIONS }, (_, line) => churn(programs.socketPath, line, endAtMs));
  return (await Promise.all(lines)).reduce((sum, calls) => sum + calls, 0);
}

/** Sets up as many calls as there are ports for; each may have to wait until ports have rested. */
async function fill(programs: Programs): Promise<void> {
  using client = await ControlClient.connect(programs.socketPath);
  const call = (index: number) => ({ callId: `full-${index}`, callerPort: 30_000, calleePort: 30_002 });
  for (let index = 0; index < RANGE_CALLS; index++) {
    await until(
      `ports for call ${index + 1} of ${RANGE_CALLS}`,
      () => offered(client, call(index)),
      5000 * REST_SECONDS,
    );
  }
  assertEquals(await client.ask(offerText(call(RANGE_CALLS))), "error");
}

/** What a process holds. */
interface Holdings {
  readonly heapBytes: number;
  readonly residentBytes: number;
  readonly descriptors: number;
}

async function holdingsOf(programs: Programs, name: "relay" | "dispatcher"): Promise<Holdings> {
  const heapBytes = (await programs.collectedHeapBytes(name))!;
  const { pid } = programs[name];
  return { heapBytes, residentBytes: residentBytes(pid), descriptors: openDescriptors(pid) };
}

Deno.test("calls that come and go for a while leave no memory, no sockets and no ports behind", async () => {
  const firstPort = freeUdpBlock(RANGE_CALLS * PORTS_PER_CALL);
  await using programs = await startPrograms({
    portRange: `${firstPort}:${firstPort + RANGE_CALLS * PORTS_PER_CALL}`,
    portRestTimeSeconds: REST_SECONDS,
    inspected: true,
  });
  const look = async () => ({
    relay: await holdingsOf(programs, "relay"),
    dispatcher: await holdingsOf(programs, "dispatcher"),
  });
  const idle = openDescriptors(programs.dispatcher.pid);
  await churnFor(programs, THIRD_MS);
  const warm = await look();
  const calls = await churnFor(programs, 2 * THIRD_MS);
  const after = await look();
  // The harness is no use if it would not see a leak.
  assert(calls * LEAST_LEAK_BYTES > HEAP_NOISE_BYTES, `only ${calls} calls went through`);
  for (const name of ["relay", "dispatcher"] as const) {
    for (const [kind, most] of [["heapBytes", HEAP_NOISE_BYTES], ["residentBytes", RESIDENT_NOISE_BYTES]] as const) {
      const grown = after[name][kind] - warm[name][kind];
      assert(grown < most, `the ${name}'s ${kind} have grown by ${grown} over ${calls} calls`);
    }
  }
  // The relay binds every port of its range sooner or later, and keeps them bound.
  const most = warm.relay.descriptors + RANGE_CALLS * PORTS_PER_CALL;
  assert(
    after.relay.descriptors <= most,
    `the relay has ${after.relay.descriptors} descriptors, at most ${most} wanted`,
  );
  await until("the dispatcher to close its connections", () => openDescriptors(programs.dispatcher.pid) <= idle);
  await fill(programs);
});
