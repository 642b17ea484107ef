/** A TCP connection from inside a namespace: bash opens it there, and its pipes lead here. @module */
import { programPath } from "./programs.ts";

/** A connection that is up, or soon will be: what is written before that waits. */
export class LabConnection implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #reading: Promise<void>;
  /** What came, but for what `received` took. */
  #text = "";
  #closed = false;

  /** Connects to a literal address. `received` gets all text so far that it has not taken, and returns what is left. */
  constructor(namespace: string, hostname: string, port: number, received: (text: string) => string) {
    const script = `exec 3<>/dev/tcp/${hostname}/${port} && { cat <&3 & cat >&3; kill %1; }`;
    this.#child = new Deno.Command(programPath("ip"), {
      args: ["netns", "exec", namespace, "bash", "-c", script],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reading = this.#read(received);
  }

  /** Whether the other end has closed it, or never took it. */
  get closed(): boolean {
    return this.#closed;
  }

  async write(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => undefined); // it went first
    await this.#reading;
    await this.#child.status;
  }

  async #read(received: (text: string) => string): Promise<void> {
    for await (const bytes of this.#child.stdout) {
      this.#text = received(this.#text + this.#decoder.decode(bytes, { stream: true }));
    }
    this.#closed = true;
  }
}
