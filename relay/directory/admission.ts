/** How many sessions a relay takes, and how fast; what is refused is counted, and said now and then. @module */
import type { LogFields, Logger } from "../../src/env/log.ts";

export interface AdmissionLimits {
  /** At the same time; 0: as many as there are ports for. */
  readonly maxSessions: number;
  /** On average over a second; 0: as many as come. */
  readonly maxNewSessionsPerSecond: number;
}

/** Named as its key in the configuration, and in the summary. */
export type Refusal = "max_sessions" | "max_new_sessions_per_second";

/** A flood of calls must not become one of log lines. */
const LOG_INTERVAL_MS = 10_000;

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #log: Logger;
  /** New sessions that may come now; refilled evenly, up to a second's worth. */
  #allowance: number;
  #filledAtMs: number;
  readonly #refused: Record<Refusal, number> = { max_sessions: 0, max_new_sessions_per_second: 0 };
  readonly #unsaid: Record<Refusal, number> = { max_sessions: 0, max_new_sessions_per_second: 0 };
  readonly #saidAtMs: Record<Refusal, number> = { max_sessions: -Infinity, max_new_sessions_per_second: -Infinity };

  constructor(limits: AdmissionLimits, log: Logger, nowMs: number) {
    this.#limits = limits;
    this.#log = log;
    this.#allowance = limits.maxNewSessionsPerSecond;
    this.#filledAtMs = nowMs;
  }

  /** What has been refused since the start. */
  get refused(): Readonly<Record<Refusal, number>> {
    return this.#refused;
  }

  /** Whether one more session may come while `sessions` are up. */
  admits(sessions: number, nowMs: number, fields: LogFields): boolean {
    const { maxSessions, maxNewSessionsPerSecond } = this.#limits;
    if (maxSessions > 0 && sessions >= maxSessions) {
      return this.#refuse("max_sessions", `${sessions} sessions are up`, nowMs, fields);
    }
    if (maxNewSessionsPerSecond === 0) return true;
    const more = (nowMs - this.#filledAtMs) / 1000 * maxNewSessionsPerSecond;
    this.#allowance = Math.min(maxNewSessionsPerSecond, this.#allowance + more);
    this.#filledAtMs = nowMs;
    if (this.#allowance < 1) {
      const found = `more than ${maxNewSessionsPerSecond} came within a second`;
      return this.#refuse("max_new_sessions_per_second", found, nowMs, fields);
    }
    this.#allowance--;
    return true;
  }

  #refuse(reason: Refusal, found: string, nowMs: number, fields: LogFields): false {
    this.#refused[reason]++;
    if (nowMs - this.#saidAtMs[reason] < LOG_INTERVAL_MS) {
      this.#unsaid[reason]++;
      return false;
    }
    const others = this.#unsaid[reason];
    const more = others === 0 ? "" : `; ${others} others were refused since this was last said`;
    this.#log.warning(`refusing a new session: ${found} (${reason})${more}`, fields);
    this.#unsaid[reason] = 0;
    this.#saidAtMs[reason] = nowMs;
    return false;
  }
}
