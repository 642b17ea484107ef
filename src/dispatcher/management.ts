/**
 * The management port: `sessions`, `summary`, `version`, `quit` and `exit`, each a line; the answers are one line too
 * (PROTOCOL 5). Ours besides: `explain CALL-ID`, or the beginning of one.
 * @module
 */
import type { Headers } from "../control/headers.ts";
import { LineFault, LineFramer } from "../control/line_framer.ts";
import { type Logger, quoted } from "../env/log.ts";
import type { RelayCommand, RelayLink, RelayResult } from "./relay_link.ts";

const MAX_LINE_LENGTH = 1024;
const EXPLAIN = /^explain +[^ ]/;
const NO_HEADERS: Headers = new Map();

export interface ManagementEnvironment {
  readonly version: string;
  relays(): readonly RelayLink[];
  send(text: string): void;
  close(reason: string): void;
  readonly log: Logger;
}

export class ManagementConnection {
  readonly #lines = new LineFramer(MAX_LINE_LENGTH);
  readonly #env: ManagementEnvironment;
  /** Commands that wait for the one before them to be answered. */
  readonly #queue: (string | LineFault)[] = [];
  #busy = false;

  constructor(env: ManagementEnvironment) {
    this.#env = env;
  }

  /** Bytes from the operator. `chunk` is not kept. */
  received(chunk: Uint8Array): void {
    this.#queue.push(...this.#lines.push(chunk));
    this.#next();
  }

  #next(): void {
    while (!this.#busy && this.#queue.length > 0) this.#handle(this.#queue.shift()!);
  }

  #handle(line: string | LineFault): void {
    switch (line) {
      case "":
        return;
      case "version":
        return this.#answer(this.#env.version);
      case "summary":
        return this.#askAll("summary", (bodies) => bodies.join(", "));
      case "sessions":
        return this.#askAll("sessions", (bodies) => bodies.map(withoutBrackets).filter(Boolean).join(", "));
      case "quit":
      case "exit":
        this.#queue.length = 0;
        return this.#env.close("the operator has left");
      default:
        if (typeof line === "string" && EXPLAIN.test(line)) {
          return this.#explain(line.slice("explain ".length).trim());
        }
        this.#env.log.error(`unknown management command: ${line instanceof LineFault ? line.reason : quoted(line)}`);
        return this.#answer("error");
    }
  }

  #answer(text: string): void {
    this.#env.send(`${text}\r\n`);
  }

  /** One that cannot answer has its place in a summary, and none in a list of sessions. */
  #askAll(command: "summary" | "sessions", join: (bodies: string[]) => string): void {
    const relays = this.#env.relays();
    this.#ask(relays, command, NO_HEADERS, (results) => {
      const bodies = results.map((result, index) => {
        if (result.kind === "answer") return result.body;
        return command === "sessions"
          ? "[]"
          : JSON.stringify({ status: "error", ip: relays[index]!.transport.hostname });
      });
      this.#answer(`[${join(bodies)}]`);
    });
  }

  #explain(callId: string): void {
    const relays = this.#env.relays();
    const able = relays.filter((relay) => relay.capabilities.has("explain"));
    this.#ask(able, "explain", new Map([["call_id", callId]]), (results) => {
      const answers = relays.map((relay) => ({ relay: relay.ip, answer: saidBy(results[able.indexOf(relay)]) }));
      const sessions = results.flatMap((result) => result.kind === "answer" ? withoutBrackets(result.body) || [] : []);
      const [call, asked] = [JSON.stringify(callId), JSON.stringify(answers)];
      this.#answer(`{"call_id":${call},"relays":${asked},"sessions":[${sessions.join(",")}]}`);
    });
  }

  /** `done` is called once, with a result for each relay, before the next line is looked at. */
  #ask(
    relays: readonly RelayLink[],
    command: RelayCommand,
    headers: Headers,
    done: (results: RelayResult[]) => void,
  ): void {
    const results: RelayResult[] = [];
    let missing = relays.length;
    const finish = () => {
      this.#busy = false;
      done(results);
      this.#next();
    };
    this.#busy = true;
    if (missing === 0) return finish();
    relays.forEach((relay, index) => {
      relay.send(command, headers, (result: RelayResult) => {
        results[index] = result;
        if (--missing === 0) finish();
      });
    });
  }
}

/** `known`, `unknown`, or why the relay said nothing. */
function saidBy(result: RelayResult | undefined): string {
  if (result === undefined) return "it does not know the command";
  if (result.kind === "failed") return result.reason;
  return withoutBrackets(result.body) === "" ? "unknown" : "known";
}

function withoutBrackets(list: string): string {
  return list.replace(/^\[|\]$/g, "");
}
