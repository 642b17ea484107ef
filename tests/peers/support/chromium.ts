/**
 * Chromium without a screen, in a home of the laboratory. It is driven over two pipes (`--remote-debugging-pipe`, the
 * Chrome DevTools Protocol: JSON messages that end with a NUL), because no port of a namespace can be reached from here.
 * @module
 */
import type { Home } from "./lab.ts";
import { programPath } from "./programs.ts";
import { until } from "./until.ts";

const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
  ...["--disable-background-networking", "--disable-component-update"],
  ...["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  "--disable-audio-output",
  "--log-level=3", // what else it says is about buses and screens that are not there
  "--autoplay-policy=no-user-gesture-required",
  // Candidates with the host's address instead of an mDNS name, which nobody here could resolve.
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  "--ignore-certificate-errors",
];
const KEPT_LINES = 40;

interface Message {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
  readonly method?: string;
  readonly params?: Record<string, unknown>;
}

/** A running browser with one page. */
export class Chromium implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  readonly #reading: Promise<unknown>;
  readonly #lines: string[] = [];
  #session: string | undefined;
  #messages = 0;

  private constructor(home: Home, profile: string) {
    // Chromium reads commands from descriptor 3, and writes to 4.
    const script = 'exec "$@" 3<&0 4>&1 0</dev/null 1>&2';
    const command = [programPath("chromium"), "--remote-debugging-pipe", `--user-data-dir=${profile}`, ...FLAGS];
    this.#child = new Deno.Command(programPath("ip"), {
      args: ["netns", "exec", home.namespace, "bash", "-c", script, "chromium", ...command],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reading = Promise.all([this.#read(), this.#keepLog()]);
  }

  /** Starts a browser whose profile goes into a directory, and loads a page. */
  static async start(home: Home, profile: string, url: string): Promise<Chromium> {
    const browser = new Chromium(home, profile);
    try {
      const { targetId } = await browser.#command("Target.createTarget", { url });
      const { sessionId } = await browser.#command("Target.attachToTarget", { targetId, flatten: true });
      browser.#session = sessionId as string;
      await browser.#command("Runtime.enable"); // tells what the page logs
      const isLoaded = `document.readyState === "complete" && location.href === ${JSON.stringify(url)}`;
      // Until it is there, the page before it may go in the middle of an answer.
      await until(`${url} to be loaded`, () => browser.evaluate(isLoaded).catch(() => false));
    } catch (error) {
      await browser[Symbol.asyncDispose]();
      throw new Error(`Cannot start Chromium\n${browser.tail()}`, { cause: error });
    }
    return browser;
  }

  /** Evaluates an expression in the page; waits for a promise. Returns what it gives, as JSON can tell it. */
  async evaluate(expression: string): Promise<unknown> {
    const parameters = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.#command("Runtime.evaluate", parameters);
    if (exceptionDetails !== undefined) {
      const { description } = (exceptionDetails as { exception?: { description?: string } }).exception ?? {};
      throw new Error(`Cannot evaluate ${expression}: ${description}`);
    }
    return (result as { value?: unknown }).value;
  }

  /** What the browser and its page wrote last. */
  tail(): string {
    return ["--- chromium", ...this.#lines.map((line) => `    ${line.slice(0, 2000)}`)].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => undefined); // it ends, together with its pipe
    await this.#child.status;
    await this.#reading;
  }

  async #command(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = ++this.#messages;
    const answer = Promise.withResolvers<Record<string, unknown>>();
    this.#waiting.set(id, answer);
    answer.promise.catch(() => undefined); // whoever waited for it may have gone
    const sessionId = this.#session === undefined ? {} : { sessionId: this.#session };
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify({ id, method, params, ...sessionId })}\0`));
    return await answer.promise;
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const messages = (rest + text).split("\0");
      rest = messages.pop()!;
      for (const message of messages) this.#handle(JSON.parse(message) as Message);
    }
    for (const { reject } of this.#waiting.values()) reject(new Error("Cannot go on: the browser has ended"));
  }

  #handle({ id, result, error, method, params }: Message): void {
    if (method === "Runtime.consoleAPICalled" || method === "Runtime.exceptionThrown") {
      this.#keep(JSON.stringify(params));
    }
    const answer = this.#waiting.get(id ?? 0);
    if (answer === undefined) return;
    this.#waiting.delete(id!);
    if (error === undefined) answer.resolve(result ?? {});
    else answer.reject(new Error(`Cannot drive the browser: ${error.message}`));
  }

  async #keepLog(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      text.split("\n").filter(Boolean).forEach((line) => this.#keep(line));
    }
  }

  #keep(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }
}
