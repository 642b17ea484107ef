/**
 * How long an `update` takes while all workers of the relay carry as much as they can. The relay has one core, and one
 * worker for it, so that the generator does not take the time from it that it is to be saturated with.
 * @module
 */
import { Generator } from "./generator/generator.ts";
import { answerText, ControlClient, offerText, removeText } from "./support/control_client.ts";
import { numberText, percentile, progress } from "./support/figures.ts";
import { type Cores, createCpuMeter } from "./support/system.ts";
import { startRelayWith } from "./subjects/relay.ts";

/** What was seen. */
export interface SaturationResult {
  readonly carriedPerSecond: number;
  /** 0 to 1; some loss shows that the workers could not have carried more. */
  readonly loss: number;
  /** Cores' worth of time that the relay has taken. */
  readonly relayCores: number;
  readonly updates: number;
  readonly updateMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** More than a core can carry, and less than takes the generator's core from the dispatcher. */
const PACKETS_PER_SECOND = 160_000;
const WARM_UP_MS = 1000;
/** Between two calls that are set up; each is two updates. */
const CALL_INTERVAL_MS = 20;

/** Loads the relay, and sets calls up besides. */
export async function measureSaturation(calls: number, windowMs: number, cores: Cores): Promise<SaturationResult> {
  await using undo = new AsyncDisposableStack();
  const generator = undo.use(await Generator.start(calls));
  const relay = undo.use(await startRelayWith(1, generator.parties, cores.subjectPrefix));
  const client = undo.use(await ControlClient.connect(relay.socketPath));
  const cpu = createCpuMeter();
  const cpuMicros: number[] = [];
  const latenciesMs: number[] = [];
  const shared: { state: "warming up" | "measuring" | "over" } = { state: "warming up" };
  const load = generator.run({
    targets: relay.targets,
    packetsPerSecond: PACKETS_PER_SECOND,
    warmUpMs: WARM_UP_MS,
    windowMs,
    atBoundary() {
      shared.state = shared.state === "warming up" ? "measuring" : "over";
      cpuMicros.push(cpu(relay.pid));
    },
  });
  for (let number = 0; shared.state !== "over"; number++) {
    const call = { callId: `saturation-${number}`, callerPort: 6000, calleePort: 7000 };
    for (const text of [offerText(call), answerText(call)]) {
      const startedAtMs = performance.now();
      await client.port(text);
      if (shared.state === "measuring") latenciesMs.push(performance.now() - startedAtMs);
    }
    await client.ask(removeText(call));
    await new Promise((resolve) => setTimeout(resolve, CALL_INTERVAL_MS));
  }
  const { carriedPerSecond, loss } = await load;
  const [before = NaN, after = NaN] = cpuMicros;
  const sorted = Float64Array.from(latenciesMs).sort();
  progress(`saturation: ${numberText(latenciesMs.length)} updates`);
  return {
    carriedPerSecond,
    loss,
    relayCores: (after - before) / 1000 / windowMs,
    updates: latenciesMs.length,
    updateMs: { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), max: sorted.at(-1) ?? NaN },
  };
}
