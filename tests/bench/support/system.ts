/** What Linux tells of processes and sockets: CPU time, memory, cores, datagrams that arrived. @module */

/** Reads the CPU time that a process and all its threads have used, in microseconds. */
export type CpuMeter = (pid: number) => number;

/** Finds out how long a clock tick is, and returns a meter of that resolution (10 ms on most systems). */
export function createCpuMeter(): CpuMeter {
  const { stdout } = new Deno.Command("getconf", { args: ["CLK_TCK"] }).outputSync();
  const tickMicros = 1e6 / Number(new TextDecoder().decode(stdout));
  return (pid) => {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The second field is the program's name, which may hold spaces; utime and stime are the 14th and 15th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * tickMicros;
  };
}

/** Watches what else happens on the machine while something is measured. */
export class NoiseMeter {
  readonly #cpu: CpuMeter;
  readonly #own: readonly number[];
  readonly #busyMicros: number;
  readonly #ownMicros: number;
  readonly #startedAtMs = performance.now();

  /** `own` are the processes that belong to the measurement. */
  constructor(cpu: CpuMeter, own: readonly number[]) {
    this.#cpu = cpu;
    this.#own = own;
    this.#busyMicros = machineBusyMicros();
    this.#ownMicros = this.#ownTotal();
  }

  /** How many cores' worth of time other processes, and other guests of the host, have taken since the start. */
  foreignCores(): number {
    const foreign = machineBusyMicros() - this.#busyMicros - (this.#ownTotal() - this.#ownMicros);
    return Math.max(0, foreign / 1000 / (performance.now() - this.#startedAtMs));
  }

  #ownTotal(): number {
    return this.#own.reduce((sum, pid) => sum + this.#cpu(pid), 0);
  }
}

/** One sentence about `foreignCores`, for a result. */
export function noiseText(foreignCores: number): string {
  const cores = foreignCores.toFixed(2);
  return `Other processes took ${cores} cores meanwhile${
    foreignCores > QUIET_CORES ? ": TOO NOISY to trust figures" : ""
  }.`;
}

/** What a machine does that has nothing to do. */
const QUIET_CORES = 0.1;

const MAX_TRIES = 3;

/** Measures again, a few times, while others are busy; returns the try that was disturbed least. */
export async function undisturbed<T extends { readonly foreignCores: number }>(measure: () => Promise<T>): Promise<T> {
  let best = await measure();
  for (let tries = 1; tries < MAX_TRIES && best.foreignCores > QUIET_CORES; tries++) {
    const again = await measure();
    if (again.foreignCores < best.foreignCores) best = again;
  }
  return best;
}

/** The time that all cores have spent on processes, with what the hypervisor took. Interrupts are left out: those of the
 * loopback interface belong to nobody, and would be taken for somebody else's. */
function machineBusyMicros(): number {
  const [first = ""] = Deno.readTextFileSync("/proc/stat").split("\n");
  // user nice system idle iowait irq softirq steal
  const [user = 0, nice = 0, system = 0, , , , , steal = 0] = first.split(/ +/).slice(1).map(Number);
  return (user + nice + system + steal) * PROC_STAT_TICK_MICROS;
}

/** /proc/stat counts in hundredths of a second, as `getconf CLK_TCK` does on every Linux that there is. */
const PROC_STAT_TICK_MICROS = 10_000;

/** The resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
  return Number(kilobytes) * 1024;
}

/** How many descriptors a process has open. */
export function openDescriptors(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

/** How the cores are shared out: one for the process that is measured, the others for the bench. */
export interface Cores {
  /** What to put before a command line, so that the command has its core for itself. */
  readonly subjectPrefix: readonly string[];
  /** The same for a command that is to use all of them. */
  readonly allPrefix: readonly string[];
  readonly count: number;
  /** One sentence about it, for the result. */
  readonly note: string;
}

/**
 * Keeps this process off the last core, which is the subject's from then on. Does nothing where there is one core only,
 * or no `taskset`.
 */
export function separateCores(): Cores {
  const cores = allowedCores();
  const subject = cores.at(-1);
  const alike = { subjectPrefix: [], allPrefix: [], count: cores.length };
  if (cores.length < 2 || subject === undefined) {
    return { ...alike, note: "One core: subject and generator share it, so rates are too low." };
  }
  const own = cores.slice(0, -1).join(",");
  if (!runs("taskset", ["-acp", own, String(Deno.pid)])) {
    return { ...alike, note: "No taskset here: subject and generator share the cores as the system likes." };
  }
  return {
    subjectPrefix: ["taskset", "-c", String(subject)],
    allPrefix: ["taskset", "-c", cores.join(",")],
    count: cores.length,
    note: `The subject runs on core ${subject}, the generator on the other ${cores.length - 1}.`,
  };
}

function allowedCores(): number[] {
  const [, list = "0"] = /^Cpus_allowed_list:\s+(\S+)$/m.exec(Deno.readTextFileSync("/proc/self/status")) ?? [];
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function runs(command: string, args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdin: "null", stdout: "null", stderr: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The path of a program, if it is installed. */
export function findProgram(name: string): string | undefined {
  const directories = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/local/sbin", "/usr/sbin", "/usr/bin"];
  return directories.map((directory) => `${directory}/${name}`).find(isFile);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/**
 * How many datagrams each port of 127.0.0.1 has refused since it was opened, because nobody reads them and its queue is
 * full: with a full queue that is how many have arrived, counted by the kernel, at no cost to anybody.
 */
export function refusedDatagrams(ports: ReadonlySet<number>): Map<number, number> {
  const refused = new Map<number, number>();
  for (const line of Deno.readTextFileSync("/proc/net/udp").split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    const [address, port] = fields[1]?.split(":") ?? [];
    if (address !== LOOPBACK || port === undefined) continue;
    const number = parseInt(port, 16);
    if (ports.has(number)) refused.set(number, Number(fields.at(-1)));
  }
  return refused;
}

/** 127.0.0.1 as /proc/net/udp writes it: one number, lowest byte first. */
const LOOPBACK = "0100007F";
