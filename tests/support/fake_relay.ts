/** A relay that a test plays: it remembers what it was told, and answers what and when the test wants. @module */
import type { Headers } from "../../src/control/headers.ts";
import { RequestFramer, RequestSyntaxError } from "../../src/control/request.ts";
import type { Dispatcher } from "../../src/dispatcher/dispatcher.ts";
import { RelayLink, type RelayLinkOutputs, type RelayTransport } from "../../src/dispatcher/relay_link.ts";
import type { Clock } from "../../src/env/clock.ts";
import type { Logger } from "../../src/env/log.ts";

/** The defaults of the configuration. */
export const LINK_OPTIONS = { relayTimeoutMs: 5000, relayRecoverIntervalMs: 60_000 };

export interface RelayOrder {
  readonly name: string;
  readonly sequence: string;
  readonly headers: Headers;
}

export class FakeRelay implements RelayTransport {
  readonly hostname: string;
  readonly text: string;
  /** Every command that came, in order. */
  readonly orders: RelayOrder[] = [];
  pongs = 0;
  /** Why the dispatcher cut the connection; the test says when it is gone. */
  readonly closeReasons: string[] = [];
  readonly #framer = new RequestFramer(["pong"]);
  readonly #unanswered: RelayOrder[] = [];
  #link: RelayLink | undefined;

  constructor(hostname = "192.0.2.10", port = 40000) {
    this.hostname = hostname;
    this.text = `${hostname}:${port}`;
  }

  get link(): RelayLink {
    if (this.#link === undefined) throw new Error("the relay has not connected");
    return this.#link;
  }

  /** Connects to nothing but a link. */
  connect(clock: Clock, log: Logger, outputs: Partial<RelayLinkOutputs> = {}): RelayLink {
    return this.#link = new RelayLink(
      this,
      LINK_OPTIONS,
      { expired: () => {}, answeredLate: () => {}, ...outputs },
      clock,
      log,
    );
  }

  /** Connects, without a word yet. */
  connectTo(dispatcher: Dispatcher): RelayLink {
    return this.#link = dispatcher.addRelay(this);
  }

  /** Connects, and says who it is and which sessions it has. */
  join(dispatcher: Dispatcher, sessions: readonly unknown[] = [], summary: Record<string, unknown> = {}): this {
    this.connectTo(dispatcher);
    this.introduce(summary);
    this.answer("sessions", JSON.stringify(sessions));
    return this;
  }

  introduce(summary: Record<string, unknown> = {}): void {
    this.answer(
      "summary",
      JSON.stringify({ ip: this.hostname, version: "1", status: "active", port_range: "40000:60000", ...summary }),
    );
  }

  /** Answers the oldest unanswered command of that name. */
  answer(name: string, body: string): void {
    const index = this.#unanswered.findIndex((order) => order.name === name);
    const [order] = index < 0 ? [] : this.#unanswered.splice(index, 1);
    if (order === undefined) throw new Error(`${this.text} has no unanswered ${name}`);
    this.say(`${order.sequence} ${body}`);
  }

  /** A line, to which the line end is added. */
  say(line: string): void {
    this.link.received(new TextEncoder().encode(`${line}\r\n`));
  }

  /** The names of commands without an answer, in order. */
  get owes(): string[] {
    return this.#unanswered.map(({ name }) => name);
  }

  get lastOrder(): RelayOrder | undefined {
    return this.orders.at(-1);
  }

  send(text: string): void {
    for (const request of this.#framer.push(new TextEncoder().encode(text))) {
      if (request instanceof RequestSyntaxError) throw request;
      if (request.command === "pong") {
        this.pongs++;
        continue;
      }
      const [name = "", sequence = ""] = request.command.split(" ");
      const order = { name, sequence, headers: new Map(request.headers) };
      this.orders.push(order);
      this.#unanswered.push(order);
    }
  }

  close(reason: string): void {
    this.closeReasons.push(reason);
  }
}
