/**
 * The relay's end of a connection to a dispatcher: commands in, answers out, keepalives.
 *
 * A ping leaves every keepalive_interval; after three without a pong the connection is taken for dead, whatever TCP says.
 * @module
 */
import type { Headers } from "../src/control/headers.ts";
import { type Request, RequestFramer, RequestSyntaxError } from "../src/control/request.ts";
import type { SessionStatistics } from "../src/control/statistics.ts";
import { type Logger, quoted } from "../src/env/log.ts";

export interface DispatcherTransport {
  send(text: string): void;
  close(reason: string): void;
}

/** Executes a command. `answer` is to be called once, now or later; the order of the answers does not matter. */
export type CommandHandler = (command: string, headers: Headers, answer: (text: string) => void) => void;

const MAX_UNANSWERED_PINGS = 3;

export class DispatcherLink {
  readonly #transport: DispatcherTransport;
  readonly #handle: CommandHandler;
  readonly #keepaliveIntervalMs: number;
  readonly #log: Logger;
  readonly #requests = new RequestFramer(["pong"]);
  #unansweredPings = 0;
  #pingAtMs: number;

  constructor(
    transport: DispatcherTransport,
    handle: CommandHandler,
    keepaliveIntervalMs: number,
    log: Logger,
    nowMs: number,
  ) {
    this.#transport = transport;
    this.#handle = handle;
    this.#keepaliveIntervalMs = keepaliveIntervalMs;
    this.#log = log;
    this.#pingAtMs = nowMs + keepaliveIntervalMs;
  }

  /** Bytes from the dispatcher. `chunk` is not kept. */
  received(chunk: Uint8Array): void {
    for (const request of this.#requests.push(chunk)) this.#execute(request);
  }

  #execute(request: Request | RequestSyntaxError): void {
    if (request.command === "pong") {
      this.#unansweredPings = 0;
      return;
    }
    const [, command, sequence] = /^(\S+) (\d{1,15})$/.exec(request.command) ?? [];
    if (command === undefined) {
      return this.#log.error(`ignoring ${quoted(request.command)}: it is not a command with a sequence number`);
    }
    const answer = (text: string) => this.#transport.send(`${sequence} ${text}\r\n`);
    if (request instanceof RequestSyntaxError) {
      this.#log.error(request.message);
      answer("error");
    } else {
      this.#handle(command, request.headers, answer);
    }
  }

  /** Reports a session that ended by itself. */
  expired(statistics: SessionStatistics): void {
    this.#transport.send(`expired ${JSON.stringify(statistics)}\r\n`);
  }

  /** To be called about once a second. */
  handleTimeout(nowMs: number): void {
    if (nowMs < this.#pingAtMs) return;
    this.#pingAtMs = nowMs + this.#keepaliveIntervalMs;
    if (this.#unansweredPings >= MAX_UNANSWERED_PINGS) {
      return this.#transport.close(`${MAX_UNANSWERED_PINGS} keepalives in a row were not answered`);
    }
    this.#unansweredPings++;
    this.#transport.send("ping\r\n");
  }
}
