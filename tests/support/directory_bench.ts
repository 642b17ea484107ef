/** A session directory with workers in memory: what is posted waits until a worker is let run. @module */
import { SessionDirectory } from "../../relay/directory/session_directory.ts";
import type { FromWorker, ToWorker } from "../../relay/directory/worker_messages.ts";
import { HeaderLines, type Headers } from "../../src/control/headers.ts";
import type { SessionStatistics } from "../../src/control/statistics.ts";
import { FakeClock, RecordingLogger } from "./fakes.ts";
import { DISPATCHER, RelayHost } from "./relay_host.ts";

export interface DirectoryBenchOptions {
  readonly workers?: number;
  /** Audio calls that a worker has ports for. */
  readonly callsPerWorker?: number;
  readonly maxSessions?: number;
  readonly maxNewSessionsPerSecond?: number;
}

/** Each worker has ports from its number times 10,000. */
const FIRST_PORT = 10_000;
const PORTS_PER_CALL = 4;

export class DirectoryBench {
  readonly clock = new FakeClock();
  readonly log = new RecordingLogger();
  readonly directory: SessionDirectory;
  readonly expired: { readonly dispatcher: string; readonly statistics: SessionStatistics }[] = [];
  readonly replaced: { readonly worker: number; readonly usedBelow: number }[] = [];
  /** What workers have been told and have not looked at, by number. */
  readonly inboxes = new Map<number, ToWorker[]>();
  readonly #hosts = new Map<number, RelayHost>();
  readonly #callsPerWorker: number;

  constructor(options: DirectoryBenchOptions = {}) {
    const { workers = 2, callsPerWorker = 20, maxSessions = 0, maxNewSessionsPerSecond = 0 } = options;
    this.#callsPerWorker = callsPerWorker;
    this.directory = new SessionDirectory(
      {
        workers,
        limits: { maxSessions, maxNewSessionsPerSecond },
        portRange: "10000:30000",
        kernelSummary: () => ({ status: "off", components: 0, left: {} }),
      },
      {
        post: (worker, message) => void this.inboxes.get(worker)?.push(message),
        replace: (worker, usedBelow) => void this.replaced.push({ worker, usedBelow }),
        expired: (dispatcher, statistics) => void this.expired.push({ dispatcher, statistics }),
      },
      this.clock,
      this.log,
    );
    for (let worker = 1; worker <= workers; worker++) this.start(worker);
  }

  /** A new isolate begins, and says that it is up. */
  start(worker: number): void {
    const firstPort = worker * FIRST_PORT;
    const endPort = firstPort + this.#callsPerWorker * PORTS_PER_CALL;
    this.#hosts.set(worker, new RelayHost({ firstPort, endPort }, this.clock));
    this.inboxes.set(worker, []);
    this.directory.workerStarted(worker);
    this.directory.received(worker, { kind: "ready" });
  }

  host(worker: number): RelayHost {
    return this.#hosts.get(worker)!;
  }

  say(worker: number, message: Exclude<FromWorker, { kind: "kernel" }>): void {
    this.directory.received(worker, message);
  }

  /** Lets workers look at what they were told, until nothing is left. */
  run(...workers: readonly number[]): void {
    const numbers = workers.length > 0 ? workers : [...this.inboxes.keys()];
    while (numbers.some((worker) => this.inboxes.get(worker)!.length > 0)) {
      for (const worker of numbers) {
        for (const message of this.inboxes.get(worker)!.splice(0)) this.#execute(worker, message);
      }
    }
  }

  #execute(worker: number, message: ToWorker): void {
    const host = this.host(worker);
    if (message.kind === "drain") host.relay.drain();
    if (message.kind === "close") this.say(worker, { kind: "closed" });
    if (message.kind !== "command") return;
    const { id, dispatcher, command, headers } = message;
    this.say(worker, {
      kind: "answer",
      id,
      answer: host.relay.handle(dispatcher, command, new HeaderLines(headers)),
    });
    for (const { dispatcher, statistics } of host.expired.splice(0)) {
      this.say(worker, { kind: "expired", dispatcher, statistics });
    }
  }

  /** A command, whose answer is in the list once a worker has given it. */
  ask(command: string, headers: Headers = new Map(), dispatcher = DISPATCHER): string[] {
    const answers: string[] = [];
    this.directory.handle(dispatcher, command, headers, (text) => void answers.push(text));
    return answers;
  }

  /** A command that is answered. */
  answer(command: string, headers: Headers = new Map(), dispatcher = DISPATCHER): string {
    const answers = this.ask(command, headers, dispatcher);
    this.run();
    if (answers.length !== 1) throw new Error(`${command} has ${answers.length} answers`);
    return answers[0]!;
  }
}
