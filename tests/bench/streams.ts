/**
 * Thousands of streams at once: calls are set up through the dispatcher, every socket of the relay carries packets, all
 * calls are removed, and all of that again. The second time needs the ports of the first, and what the relay has more
 * after it than after the first is lost.
 *
 * All callers share one socket for each component, and so do all callees: which of the relay's sockets a packet went
 * through, its source port tells.
 * @module
 */
import { table } from "../../src/ctl/table.ts";
import { until } from "../peers/support/until.ts";
import { answerText, ControlClient, type NamedCall, offerText, removeText } from "./support/control_client.ts";
import { numberText, progress, type Target } from "./support/figures.ts";
import { type Programs, startPrograms } from "./support/our_programs.ts";
import { type LocalSocket, LOOPBACK, openSockets } from "./support/sockets.ts";
import { openDescriptors, residentBytes } from "./support/system.ts";

/** The relay after one step. */
export interface StreamsStep {
  readonly name: "started" | "set up" | "carried" | "removed";
  /** How long the step took; 0 for none. */
  readonly seconds: number;
  /** What the relay itself says. */
  readonly sessions: number;
  readonly descriptors: number;
  readonly residentBytes: number;
  /** After a full collection. */
  readonly heapBytes: number;
}

/** What was seen. */
export interface StreamsResult {
  readonly streams: number;
  readonly steps: readonly StreamsStep[];
  /** Packets of the second time, when all parties are known: none may be lost. */
  readonly sent: number;
  readonly arrived: number;
}

/** RTP and RTCP, of caller and callee. */
const SOCKETS_PER_STREAM = 4;
/** Ports that somebody else may have. */
const SPARE_STREAMS = 64;
/** Below those that the system gives to others (net.ipv4.ip_local_port_range). */
const END_PORT = 32_000;
const REST_SECONDS = 1;
const CONNECTIONS = 8;
const PARTIES_FIRST_PORT = 9_000;
/** Through four sockets; the queue of each holds some 250 (net.core.rmem_default). */
const BURST_PACKETS = 200;
const BURST_DEADLINE_MS = 1000;
const ROUNDS = 5;
const BUFFER_BYTES = 2048;
const RTP_BYTES = 172;
/** What `port_range` has room for. */
export const MAX_STREAMS = 5000;
/** Code that is compiled meanwhile is a part of it. A session has 8 KB: of 4,500, one that is kept in nine would be seen. */
const LEAK_BYTES = 4 * 1024 * 1024;

/** Sets so many calls with one stream each up, carries packets through all, and removes all, twice. */
export async function measureStreams(streams: number): Promise<StreamsResult> {
  const firstPort = END_PORT - (streams + SPARE_STREAMS) * SOCKETS_PER_STREAM;
  await using programs = await startPrograms({
    portRange: `${firstPort}:${END_PORT}`,
    portRestTimeSeconds: REST_SECONDS,
    inspected: true,
  });
  using parties = new Parties();
  const steps: StreamsStep[] = [];
  const step = async <T>(name: StreamsStep["name"], act: () => Promise<T>): Promise<T> => {
    const startedAtMs = performance.now();
    const result = await act();
    const seconds = (performance.now() - startedAtMs) / 1000;
    progress(`streams: ${name}, ${numberText(seconds, 1)} s`);
    steps.push({ name, seconds, ...await look(programs) });
    return result;
  };
  await step("started", () => Promise.resolve());
  let counts = { sent: 0, arrived: 0 };
  for (let time = 0; time < 2; time++) {
    const calls = Array.from({ length: streams }, (_, index) => parties.call(`streams-${time}-${index}`));
    const ways = (await step("set up", () => perConnection(programs, calls, setUp))).flat();
    counts = await step("carried", () => parties.talk(ways));
    await step("removed", () => perConnection(programs, calls, remove));
    await new Promise((resolve) => setTimeout(resolve, 1000 * REST_SECONDS));
  }
  return { streams, steps, ...counts };
}

async function look(programs: Programs): Promise<Omit<StreamsStep, "name" | "seconds">> {
  const { pid } = programs.relay;
  const [summary] = await programs.relays();
  return {
    sessions: summary!.session_count,
    descriptors: openDescriptors(pid),
    residentBytes: residentBytes(pid),
    heapBytes: (await programs.collectedHeapBytes("relay"))!,
  };
}

async function perConnection<T>(
  { socketPath }: Programs,
  calls: readonly NamedCall[],
  act: (client: ControlClient, call: NamedCall) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  const queue = calls.values();
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    using client = await ControlClient.connect(socketPath);
    for (const call of queue) results.push(await act(client, call));
  }));
  return results;
}

/** From a party to the relay's port for it, out of which the other one hears it. */
interface Way {
  readonly party: "caller" | "callee";
  readonly component: "rtp" | "rtcp";
  /** Where the party sends. */
  readonly port: number;
  /** Where its packets come from when they reach the other one. */
  readonly heardFrom: number;
}

async function setUp(client: ControlClient, call: NamedCall): Promise<Way[]> {
  const callee = await client.port(offerText(call));
  const caller = await client.port(answerText(call));
  return [
    { party: "caller", component: "rtp", port: caller, heardFrom: callee },
    { party: "callee", component: "rtp", port: callee, heardFrom: caller },
    { party: "caller", component: "rtcp", port: caller + 1, heardFrom: callee + 1 },
    { party: "callee", component: "rtcp", port: callee + 1, heardFrom: caller + 1 },
  ];
}

async function remove(client: ControlClient, call: NamedCall): Promise<void> {
  const answer = await client.ask(removeText(call));
  if (answer !== "removed") throw new Error(`Cannot remove a call: the dispatcher answers ${JSON.stringify(answer)}`);
}

interface Phone {
  readonly rtp: LocalSocket;
  readonly rtcp: LocalSocket;
}

/** The phones of all calls. */
class Parties implements Disposable {
  readonly #sockets: readonly LocalSocket[];
  readonly #caller: Phone;
  readonly #callee: Phone;
  /** Every packet says at its end in which round it was sent. */
  #round = 0;
  /** The relay's ports from which a packet of this round has come. */
  readonly #heard = new Set<number>();

  constructor() {
    this.#sockets = openSockets(4, PARTIES_FIRST_PORT, 1);
    const [callerRtp, callerRtcp, calleeRtp, calleeRtcp] = this.#sockets;
    this.#caller = { rtp: callerRtp!, rtcp: callerRtcp! };
    this.#callee = { rtp: calleeRtp!, rtcp: calleeRtcp! };
    for (const { conn } of this.#sockets) this.#read(conn);
  }

  call(callId: string): NamedCall {
    return { callId, callerPort: this.#caller.rtp.port, calleePort: this.#callee.rtp.port };
  }

  async #read(conn: Deno.DatagramConn): Promise<void> {
    const buffer = new Uint8Array(BUFFER_BYTES);
    try {
      for (;;) {
        const [packet, source] = await conn.receive(buffer);
        if (packet.at(-1) === this.#round) this.#heard.add((source as Deno.NetAddr).port);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  /** Every party is made known, then all send a few packets. Returns how many of those there were, and came. */
  async talk(ways: readonly Way[]): Promise<{ sent: number; arrived: number }> {
    this.#begin();
    for (const burst of bursts(ways)) await this.#introduce(burst);
    let arrived = 0;
    for (let round = 0; round < ROUNDS; round++) {
      this.#begin();
      for (const burst of bursts(ways)) await this.#send(burst);
      arrived += this.#heard.size;
    }
    return { sent: ROUNDS * ways.length, arrived };
  }

  #begin(): void {
    this.#round++;
    this.#heard.clear();
  }

  #unheard(burst: readonly Way[]): Way[] {
    return burst.filter(({ heardFrom }) => !this.#heard.has(heardFrom));
  }

  /** The relay does not send to a loopback address from which nothing has come, so some of the first packets are lost. */
  async #introduce(burst: readonly Way[]): Promise<void> {
    await until("every party of a burst to be heard", async () => {
      const unheard = this.#unheard(burst);
      for (const way of unheard) await this.#sendOne(way);
      return unheard.length === 0;
    });
  }

  async #send(burst: readonly Way[]): Promise<void> {
    for (const way of burst) await this.#sendOne(way);
    const lost = (cause: unknown) => progress(`streams: ${this.#unheard(burst).length} packets are lost: ${cause}`);
    await until("the packets of a burst", () => this.#unheard(burst).length === 0, BURST_DEADLINE_MS).catch(lost);
  }

  #sendOne({ party, component, port }: Way): Promise<number> {
    const { conn } = (party === "caller" ? this.#caller : this.#callee)[component];
    const packet = component === "rtp" ? rtp(port, this.#round) : Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, this.#round);
    return conn.send(packet, { transport: "udp", hostname: LOOPBACK, port });
  }

  [Symbol.dispose](): void {
    for (const { conn } of this.#sockets) conn.close();
  }
}

function bursts(ways: readonly Way[]): Way[][] {
  const count = Math.ceil(ways.length / BURST_PACKETS);
  return Array.from({ length: count }, (_, index) => ways.slice(BURST_PACKETS * index, BURST_PACKETS * (index + 1)));
}

function rtp(ssrc: number, round: number): Uint8Array {
  const packet = new Uint8Array(RTP_BYTES);
  const view = new DataView(packet.buffer);
  packet[0] = 0x80;
  view.setUint16(2, round);
  view.setUint32(4, round * 160);
  view.setUint32(8, ssrc);
  packet[RTP_BYTES - 1] = round;
  return packet;
}

/** The steps as a table. */
export function streamsTable({ steps }: StreamsResult): string {
  return table(steps, [
    { title: "STEP", text: ({ name }) => name },
    { title: "SECONDS", align: "right", text: ({ seconds }) => numberText(seconds, 1) },
    { title: "SESSIONS", align: "right", text: ({ sessions }) => numberText(sessions) },
    { title: "DESCRIPTORS", align: "right", text: ({ descriptors }) => numberText(descriptors) },
    { title: "RESIDENT MB", align: "right", text: ({ residentBytes }) => megabytesText(residentBytes) },
    { title: "HEAP MB, COLLECTED", align: "right", text: ({ heapBytes }) => megabytesText(heapBytes) },
  ]);
}

/** That all was carried, and that nothing stayed. */
export function streamsTargets({ streams, steps, sent, arrived }: StreamsResult): Target[] {
  const sockets = steps.find(({ name }) => name === "set up")!.descriptors - steps[0]!.descriptors;
  const [first, second] = steps.filter(({ name }) => name === "removed") as [StreamsStep, StreamsStep];
  const grown = second.heapBytes - first.heapBytes;
  const more = second.descriptors - first.descriptors;
  return [
    {
      text: `${numberText(streams)} streams with ${numberText(sockets)} sockets carry ${numberText(arrived)} of ` +
        `${numberText(sent)} packets; wanted: all`,
      reached: arrived / sent,
      met: arrived === sent && sockets >= streams * SOCKETS_PER_STREAM,
    },
    {
      text: `removed a second time, ${second.sessions} sessions, ${more} descriptors and ` +
        `${numberText(grown / 1024)} KB of heap are more than after the first; wanted: none, none, under ${
          numberText(LEAK_BYTES / 1024)
        } KB`,
      reached: grown,
      met: second.sessions === 0 && more <= 2 * SPARE_STREAMS && grown < LEAK_BYTES,
    },
  ];
}

function megabytesText(bytes: number): string {
  return numberText(bytes / 1024 / 1024, 1);
}
