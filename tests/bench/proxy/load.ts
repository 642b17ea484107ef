/** The load: one sipp that calls and one that is called, on addresses of their own. @module */
import { freeUdpBlock, freeUdpPort } from "../../peers/support/ports.ts";
import { PeerProcess } from "../../peers/support/process.ts";
import { programPath } from "../../peers/support/programs.ts";
import { until } from "../../peers/support/until.ts";
import { CALLEE_ADDRESS, CALLER_ADDRESS } from "./subject.ts";

const SCENARIOS = new URL("../../peers/scenarios/", import.meta.url).pathname;

/** How long a call lasts: long enough that calls overlap. */
const TALK_MS = 100;
/** Sockets big enough that what is lost is not lost in sipp. */
const BUFFER_BYTES = 4 * 1024 * 1024;
/** sipp's own idea, three calls' worth of a second, would make it hold back calls that a slow server piles up. */
const MAX_OPEN_CALLS = 10_000;
const STATISTICS_MS = 250;
/** What is not over so long after the last call should have ended has failed. */
const GRACE_MS = 8000;
const MAX_COMPLAINTS_BYTES = 1024 * 1024;
const COMPLAINT_CHARACTERS = 500;

export interface CallLoad {
  readonly callsPerSecond: number;
  readonly calls: number;
  readonly proxyPort: number;
  readonly callee: Callee;
  /** Where sipp's files go. */
  readonly directory: string;
}

/** What became of the calls. */
export interface CallsSeen {
  readonly offered: number;
  /** How long it took to offer them and see them to their end. */
  readonly elapsedMs: number;
  readonly completed: number;
  /** Not completed, for whatever reason. */
  readonly failed: number;
  /** By both ends. */
  readonly retransmissions: number;
  /** Messages that no phone expects, at both ends. */
  readonly unexpected: number;
  /** From INVITE to 200, on average; of which the callee rings 50 ms. */
  readonly setUpMs: number;
  /** What sipp wrote of the first message that it did not like, or "". */
  readonly complaint: string;
}

/** Offers calls, and waits until all of them are over. */
export async function offerCalls(
  { callsPerSecond, calls, proxyPort, callee, directory }: CallLoad,
): Promise<CallsSeen> {
  const before = await callee.counters();
  callee.forgetComplaints();
  const path = `${directory}/caller-${crypto.randomUUID().slice(0, 8)}`;
  const startedAtMs = performance.now();
  await using sipp = startSipp("caller", CALLER_ADDRESS, freeUdpPort(), path, [
    ...["-r", `${callsPerSecond}`, "-m", `${calls}`, "-l", `${MAX_OPEN_CALLS}`, "-d", `${TALK_MS}`, "-s", "bob"],
    `127.0.0.1:${proxyPort}`,
  ]);
  const withinMs = calls / callsPerSecond * 1000 + GRACE_MS;
  await sipp.ended(withinMs).catch(() => sipp.signal("SIGKILL"));
  const elapsedMs = performance.now() - startedAtMs;
  await sipp.ended();
  const caller = readCounters(`${path}.csv`);
  if (caller === undefined) throw new Error(`Cannot read sipp's statistics\n${sipp.tail()}\n${complaintIn(path)}`);
  const after = await callee.counters();
  const completed = caller.count("SuccessfulCall(C)");
  const added = (...names: readonly string[]) =>
    names.reduce((sum, name) => sum + caller.count(name) + after.count(name) - before.count(name), 0);
  const seen = {
    offered: calls,
    elapsedMs,
    completed,
    failed: calls - completed,
    retransmissions: added("Retransmissions(C)"),
    unexpected: added("FailedUnexpectedMessage(C)", "OutOfCallMsgs(C)"),
    setUpMs: caller.milliseconds("ResponseTime1(C)"),
    complaint: complaintIn(path) || callee.complaint(),
  };
  for (const suffix of ["csv", "errors"]) await Deno.remove(`${path}.${suffix}`).catch(() => undefined);
  return seen;
}

/** The sipp that is called. It lasts as long as its subject, so that it answers BYEs that come twice. */
export class Callee implements AsyncDisposable {
  readonly port: number;
  readonly #process: PeerProcess;
  readonly #path: string;
  #complaintsOffset = 0;

  private constructor(port: number, process: PeerProcess, path: string) {
    this.port = port;
    this.#process = process;
    this.#path = path;
  }

  /** Resolves once it listens. */
  static async start(directory: string): Promise<Callee> {
    await using undo = new AsyncDisposableStack();
    const port = freeUdpPort();
    const path = `${directory}/callee-${port}`;
    const callee = undo.use(new Callee(port, startSipp("callee", CALLEE_ADDRESS, port, path, []), path));
    await callee.counters();
    undo.move();
    return callee;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** What it counts, no older than this call. */
  async counters(): Promise<Counters> {
    const nowMs = Date.now(); // the wall clock is what sipp writes
    return await until(`statistics of ${this.#process.name}\n${this.#process.tail()}`, () => {
      const counters = readCounters(`${this.#path}.csv`);
      return counters !== undefined && counters.writtenAtMs >= nowMs ? counters : undefined;
    });
  }

  /** What it wrote of the first message that it did not like since `forgetComplaints`, or "". */
  complaint(): string {
    return complaintIn(this.#path, this.#complaintsOffset);
  }

  /** Begins anew. */
  forgetComplaints(): void {
    this.#complaintsOffset = fileBytes(`${this.#path}.errors`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.signal("SIGKILL"); // asked to end it would wait until calls that have failed are over
    await this.#process.ended();
  }
}

function startSipp(
  scenario: "caller" | "callee",
  address: string,
  port: number,
  path: string,
  args: readonly string[],
): PeerProcess {
  return new PeerProcess(`sipp ${scenario}`, programPath("sipp"), [
    ...["-sf", `${SCENARIOS}${scenario}_load.xml`, "-i", address, "-p", `${port}`, "-nostdin"],
    ...["-mi", address, "-mp", `${freeUdpBlock(4)}`, "-buff_size", `${BUFFER_BYTES}`],
    ...["-trace_stat", "-stf", `${path}.csv`, "-fd", `${STATISTICS_MS}ms`],
    ...["-trace_err", "-error_file", `${path}.errors`],
    ...args,
  ]);
}

/** The last line of a statistics file. */
class Counters {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  get writtenAtMs(): number {
    return Number(this.#value("CurrentTime").split(/\s/).at(-1)) * 1000;
  }

  count(name: string): number {
    return Number(this.#value(name));
  }

  /** Of a time that is written as hours:minutes:seconds:microseconds. */
  milliseconds(name: string): number {
    const [hours = NaN, minutes = NaN, seconds = NaN, micros = NaN] = this.#value(name).split(":").map(Number);
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + micros / 1000;
  }

  #value(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined) throw new Error(`Cannot read sipp's statistics: there is no ${name}`);
    return value;
  }
}

/** `undefined` as long as there is no complete line. */
function readCounters(path: string): Counters | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const lines = text.slice(0, text.lastIndexOf("\n")).split("\n");
  const last = lines.at(-1);
  if (lines.length < 2 || last === undefined) return undefined;
  const values = last.split(";");
  return new Counters(new Map(lines[0]!.split(";").map((name, index) => [name, values[index] ?? ""])));
}

/** The first entry of an error file, from an offset on, that is not about a message of a call that is over. */
function complaintIn(path: string, offset = 0): string {
  try {
    using file = Deno.openSync(`${path}.errors`);
    file.seekSync(offset, Deno.SeekMode.Start);
    const buffer = new Uint8Array(MAX_COMPLAINTS_BYTES);
    const text = new TextDecoder().decode(buffer.subarray(0, file.readSync(buffer) ?? 0));
    const entries = text.split(/\d{4}-\d\d-\d\d\t[\d:.]+\t[\d.]+: /).slice(1);
    return entries.find((entry) => !entry.startsWith("Dead call"))?.slice(0, COMPLAINT_CHARACTERS) ?? "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

function fileBytes(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0; // sipp makes it with the first complaint
    throw error;
  }
}
