/**
 * The management port: `sessions`, `summary`, `version`, `quit` and `exit`, each a line; the answers are one line too
 * (PROTOCOL 5).
 * @module
 */
import { LineFault, LineFramer } from "../control/line_framer.ts";
import { type Logger, quoted } from "../env/log.ts";
import type { RelayLink, RelayResult } from "./relay_link.ts";

const MAX_LINE_LENGTH = 1024;

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
        this.#env.log.error(`unknown management command: ${line instanceof LineFault ? line.reason : quoted(line)}`);
        return this.#answer("error");
    }
  }

  #answer(text: string): void {
    this.#env.send(`${text}\r\n`);
  }

  /** Asks every relay; one that cannot answer has its place in a summary, and none in a list of sessions. */
  #askAll(command: "summary" | "sessions", join: (bodies: string[]) => string): void {
    const relays = this.#env.relays();
    const bodies: string[] = relays.map(() => "");
    let missing = relays.length;
    const finish = () => {
      this.#busy = false;
      this.#answer(`[${join(bodies)}]`);
      this.#next();
    };
    this.#busy = true;
    if (missing === 0) return finish();
    relays.forEach((relay, index) => {
      relay.send(command, new Map(), (result: RelayResult) => {
        const failure = command === "summary"
          ? JSON.stringify({ status: "error", ip: relay.transport.hostname })
          : "[]";
        bodies[index] = result.kind === "answer" ? result.body : failure;
        if (--missing === 0) finish();
      });
    });
  }
}

function withoutBrackets(list: string): string {
  return list.replace(/^\[|\]$/g, "");
}
