/** Programs that a test starts: their output is kept, and none outlives the test. @module */
import { DEFAULT_DEADLINE_MS, until } from "./until.ts";

const KEPT_LINES = 4000;
const TERM_DEADLINE_MS = 5000;

const running = new Set<PeerProcess>();
// A run that ends abnormally must not leave programs behind.
globalThis.addEventListener("unload", () => {
  for (const process of running) process.signal("SIGKILL");
});

/** A running program. */
export class PeerProcess implements AsyncDisposable {
  readonly name: string;
  /** What it wrote to both outputs, oldest first. */
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #ended: Promise<Deno.CommandStatus>;
  #status: Deno.CommandStatus | undefined;

  constructor(name: string, command: string, args: string[], options: { cwd?: string } = {}) {
    this.name = name;
    this.#child = new Deno.Command(command, {
      args,
      ...options,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    }).spawn();
    running.add(this);
    const read = Promise.all([this.#keep(this.#child.stdout), this.#keep(this.#child.stderr)]);
    this.#ended = this.#child.status.then(async (status) => {
      this.#status = status;
      running.delete(this);
      // A grandchild that still holds the pipe must not keep the test waiting.
      await Promise.race([read, new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, 500)))]);
      return status;
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Its exit status, or undefined while it runs. */
  get status(): Deno.CommandStatus | undefined {
    return this.#status;
  }

  /** Waits for the end of the program. */
  async ended(withinMs: number = DEFAULT_DEADLINE_MS): Promise<Deno.CommandStatus> {
    await until(`the end of ${this.name}`, () => this.#status, withinMs);
    return await this.#ended;
  }

  /**
   * Waits for a line that matches, among those after the first `from` lines, and returns it.
   * @throws Error at once if the program ends without writing it.
   */
  line(pattern: RegExp, from = 0, withinMs: number = DEFAULT_DEADLINE_MS): Promise<string> {
    return until(`a line like ${pattern} from ${this.name}`, () => {
      const found = this.lines.slice(from).find((line) => pattern.test(line));
      if (found === undefined && this.#status !== undefined) {
        throw new Error(`Cannot wait for ${pattern}: ${this.name} ended with code ${this.#status.code}`);
      }
      return found;
    }, withinMs);
  }

  /** Does nothing if the program has ended. */
  signal(name: Deno.Signal): void {
    if (this.#status !== undefined) return;
    try {
      this.#child.kill(name);
    } catch (error) {
      // It may have ended without our having been told yet.
      if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
    }
  }

  /** Asks the program to end, and makes it end if it does not; returns whether asking was enough. */
  async stop(): Promise<boolean> {
    this.signal("SIGTERM");
    try {
      await this.ended(TERM_DEADLINE_MS);
      return true;
    } catch {
      const children = childPids(this.pid);
      this.signal("SIGKILL");
      for (const pid of children) killPid(pid);
      await this.#ended;
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The last lines, under a heading, for error messages. */
  tail(count = 25): string {
    const state = this.#status === undefined ? "running" : `ended, code ${this.#status.code}`;
    const lines = this.lines.slice(-count).map((line) => `    ${line.slice(0, 600)}`);
    return [`--- ${this.name} (${state})`, ...lines].join("\n");
  }

  async #keep(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split(/\r?\n/);
      rest = lines.pop() ?? "";
      this.lines.push(...lines);
      if (this.lines.length > 2 * KEPT_LINES) this.lines.splice(0, KEPT_LINES);
    }
    if (rest !== "") this.lines.push(rest);
  }
}

// Kamailio's workers would outlive a main process that is killed.
function childPids(pid: number): number[] {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  } catch {
    return []; // it has ended, or this is not Linux
  }
}

function killPid(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // it went with its parent
  }
}
