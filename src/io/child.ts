/** A program that another one runs: its output line by line, readiness, and its end. @module */

/** How a child ended. */
export interface ChildEnd {
  readonly code: number;
}

/** A child that does not end after TERM is killed after so long. */
const KILL_AFTER_MS = 5000;

function say(line: string): void {
  // deno-lint-ignore no-console -- the child's words are for whoever runs us
  console.log(line);
}

/** A child process whose lines of output appear on ours, with its name before them. */
export class Child {
  readonly #name: string;
  readonly #process: Deno.ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  #running = true;
  #stopped = false;
  readonly #print: (line: string) => void;
  /** Settles when the child has ended. */
  readonly ended: Promise<ChildEnd>;

  /** `print` gets its lines of output, with its name before them; standard output by default. */
  constructor(name: string, command: string, args: readonly string[], print: (line: string) => void = say) {
    this.#name = name;
    this.#print = print;
    this.#process = new Deno.Command(command, { args: [...args], stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    const outputs = [this.#copy(this.#process.stdout), this.#copy(this.#process.stderr)];
    this.ended = Promise.all([this.#process.status, ...outputs]).then(([{ code }]) => {
      this.#running = false;
      return { code };
    });
  }

  /** A program of this project, run by the Deno that runs us, with the permissions that `permissions` give. */
  static deno(
    name: string,
    permissions: readonly string[],
    args: readonly string[],
    print?: (line: string) => void,
  ): Child {
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const flags = ["run", "--no-prompt", `--config=${config}`, ...permissions, ...args];
    return new Child(name, Deno.execPath(), flags, print);
  }

  /** Settles when the child has printed a line that says `ready`. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Whether it was told to stop. */
  get stopped(): boolean {
    return this.#stopped;
  }

  async #copy(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      lines.forEach((line) => this.#take(line));
    }
    if (rest !== "") this.#take(rest);
  }

  #take(line: string): void {
    if (line.startsWith(`${this.#name} ready`)) this.#ready.resolve();
    if (!/Permissions in the config file is an experimental feature/.test(line)) {
      this.#print(`${this.#name.padEnd(10)} | ${line}`);
    }
  }

  /** Sends a signal, unless it has ended. */
  signal(signal: Deno.Signal): void {
    if (this.#running) this.#process.kill(signal);
  }

  /** Asks it to stop, and sees to it that it does. Twice is harmless. */
  stop(): void {
    if (this.#stopped || !this.#running) return;
    this.#stopped = true;
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), KILL_AFTER_MS);
    this.ended.then(() => clearTimeout(timer));
  }
}
