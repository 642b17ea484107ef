/**
 * A long-lived `nft -i`: commands go in, a line each, without waiting for one another (0.1 ms each; a process for each
 * would take 3 ms), and come out in their order.
 *
 * What nft prints for a command does not say where it ends, so each, or several listings, are followed by a word that is
 * no command: nft complains of it on standard error, behind the complaints about the command itself.
 * @module
 */
import type { Logger } from "../../src/env/log.ts";

/** nft refused a command; the message is its own. */
export class NftError extends Error {
  override name = "NftError";
}

/** There is no nft to be run, or it has ended. */
export class NftGoneError extends Error {
  override name = "NftGoneError";
}

interface Pending {
  readonly marker: string;
  /** How many lines it prints to standard output when it succeeds. */
  readonly answers: number;
  resolve(answers: readonly string[]): void;
  reject(error: Error): void;
}

/** What is printed to standard output by a listing; some builds of nft put their prompt before it. */
const ANSWER = '{"nftables"';
/** A listing of the largest table takes half a second. */
const DEADLINE_MS = 5000;
const CHECK_MS = 500;

export class Nft {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #log: Logger;
  readonly #encoder = new TextEncoder();
  /** What is to be said, until the turn is over. */
  #unsent = "";
  /** In the order in which they were sent; those whose marker has come wait for their line. */
  readonly #pending: Pending[] = [];
  #finished = 0;
  /** How many lines it was told. It keeps them all, and looks through them at each new one: 6.5 ns (nft 1.0.6, libedit). */
  lines = 0;
  readonly #answers: string[] = [];
  #errors = "";
  #count = 0;
  /** When it last said something, or was told something while it had nothing to do: thousands of commands may wait. */
  #heardAtMs = 0;
  #gone: string | undefined = undefined;
  /** Runs while an answer is awaited. */
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  /** Settles when nft has ended, with why. */
  readonly ended: Promise<string>;

  private constructor(child: Deno.ChildProcess, log: Logger) {
    this.#child = child;
    this.#log = log;
    this.#input = child.stdin.getWriter();
    const reading = [this.#readAnswers(), this.#readErrors()];
    this.ended = Promise.all([child.status, ...reading]).then(([status]) => this.#end(status));
  }

  /** Starts nft. @throws NftGoneError if there is none, or we may not run it. */
  static async start(log: Logger): Promise<Nft> {
    // Asking would stop the relay until somebody answers.
    const { state } = await Deno.permissions.query({ name: "run", command: "nft" });
    if (state !== "granted") {
      throw new NftGoneError("Cannot run nft: no permission; run the relay with the permission set relay-kernel");
    }
    try {
      const options = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
      // It would keep a history of its commands at home.
      const command = new Deno.Command("nft", { args: ["-j", "-i"], env: { HOME: "/nonexistent" }, ...options });
      return new Nft(command.spawn(), log);
    } catch (cause) {
      throw new NftGoneError(`Cannot run nft: ${(cause as Error).message}`, { cause });
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Runs commands, separated by `;`, all or none. Rejects with NftError or NftGoneError. */
  async execute(commands: string): Promise<void> {
    await this.#send([commands], 0);
  }

  /**
   * Runs listings and returns their JSON. Rejects with NftError or NftGoneError: if one is refused, what the others have
   * printed would be taken for the answers to those that come later, so nft is ended then.
   */
  list(commands: readonly string[]): Promise<readonly string[]> {
    return this.#send(commands, commands.length);
  }

  #send(commands: readonly string[], answers: number): Promise<readonly string[]> {
    if (this.#gone !== undefined) return Promise.reject(new NftGoneError(this.#gone));
    const marker = `end${this.#count++}`;
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    if (this.#pending.length === 0) this.#heardAtMs = performance.now();
    this.#pending.push({ marker, answers, resolve, reject });
    this.lines += commands.length + 1;
    this.#timer ??= setTimeout(() => this.#checkDeadline(), CHECK_MS);
    if (this.#unsent === "") queueMicrotask(() => this.#flush());
    this.#unsent += `${commands.join("\n")}\n${marker}\n`;
    return promise;
  }

  #flush(): void {
    if (this.#unsent === "") return;
    // It fails when nft ends; those that wait are told so then.
    this.#input.write(this.#encoder.encode(this.#unsent)).catch(() => {});
    this.#unsent = "";
  }

  async #readAnswers(): Promise<void> {
    for await (const line of lines(this.#child.stdout)) {
      this.#heardAtMs = performance.now();
      const start = line.indexOf(ANSWER);
      if (start < 0) continue;
      this.#answers.push(line.slice(start));
      this.#settle();
    }
  }

  async #readErrors(): Promise<void> {
    for await (const line of lines(this.#child.stderr)) {
      this.#heardAtMs = performance.now();
      const pending = this.#pending[this.#finished];
      if (pending === undefined || line.trim() !== pending.marker) {
        this.#errors += `${line}\n`;
        continue;
      }
      // What precedes the marker is the complaint about it, and before that, below a line of carets, the command's own.
      const own = this.#errors.replace(/.*\n$/, "").replace(/^ *\^+\n/, "").trim();
      this.#errors = "";
      if (own === "") {
        this.#finished++;
        this.#settle();
      } else {
        this.#pending.splice(this.#finished, 1);
        pending.reject(new NftError(firstError(own)));
        if (pending.answers > 1) this.#kill();
      }
    }
  }

  #settle(): void {
    while (this.#finished > 0) {
      const pending = this.#pending[0]!;
      if (this.#answers.length < pending.answers) return;
      this.#pending.shift();
      this.#finished--;
      pending.resolve(this.#answers.splice(0, pending.answers));
    }
  }

  #checkDeadline(): void {
    this.#timer = undefined;
    if (this.#pending.length === 0) return;
    this.#timer = setTimeout(() => this.#checkDeadline(), CHECK_MS);
    if (performance.now() - this.#heardAtMs < DEADLINE_MS) return;
    this.#log.warning(`nft has not answered for ${DEADLINE_MS / 1000} s, ending it`);
    this.#kill();
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // it has ended
    }
  }

  #end(status: Deno.CommandStatus): string {
    clearTimeout(this.#timer);
    const reason = status.signal !== null ? `signal ${status.signal}` : `code ${status.code}`;
    const gone = `nft has ended, ${reason}${this.#errors.includes("Error:") ? `: ${firstError(this.#errors)}` : ""}`;
    this.#gone = gone;
    for (const { reject } of this.#pending.splice(0)) reject(new NftGoneError(gone));
    return gone;
  }

  /** Ends nft, and with it all tables that it owns. */
  async close(): Promise<void> {
    this.#flush();
    this.#input.close().catch(() => {});
    const timer = setTimeout(() => this.#kill(), DEADLINE_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

/** "Error: Could not process rule: File exists", without the command that nft repeats below it. */
function firstError(text: string): string {
  const lines = text.split("\n");
  const line = lines.find((it) => /\bError:/.test(it)) ?? lines[0]!;
  return line.replace(/^.*?Error: /, "").slice(0, 200);
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}
