/**
 * One relay's connection to the dispatcher: commands with their sequence numbers, answers, time limits, keepalives.
 *
 * | state     | takes new calls | until                                                           |
 * | --------- | --------------- | --------------------------------------------------------------- |
 * | active    | yes             | a command gets no answer: timed out; it says so: halting; closed |
 * | timed out | no              | its next ping: active; relay_recover_interval is over: closed    |
 * | halting   | no              | closed                                                          |
 * | closed    | no              |                                                                 |
 * @module
 */
import { ControlSyntaxError } from "../control/errors.ts";
import { LineFault, LineFramer } from "../control/line_framer.ts";
import { parseRelayLine } from "../control/relay_reply.ts";
import type { Headers } from "../control/headers.ts";
import { serializeRequest } from "../control/request.ts";
import type { Clock } from "../env/clock.ts";
import { type Logger, quoted, withFields } from "../env/log.ts";
import { PendingQueue } from "./pending_queue.ts";

export type RelayState = "active" | "timed out" | "halting" | "closed";

export type RelayCommand = "update" | "remove" | "summary" | "sessions" | "explain";

/** What became of a command: the relay's word, or why there is none. */
export type RelayResult =
  | { readonly kind: "answer"; readonly body: string }
  | { readonly kind: "failed"; readonly reason: "error" | "halting" | "timed out" | "disconnected" };

/** The connection, as the machine sees it. */
export interface RelayTransport {
  /** The relay's address, as the connection shows it. */
  readonly hostname: string;
  /** `address:port` of the connection, for the log. */
  readonly text: string;
  send(text: string): void;
  close(reason: string): void;
}

/** What a relay says unasked. */
export interface RelayLinkOutputs {
  /** A session ended on the relay by itself. */
  expired(link: RelayLink, statistics: string): void;
  /** The answer to a command came after its time limit. */
  answeredLate(link: RelayLink, command: RelayCommand, headers: Headers, body: string): void;
}

export interface RelayLinkOptions {
  readonly relayTimeoutMs: number;
  readonly relayRecoverIntervalMs: number;
}

interface Pending {
  readonly command: RelayCommand;
  readonly headers: Headers;
  readonly deadlineMs: number;
  /** `undefined` once the time limit has passed: then the answer is late. */
  done: ((result: RelayResult) => void) | undefined;
}

/** The answer to `sessions` of a large relay has some megabytes. */
const MAX_LINE_LENGTH = 64 * 1024 * 1024;
/** So many commands are remembered until they are answered, the oldest late ones being given up for new ones. */
const MAX_PENDING = 10_000;

export class RelayLink {
  readonly transport: RelayTransport;
  readonly #options: RelayLinkOptions;
  readonly #outputs: RelayLinkOutputs;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #lines = new LineFramer(MAX_LINE_LENGTH);
  /** In the order of sending, which is that of the deadlines. */
  readonly #pending = new PendingQueue<Pending>();
  #state: RelayState = "active";
  #dropAtMs = Infinity;
  /** What tells this relay from others, across reconnections; "" until it has said it. */
  identity = "";
  /** The relay's own word for its address; preferred relays may be named by it. */
  ip: string;
  /** What the relay says that it understands beyond the original's commands. */
  capabilities: ReadonlySet<string> = new Set();

  constructor(
    transport: RelayTransport,
    options: RelayLinkOptions,
    outputs: RelayLinkOutputs,
    clock: Clock,
    log: Logger,
  ) {
    this.transport = transport;
    this.#options = options;
    this.#outputs = outputs;
    this.#clock = clock;
    this.#log = withFields(log, { relay: transport.text });
    this.ip = transport.hostname;
  }

  get state(): RelayState {
    return this.#state;
  }

  /** Sends a command; `done` is called exactly once. Commands arrive in the order in which they are sent. */
  send(command: RelayCommand, headers: Headers, done: (result: RelayResult) => void): void {
    if (this.#state === "closed") return done({ kind: "failed", reason: "disconnected" });
    while (this.#pending.span >= MAX_PENDING && this.#pending.oldest?.done === undefined) this.#pending.takeOldest();
    if (this.#pending.span >= MAX_PENDING) return done({ kind: "failed", reason: "timed out" });
    const deadlineMs = this.#clock.nowMs() + this.#options.relayTimeoutMs;
    const sequence = this.#pending.add({ command, headers, deadlineMs, done });
    this.transport.send(serializeRequest(`${command} ${sequence}`, headers));
  }

  /** Bytes from the relay. `chunk` is not kept. */
  received(chunk: Uint8Array): void {
    for (const line of this.#lines.push(chunk)) {
      if (line instanceof LineFault) {
        this.#log.error(`ignoring a line of the relay that is ${line.reason}`);
      } else if (line !== "") {
        this.#handleLine(line);
      }
    }
  }

  #handleLine(text: string): void {
    try {
      const line = parseRelayLine(text);
      switch (line.kind) {
        case "ping":
          return this.#handlePing();
        case "expired":
          return this.#outputs.expired(this, line.statistics);
        case "answer":
          return this.#handleAnswer(line.sequence, line.body);
      }
    } catch (error) {
      if (!(error instanceof ControlSyntaxError)) throw error;
      this.#log.error(error.message);
    }
  }

  #handlePing(): void {
    this.transport.send("pong\r\n");
    this.#dropAtMs = Infinity; // also of a relay that said "halting" late: its calls go on
    if (this.#state !== "timed out") return;
    this.#state = "active";
    this.#log.info("the relay is alive again");
  }

  #handleAnswer(sequence: number, body: string): void {
    const pending = this.#pending.take(sequence);
    if (pending === undefined) {
      this.#log.error(`ignoring an answer to a command that was not sent: ${quoted(`${sequence} ${body}`)}`);
      return;
    }
    if (body === "halting" && this.#state !== "closed") this.#state = "halting";
    if (pending.done === undefined) {
      this.#outputs.answeredLate(this, pending.command, pending.headers, body);
    } else if (body === "error" || body === "halting") {
      pending.done({ kind: "failed", reason: body });
    } else {
      pending.done({ kind: "answer", body });
    }
  }

  /** To be called often; does something only when a time limit has passed. */
  handleTimeout(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#dropAtMs) {
      this.transport.close("the relay did not recover from a time-out");
      return;
    }
    for (const pending of this.#pending) {
      if (pending.deadlineMs > nowMs) return;
      const { done } = pending;
      if (done === undefined) continue;
      pending.done = undefined;
      this.#timedOut(pending.command, nowMs);
      done({ kind: "failed", reason: "timed out" });
    }
  }

  #timedOut(command: RelayCommand, nowMs: number): void {
    this.#log.error(`the relay did not answer ${command} within ${this.#options.relayTimeoutMs / 1000} s`);
    if (this.#state !== "active") return;
    this.#state = "timed out";
    this.#dropAtMs = nowMs + this.#options.relayRecoverIntervalMs;
  }

  /** The connection is gone: fails what is pending. Twice is harmless. */
  closed(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#dropAtMs = Infinity;
    for (let pending = this.#pending.takeOldest(); pending !== undefined; pending = this.#pending.takeOldest()) {
      pending.done?.({ kind: "failed", reason: "disconnected" });
    }
  }
}
