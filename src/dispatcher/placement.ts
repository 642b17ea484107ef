/**
 * Finding a relay for a new call: one after the other is tried until one answers with ports.
 *
 * A SIP server waits 500 ms and then gives up its whole connection for ten seconds, but a relay that hangs is only known
 * to after relay_timeout. So the next relay is asked already when one is slow; the first good answer wins, and the others
 * are told to remove the session again.
 * @module
 */
import { decodeUpdate } from "../control/commands.ts";
import { ControlSyntaxError } from "../control/errors.ts";
import { isPorts } from "../control/relay_reply.ts";
import type { Headers } from "../control/headers.ts";
import type { Clock } from "../env/clock.ts";
import { type Logger, quoted } from "../env/log.ts";
import type { RelayLink, RelayResult } from "./relay_link.ts";

/** A relay answers in 2 ms; what takes so long may never come. */
const SLOW_MS = 200;

export interface PlacementOutputs {
  /** `relay` has the session; `ports` is its answer. */
  placed(relay: RelayLink, ports: string): void;
  /** No relay would have it. */
  failed(): void;
  /** `relay` may have the session too, and must not keep it. */
  unwanted(relay: RelayLink): void;
}

export class Placement {
  readonly #headers: Headers;
  readonly #candidates: RelayLink[];
  readonly #outputs: PlacementOutputs;
  readonly #clock: Clock;
  readonly #log: Logger;
  #outstanding = 0;
  #slowAtMs = Infinity;
  #settled = false;

  constructor(
    headers: Headers,
    candidates: readonly RelayLink[],
    outputs: PlacementOutputs,
    clock: Clock,
    log: Logger,
  ) {
    this.#headers = headers;
    this.#candidates = [...candidates];
    this.#outputs = outputs;
    this.#clock = clock;
    this.#log = log;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Asks the next relay; to be called once to begin. */
  tryNext(): void {
    const relay = this.#candidates.shift();
    this.#slowAtMs = Infinity;
    if (relay === undefined) {
      if (this.#outstanding > 0) return;
      this.#settled = true;
      this.#log.error("no suitable relay found");
      return this.#outputs.failed();
    }
    this.#outstanding++;
    this.#slowAtMs = this.#clock.nowMs() + SLOW_MS;
    relay.send("update", this.#headers, (result) => this.#handle(relay, result));
  }

  /** To be called often; asks the next relay when the last one is slow. */
  handleTimeout(): void {
    if (this.#settled || this.#clock.nowMs() < this.#slowAtMs) return;
    this.#slowAtMs = Infinity;
    if (this.#candidates.length > 0) {
      this.#log.warning(`no answer from the relay within ${SLOW_MS} ms, asking another too`);
      this.tryNext();
    }
  }

  #handle(relay: RelayLink, result: RelayResult): void {
    this.#outstanding--;
    if (this.#settled) {
      if (result.kind === "answer") this.#outputs.unwanted(relay);
    } else if (result.kind === "answer" && isPorts(result.body)) {
      this.#settled = true;
      this.#outputs.placed(relay, result.body);
    } else {
      const said = result.kind === "answer" ? quoted(result.body) : result.reason;
      this.#log.warning(`the relay cannot take the call: ${said}`, { relay: relay.transport.text });
      // Old relays answer "None" to what they do not understand, and keep a session that never expires.
      if (result.kind === "answer") this.#outputs.unwanted(relay);
      this.#stopIfNoneCan();
      this.tryNext();
    }
  }

  /** What one relay cannot read, the next cannot either. */
  #stopIfNoneCan(): void {
    try {
      decodeUpdate(this.#headers);
    } catch (error) {
      if (!(error instanceof ControlSyntaxError)) throw error;
      this.#log.error(error.message);
      this.#candidates.length = 0;
    }
  }
}
