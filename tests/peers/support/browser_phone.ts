/** A phone in a browser: Chromium in a home of the laboratory, with a page that runs JsSIP (`browser/page.js`). @module */
import { Chromium } from "./chromium.ts";
import type { Home } from "./lab.ts";
import { DEFAULT_DEADLINE_MS, until } from "./until.ts";

const PAGE = new URL("../browser/page.js", import.meta.url).pathname;

/** Who a phone is, and how it gets to its server. */
export interface BrowserAccount {
  /** Where its files go; made if it is not there. */
  readonly directory: string;
  readonly user: string;
  readonly password: string;
  readonly domain: string;
  /** The WebSocket of the server: a `ws:` or `wss:` URL. */
  readonly server: string;
}

/** What a phone has received in its call, and which way. */
export interface CallStatistics {
  readonly audioPackets: number;
  /** Above 0 if there was sound. */
  readonly audioEnergy: number;
  readonly videoFrames: number;
  /** How many transports the call has: one for all bundled streams. */
  readonly transports: number;
  readonly dtlsState: string;
  /** The other end of the candidate pair in use. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly remoteType: string;
}

/** A phone that is registered. */
export class BrowserPhone implements AsyncDisposable {
  /** Without the scheme, as every list of calls shows it. */
  readonly address: string;
  readonly #browser: Chromium;

  private constructor(address: string, browser: Chromium) {
    this.address = address;
    this.#browser = browser;
  }

  get uri(): string {
    return `sip:${this.address}`;
  }

  /** Starts a browser in a home, and has its page register. */
  static async start(home: Home, { directory, user, password, domain, server }: BrowserAccount): Promise<BrowserPhone> {
    await using undo = new AsyncDisposableStack();
    await Deno.mkdir(directory, { recursive: true });
    await bundle(`${directory}/page.js`);
    // A page in a file may use the microphone: its origin counts as secure.
    await Deno.writeTextFile(`${directory}/page.html`, '<!DOCTYPE html><body><script src="page.js"></script></body>');
    const browser = undo.use(await Chromium.start(home, `${directory}/profile`, `file://${directory}/page.html`));
    const phone = new BrowserPhone(`${user}@${domain}`, browser);
    await phone.#do("register", { uri: phone.uri, password, server });
    undo.move();
    return phone;
  }

  /** Calls somebody; resolves once the call is up. */
  async call(uri: string, { video = false } = {}): Promise<void> {
    await this.#do("call", uri, { video });
  }

  /** Waits for a call, and answers it; resolves once it is up. */
  async answer({ video = false } = {}): Promise<void> {
    await until(`${this.uri} to be called`, () => this.#browser.evaluate("phone.rings"));
    await this.#do("answer", { video });
  }

  async hangUp(): Promise<void> {
    await this.#do("hangUp");
  }

  /** Waits until the call has ended, and returns the reason. */
  async ended(): Promise<string> {
    return await this.#do("ended") as string;
  }

  async statistics(): Promise<CallStatistics> {
    return await this.#do("statistics") as CallStatistics;
  }

  /** What the browser wrote last. */
  tail(): string {
    return this.#browser.tail();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#browser[Symbol.asyncDispose]();
  }

  async #do(method: string, ...args: unknown[]): Promise<unknown> {
    const { signal, cancel } = deadline(`${this.uri} to ${method}`);
    try {
      return await Promise.race([this.#browser.evaluate(`phone.${method}(...${JSON.stringify(args)})`), signal]);
    } finally {
      cancel();
    }
  }
}

function deadline(what: string): { signal: Promise<never>; cancel: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const error = new Error(`Cannot wait any longer for ${what}: nothing within ${DEFAULT_DEADLINE_MS} ms`);
  const timer = setTimeout(() => reject(error), DEFAULT_DEADLINE_MS);
  return { signal: promise, cancel: () => clearTimeout(timer) };
}

/** Makes one script of the page and of what it imports. */
async function bundle(path: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", "--format", "iife", "--output", path, PAGE],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot bundle ${PAGE}: ${new TextDecoder().decode(stderr)}`);
}
