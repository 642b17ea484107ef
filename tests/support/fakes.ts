/** Clock, randomness and log for tests. @module */
import type { Clock } from "../../src/env/clock.ts";
import type { LogFields, Logger, LogLevel, LogMessage } from "../../src/env/log.ts";
import type { RandomSource } from "../../src/env/random.ts";

/** A clock that moves only when told. */
export class FakeClock implements Clock {
  #nowMs: number;
  constructor(nowMs = 1000) {
    this.#nowMs = nowMs;
  }
  nowMs(): number {
    return this.#nowMs;
  }
  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }
  advance(durationMs: number): number {
    return (this.#nowMs += durationMs);
  }
}

/** The same numbers in every run (xorshift32). */
export function seededRandom(seed = 1): RandomSource {
  let state = seed >>> 0 || 1;
  return {
    fill(bytes) {
      for (let index = 0; index < bytes.length; index++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        bytes[index] = state & 255;
      }
      return bytes;
    },
  };
}

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** A log that remembers its lines. */
export class RecordingLogger implements Logger {
  readonly lines: LogLine[] = [];
  isEnabled(): boolean {
    return true;
  }
  debug(message: LogMessage, fields: LogFields = {}): void {
    this.#add("debug", message, fields);
  }
  info(message: LogMessage, fields: LogFields = {}): void {
    this.#add("info", message, fields);
  }
  warning(message: LogMessage, fields: LogFields = {}): void {
    this.#add("warning", message, fields);
  }
  error(message: LogMessage, fields: LogFields = {}): void {
    this.#add("error", message, fields);
  }
  #add(level: LogLevel, message: LogMessage, fields: LogFields): void {
    this.lines.push({ level, message: typeof message === "string" ? message : message(), fields });
  }
  /** The messages at `level` or, without it, all. */
  messages(level?: LogLevel): string[] {
    return this.lines.filter((line) => level === undefined || line.level === level).map((line) => line.message);
  }
}
