/** Everything that a test file needs running: dispatcher, relay, and a Kamailio for each style. @module */
import type { EndedSession, RelaySummary, SessionStatistics } from "../../../src/control/mod.ts";
import { Kamailio, type Style, STYLES } from "./kamailio.ts";
import {
  install,
  type Installation,
  manage,
  type RelayPlace,
  type RelaySettings,
  startDispatcher,
  startRelay,
} from "./mediaproxy.ts";
import type { Phone } from "./phone.ts";
import type { PeerProcess } from "./process.ts";
import { missingPrograms } from "./programs.ts";
import { until } from "./until.ts";

const CONNECT_DEADLINE_MS = 20_000;

/** The programs, and where to look at what they did. */
export class Bench implements AsyncDisposable {
  readonly installation: Installation;
  readonly #kamailios = new Map<Style, Kamailio>();
  #phones: Phone[] = [];
  #dispatcher: PeerProcess;
  #relay: PeerProcess;

  private constructor(installation: Installation, dispatcher: PeerProcess, relay: PeerProcess) {
    this.installation = installation;
    this.#dispatcher = dispatcher;
    this.#relay = relay;
  }

  /** Starts everything in a directory of its own. */
  static async start(relaySettings: RelaySettings = {}): Promise<Bench> {
    await using undo = new AsyncDisposableStack();
    const directory = await Deno.makeTempDir({ prefix: "peers-" });
    undo.defer(() => Deno.remove(directory, { recursive: true }));
    const rpcSocket = (style: Style) => `${directory}/rpc-${style}.sock`;
    const installation = await install(directory, rpcSocket("engage"), relaySettings);
    const dispatcher = undo.use(await startDispatcher(installation));
    const relay = undo.use(await startRelay(installation));
    const bench = new Bench(installation, dispatcher, relay);
    await bench.#connected(0);
    const { dispatcherSocket } = installation;
    for (const style of STYLES) {
      const options = { style, dispatcherSocket, directory, rpcSocket: rpcSocket(style) };
      bench.#kamailios.set(style, undo.use(await Kamailio.start(options)));
    }
    undo.move();
    return bench;
  }

  get dispatcher(): PeerProcess {
    return this.#dispatcher;
  }

  get relay(): PeerProcess {
    return this.#relay;
  }

  kamailio(style: Style): Kamailio {
    return this.#kamailios.get(style)!;
  }

  /** Ends the dispatcher with `signal`, unless it has ended, and starts it again; the relay has joined it afterwards. */
  async restartDispatcher(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#dispatcher.signal(signal);
    await this.#dispatcher.ended();
    this.#dispatcher = await startDispatcher(this.installation);
    await this.#connected(0);
  }

  /** Ends the relay with `signal`, unless it has ended, and starts it again; it has joined the dispatcher afterwards. */
  async restartRelay(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const from = this.#dispatcher.lines.length;
    this.#relay.signal(signal);
    await this.#relay.ended();
    this.#relay = await startRelay(this.installation);
    await this.#connected(from);
  }

  /** Starts one more relay, which the test has to stop; resolves once it has joined the dispatcher. */
  async startAnotherRelay(place: RelayPlace): Promise<PeerProcess> {
    const from = this.#dispatcher.lines.length;
    const relay = await startRelay(place);
    await this.#connected(from);
    return relay;
  }

  /** Waits for the session's line in the accounting file, and returns it. */
  async accounting(callId: string, withinMs?: number): Promise<EndedSession> {
    return await until(`the accounting of ${callId}`, () => this.accounted(callId)[0], withinMs);
  }

  /** The lines of the accounting file about this call. */
  accounted(callId: string): EndedSession[] {
    let text: string;
    try {
      text = Deno.readTextFileSync(this.installation.accountingPath);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return []; // no session has ended yet
      throw error;
    }
    const complete = text.slice(0, text.lastIndexOf("\n") + 1);
    return complete.split("\n").filter(Boolean).map((line) => JSON.parse(line) as EndedSession)
      .filter((session) => session.call_id === callId);
  }

  /** The running sessions, as the management port tells. */
  async sessions(): Promise<SessionStatistics[]> {
    return await manage(this.installation, "sessions") as SessionStatistics[];
  }

  /** What each relay says of itself. */
  async summary(): Promise<RelaySummary[]> {
    return await manage(this.installation, "summary") as RelaySummary[];
  }

  /** Waits until no relay has a session of this call. */
  async gone(callId: string): Promise<void> {
    await until(
      `the session of ${callId} to be gone`,
      async () => (await this.sessions()).every(({ call_id }) => call_id !== callId),
    );
  }

  /** Has `logs` tell of these phones, too. */
  watch(...phones: Phone[]): void {
    this.#phones.push(...phones);
  }

  /** Ends the watch over phones of earlier tests. */
  forgetPhones(): void {
    this.#phones = [];
  }

  /** What the programs wrote last, and the phones did. */
  logs(): string {
    const kamailios = [...this.#kamailios.values()].map(({ process }) => process);
    return [...this.#phones, this.#dispatcher, this.#relay, ...kamailios].map((source) => source.tail()).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#kamailios.values()].map((kamailio) => kamailio[Symbol.asyncDispose]()));
    await this.#relay.stop();
    await this.#dispatcher.stop();
    await Deno.remove(this.installation.directory, { recursive: true });
  }

  async #connected(fromLine: number): Promise<void> {
    try {
      await this.#dispatcher.line(/relay connected/, fromLine, CONNECT_DEADLINE_MS);
    } catch (error) {
      throw new Error(`Cannot go on without a relay\n${this.logs()}`, { cause: error });
    }
  }
}

/** A test file's bench: started by the first test that runs, stopped after the last. */
export interface SharedBench {
  /**
   * Registers a test. Without the programs it fails in CI (environment variable `CI`), and is ignored elsewhere, with
   * the reason in its name. A failure shows what the programs wrote last.
   */
  test(name: string, body: (bench: Bench) => Promise<void>): void;
}

/** Creates the bench of a test file. */
export function sharedBench(relaySettings: RelaySettings = {}): SharedBench {
  const missing = missingPrograms();
  let started: Promise<Bench> | undefined;
  Deno.test.afterAll(async () => {
    const bench = await started?.catch(() => undefined);
    await bench?.[Symbol.asyncDispose]();
  });
  return {
    test(name, body) {
      const inCi = Boolean(Deno.env.get("CI"));
      const ignore = missing !== undefined && !inCi;
      Deno.test({
        name: ignore ? `${name} (ignored: missing ${missing}; see scripts/install_peers.sh)` : name,
        ignore,
        // The programs' output is read all the time, not within one test.
        sanitizeOps: false,
        sanitizeResources: false,
        async fn() {
          if (missing !== undefined) throw new Error(`Cannot test against real programs: missing ${missing}`);
          const bench = await (started ??= Bench.start(relaySettings));
          bench.forgetPhones();
          try {
            await body(bench);
          } catch (error) {
            if (!(error instanceof Error)) throw error;
            error.message += `\n${bench.logs()}`;
            throw error;
          }
        },
      });
    },
  };
}
