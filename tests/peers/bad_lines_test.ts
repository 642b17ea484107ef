/**
 * Lines that delay, reorder, repeat and lose: what the relay's statistics say of a call is what the line has done to it,
 * and all that came is forwarded.
 * @module
 */
import type { MediaQuality } from "../../src/control/quality.ts";
import { assert, assertEquals } from "../../src/deps/assert.ts";
import { answerText, ControlClient, offerText } from "../bench/support/control_client.ts";
import { type Programs, startPrograms } from "../bench/support/our_programs.ts";
import { seededRandom } from "../support/fakes.ts";
import { BadLine, type Departure, type LineOptions } from "./support/bad_line.ts";
import { freeUdpBlock } from "./support/ports.ts";
import { TalkingSocket } from "./support/talking_socket.ts";
import { until } from "./support/until.ts";

const [CALLER_SSRC, CALLEE_SSRC] = [1111, 2222];
const PACKETS = 200;
const PACKET_MS = 20;
const RELAY_PORTS = 40;
/** As much as a bad radio link; two packets are less far apart. */
const MAX_DELAY_MS = 60;

/** What a line has done to a flow, by RFC 3550 §A.8 where it is about jitter. */
interface Caused {
  readonly came: number;
  readonly reordered: number;
  readonly duplicates: number;
  readonly jitterMs: number;
}

function caused(departures: readonly Departure[]): Caused {
  const came = new Set<number>();
  let [highest, reordered, duplicates, jitterMs] = [0, 0, 0, 0];
  let before: Departure | undefined;
  for (const departure of departures) {
    const { sequenceNumber, atMs } = departure;
    if (came.has(sequenceNumber)) {
      duplicates++;
      continue;
    }
    came.add(sequenceNumber);
    if (sequenceNumber < highest) reordered++;
    highest = Math.max(highest, sequenceNumber);
    if (before !== undefined) {
      const deviationMs = Math.abs(atMs - before.atMs - PACKET_MS * (sequenceNumber - before.sequenceNumber));
      jitterMs += (deviationMs - jitterMs) / 16;
    }
    before = departure;
  }
  return { came: came.size, reordered, duplicates, jitterMs };
}

/** What was done, and what the relay and the callee know of it. */
interface Outcome {
  readonly caused: Caused;
  /** Sequence numbers. */
  readonly lost: readonly number[];
  readonly departed: number;
  readonly heard: number;
  readonly callerQuality: MediaQuality;
  readonly calleeQuality: MediaQuality;
}

/** A call in which the caller has such a line, and the callee a good one. */
async function talkThrough(programs: Programs, callId: string, options: Omit<LineOptions, "maxDelayMs">) {
  const [callerPort, phoneEnd, relayEnd, calleePort] = [
    freeUdpBlock(2),
    freeUdpBlock(2),
    freeUdpBlock(2),
    freeUdpBlock(2),
  ];
  using client = await ControlClient.connect(programs.socketPath);
  using caller = new TalkingSocket(place(callerPort));
  using callee = new TalkingSocket(place(calleePort));
  const call = { callId, callerPort: relayEnd, calleePort };
  const calleeSendsTo = await client.port(offerText(call));
  const callerSendsTo = await client.port(answerText(call));
  using line = new BadLine(
    phoneEnd,
    relayEnd,
    address(callerSendsTo),
    address(callerPort),
    { ...options, maxDelayMs: MAX_DELAY_MS },
  );
  const speak = (phone: TalkingSocket, ssrc: number, to: number, packets: number) =>
    phone.send({ kind: "rtp", to: place(to), packets, ssrc, paceMs: PACKET_MS });
  await speak(callee, CALLEE_SSRC, calleeSendsTo, 1); // before that the relay knows no place for the caller's
  await until("the relay to know the callee", async () => {
    const [stream] = (await programs.sessions()).find((it) => it.call_id.startsWith(callId))!.streams;
    return stream!.callee_remote === place(calleePort);
  });
  await Promise.all([
    speak(caller, CALLER_SSRC, phoneEnd, PACKETS),
    speak(callee, CALLEE_SSRC, calleeSendsTo, PACKETS),
  ]);
  let heard = 0;
  await until(() => `what left the line to be heard: ${heard} of ${line.departures.length}`, () => {
    heard += callee.takeArrivals()[`${CALLER_SSRC} from ${place(calleeSendsTo)}`] ?? 0;
    return caused(line.departures).came + line.lost.length === PACKETS && heard === line.departures.length;
  });
  const [stream] = (await programs.sessions()).find((it) => it.call_id.startsWith(callId))!.streams;
  return {
    caused: caused(line.departures),
    lost: line.lost,
    departed: line.departures.length,
    heard,
    callerQuality: stream!.caller_quality!,
    calleeQuality: stream!.callee_quality!,
  } satisfies Outcome;
}

function place(port: number): string {
  return `127.0.0.1:${port}`;
}

function address(port: number): Deno.NetAddr {
  return { transport: "udp", hostname: "127.0.0.1", port };
}

function startRelayAndDispatcher(): Promise<Programs> {
  const firstPort = freeUdpBlock(RELAY_PORTS);
  return startPrograms({ portRange: `${firstPort}:${firstPort + RELAY_PORTS}`, portRestTimeSeconds: 1, workers: 1 });
}

/** That the relay says of the caller's packets what was done to them, and of the callee's that nothing was. */
function assertTold({ caused, lost, callerQuality, calleeQuality }: Outcome): void {
  const { packets, reordered, duplicates, jitter_ms: jitterMs } = callerQuality;
  assertEquals([packets, reordered, duplicates], [caused.came, caused.reordered, caused.duplicates]);
  assert(caused.jitterMs > 5, `the line has caused ${caused.jitterMs} ms of jitter, which says little`);
  assert(
    jitterMs! > caused.jitterMs * 0.75 && jitterMs! < caused.jitterMs * 1.25,
    `the relay says ${jitterMs} ms of jitter, the line has caused ${caused.jitterMs}`,
  );
  assertEquals(callerQuality.lost, lost.length);
  assertEquals(
    [calleeQuality.packets, calleeQuality.lost, calleeQuality.reordered, calleeQuality.duplicates],
    [PACKETS + 1, 0, 0, 0],
  );
  assert(calleeQuality.jitter_ms! < jitterMs!, `the callee's line has ${calleeQuality.jitter_ms} ms of jitter`);
}

Deno.test("packets that only come late, in another order, or twice are told so, and none counts as lost", async () => {
  await using programs = await startRelayAndDispatcher();
  const outcome = await talkThrough(programs, "late", {
    random: seededRandom(7),
    reordered: 15,
    repeated: 5,
    lost: 0,
  });
  const { caused, callerQuality } = outcome;
  assert(caused.reordered > 10 && caused.duplicates > 3, JSON.stringify(caused));
  assertTold(outcome);
  assertEquals([callerQuality.loss_percent, callerQuality.loss_bursts], [0, 0]);
});

Deno.test("of packets that are lost among others that come late, exactly those that are lost count as lost", async () => {
  await using programs = await startRelayAndDispatcher();
  const outcome = await talkThrough(programs, "lost", {
    random: seededRandom(11),
    reordered: 15,
    repeated: 5,
    lost: 10,
  });
  assert(outcome.lost.length > 10, `${outcome.lost.length} packets were lost`);
  assert(!outcome.lost.includes(1) && !outcome.lost.includes(PACKETS), "what is lost at an end nobody can know");
  assertTold(outcome);
});
