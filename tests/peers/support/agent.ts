/** A program in another network namespace that a test commands (`agent_server.ts`). @module */
import { programPath } from "./programs.ts";

const running = new Set<Deno.ChildProcess>();
globalThis.addEventListener("unload", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** The program's side of the line. */
export class Agent implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting: PromiseWithResolvers<unknown>[] = [];

  /** Starts `program`, a file beside this one, in a namespace. */
  constructor(namespace: string, program: string) {
    const path = new URL(program, import.meta.url).pathname;
    this.#child = new Deno.Command(programPath("ip"), {
      args: ["netns", "exec", namespace, Deno.execPath(), "run", "-A", "--no-check", "--unstable-net", path],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    running.add(this.#child);
    this.#writer = this.#child.stdin.getWriter();
    this.#read();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Has the program do something, and returns what came of it. */
  async do<T>(name: string, argument: unknown = {}): Promise<T> {
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.push(waiting);
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify({ name, argument })}\n`));
    return await waiting.promise as T;
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const { result, error } = JSON.parse(line);
        const waiting = this.#waiting.shift()!;
        if (error === undefined) waiting.resolve(result);
        else waiting.reject(new Error(error));
      }
    }
    for (const { reject } of this.#waiting.splice(0)) reject(new Error("the program has ended"));
  }

  /** Ends the program as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    running.delete(this.#child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {}); // it may have been killed
    await this.#child.status;
    running.delete(this.#child);
  }
}
