/** `bench control`: calls set up and ended through dispatcher and relay, as fast as SIP servers can ask. @module */
import { table } from "../../src/ctl/table.ts";
import { UsageError } from "../../src/config/mod.ts";
import { answerText, ControlClient, offerText, removeText } from "./support/control_client.ts";
import { numberText, percentile, print, progress, type Target, targetsText } from "./support/figures.ts";
import { type BenchFlags, parseBenchFlags } from "./support/flags.ts";
import { type Programs, startPrograms } from "./support/our_programs.ts";
import { type CpuMeter, createCpuMeter, NoiseMeter, noiseText, undisturbed } from "./support/system.ts";

export const CONTROL_FLAGS = {
  connections: { kind: "numbers", fallback: [1, 20], help: "connections that ask at the same time" },
  seconds: { kind: "number", fallback: 10, help: "how long each is observed" },
  "port-rest-time": { kind: "number", fallback: 0, help: "port_rest_time of the relay" },
  quick: { kind: "boolean", help: "two seconds each: to see that it works" },
  json: { kind: "boolean", help: "print one JSON object" },
} as const satisfies BenchFlags;

/** What so many connections get. A cycle is an offer, an answer and a removal. */
export interface ControlResult {
  readonly connections: number;
  readonly cyclesPerSecond: number;
  readonly requestMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  /** CPU time per cycle, in microseconds. */
  readonly dispatcherMicros: number;
  readonly relayMicros: number;
  readonly benchMicros: number;
  /** Answers that were not what they should be. */
  readonly errors: number;
  /** Cores' worth of time that went to others. */
  readonly foreignCores: number;
}

const QUICK = { seconds: 2 };

const PORT_RANGE = "10000:60000";
const WARM_UP_MS = 3000;
/** Cycles per second, with so many connections. */
const WANTED = { connections: 20, cyclesPerSecond: 5000 };
const PORTS_ANSWER = /^127\.0\.0\.1 \d+$/;

/** Runs the benchmark; returns the exit code, 1 if any answer was wrong. */
export async function benchControl(args: readonly string[]): Promise<number> {
  const flags = parseBenchFlags(args, CONTROL_FLAGS, QUICK);
  if (flags.connections.includes(0)) throw new UsageError("Flag --connections needs numbers from 1 up");
  if (flags.seconds === 0) throw new UsageError("Flag --seconds needs at least 1");
  const { seconds } = flags;
  const portRestTimeSeconds = flags["port-rest-time"];
  await using programs = await startPrograms({ portRange: PORT_RANGE, portRestTimeSeconds });
  const cpu = createCpuMeter();
  const results: ControlResult[] = [];
  let errors = 0; // also in measurements that are thrown away
  for (const connections of flags.connections) {
    progress(`${connections} connections for ${seconds} s`);
    const result = await undisturbed(async () => {
      const measured = await measure(programs, cpu, connections, seconds * 1000);
      errors += measured.errors;
      return measured;
    });
    results.push(result);
  }
  const foreignCores = Math.max(...results.map((result) => result.foreignCores));
  const targets = results.filter(({ connections }) => connections === WANTED.connections).map(target);
  if (flags.json) {
    print(JSON.stringify({ portRange: PORT_RANGE, portRestTimeSeconds, results, targets }));
  } else {
    print(
      `Cycles of offer, answer and removal, one request at a time on each connection. port_range ${PORT_RANGE}, ` +
        `port_rest_time ${portRestTimeSeconds}. ${noiseText(foreignCores)}\n`,
    );
    print(`${resultTable(results)}\n`);
    print(targetsText(targets));
  }
  if (errors > 0) progress(`${errors} answers were wrong\n${programs.dispatcher.tail()}\n${programs.relay.tail()}`);
  return errors === 0 ? 0 : 1;
}

function target({ connections, cyclesPerSecond }: ControlResult): Target {
  const text = `${numberText(cyclesPerSecond)} cycles/s with ${connections} connections; wanted: ` +
    numberText(WANTED.cyclesPerSecond);
  return { text, reached: cyclesPerSecond, met: cyclesPerSecond >= WANTED.cyclesPerSecond };
}

/** What all connections of one measurement share. */
interface Progress {
  state: "warming up" | "measuring" | "over";
  cycles: number;
  errors: number;
  latenciesMs: number[];
}

async function measure(
  { dispatcher, relay, socketPath }: Programs,
  cpu: CpuMeter,
  connections: number,
  windowMs: number,
): Promise<ControlResult> {
  using clients = new DisposableStack();
  const shared: Progress = { state: "warming up", cycles: 0, errors: 0, latenciesMs: [] };
  const loops: Promise<void>[] = [];
  for (let index = 0; index < connections; index++) {
    const client = clients.use(await ControlClient.connect(socketPath));
    loops.push(cycle(client, `bench-${connections}-${index}-${Math.floor(performance.now())}`, shared));
  }
  const all = Promise.all(loops);
  const used = () => [dispatcher.pid, relay.pid, Deno.pid].map(cpu) as [number, number, number];
  await Promise.race([all, pause(WARM_UP_MS)]); // a loop that ends so early has failed
  const noise = new NoiseMeter(cpu, [Deno.pid, dispatcher.pid, relay.pid]);
  const before = used();
  const startedAtMs = performance.now();
  shared.state = "measuring";
  await Promise.race([all, pause(windowMs)]);
  shared.state = "over";
  const elapsedMs = performance.now() - startedAtMs;
  const after = used();
  const foreignCores = noise.foreignCores();
  const { cycles } = shared;
  await all;
  const sorted = Float64Array.from(shared.latenciesMs).sort();
  const [dispatcherMicros, relayMicros, benchMicros] = after.map((micros, index) =>
    (micros - before[index]!) / cycles
  ) as [number, number, number];
  return {
    connections,
    cyclesPerSecond: cycles * 1000 / elapsedMs,
    requestMs: {
      p50: percentile(sorted, 0.5),
      p95: percentile(sorted, 0.95),
      p99: percentile(sorted, 0.99),
      max: sorted.at(-1) ?? NaN,
    },
    dispatcherMicros,
    relayMicros,
    benchMicros,
    errors: shared.errors,
    foreignCores,
  };
}

/** One call after the other on one connection. */
async function cycle(client: ControlClient, prefix: string, shared: Progress): Promise<void> {
  for (let number = 0; shared.state !== "over"; number++) {
    const call = { callId: `${prefix}-${number}`, callerPort: 6000, calleePort: 7000 };
    await ask(client, offerText(call), PORTS_ANSWER, shared);
    await ask(client, answerText(call), PORTS_ANSWER, shared);
    await ask(client, removeText(call), /^removed$/, shared);
    if (shared.state === "measuring") shared.cycles++;
  }
}

async function ask(client: ControlClient, request: string, wanted: RegExp, shared: Progress): Promise<void> {
  const startedAtMs = performance.now();
  const answer = await client.ask(request);
  if (shared.state === "measuring") shared.latenciesMs.push(performance.now() - startedAtMs);
  if (!wanted.test(answer)) shared.errors++;
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

function resultTable(results: readonly ControlResult[]): string {
  const milliseconds = (title: string, key: keyof ControlResult["requestMs"]) => ({
    title,
    align: "right" as const,
    text: ({ requestMs }: ControlResult) => numberText(requestMs[key], 2),
  });
  const micros = (title: string, key: "dispatcherMicros" | "relayMicros" | "benchMicros") => ({
    title,
    align: "right" as const,
    text: (result: ControlResult) => numberText(result[key]),
  });
  return table(results, [
    { title: "CONNECTIONS", align: "right", text: ({ connections }) => numberText(connections) },
    { title: "CYCLES/S", align: "right", text: ({ cyclesPerSecond }) => numberText(cyclesPerSecond) },
    milliseconds("REQUEST p50 ms", "p50"),
    milliseconds("p95", "p95"),
    milliseconds("p99", "p99"),
    milliseconds("max", "max"),
    micros("CPU us/CYCLE: DISPATCHER", "dispatcherMicros"),
    micros("RELAY", "relayMicros"),
    micros("BENCH", "benchMicros"),
    { title: "ERRORS", align: "right", text: ({ errors }) => numberText(errors) },
  ]);
}
