/** The log as every layer sees it; `src/io/log.ts` is the real one. @module */

/** From the least to the most important. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a line is about. `callId` stands in every line that concerns a call. */
export interface LogFields {
  readonly callId?: string;
  readonly relay?: string;
  readonly dispatcher?: string;
  readonly peer?: string;
  readonly [name: string]: string | number | boolean | undefined;
}

/** A line, or what makes it: a function is called only if the line is written. */
export type LogMessage = string | (() => string);

/** Writes one line per call. Never throws. */
export interface Logger {
  /** Whether lines of this level are written. */
  isEnabled(level: LogLevel): boolean;
  debug(message: LogMessage, fields?: LogFields): void;
  info(message: LogMessage, fields?: LogFields): void;
  warning(message: LogMessage, fields?: LogFields): void;
  error(message: LogMessage, fields?: LogFields): void;
}

/** A logger that adds `fields` to every line. */
export function withFields(logger: Logger, fields: LogFields): Logger {
  return new LoggerWithFields(logger, fields);
}

/** A class, because each call has one: closures would take 500 bytes of memory more (Deno 2.9.6). */
class LoggerWithFields implements Logger {
  readonly #logger: Logger;
  readonly #fields: LogFields;

  constructor(logger: Logger, fields: LogFields) {
    this.#logger = logger;
    this.#fields = fields;
  }

  isEnabled(level: LogLevel): boolean {
    return this.#logger.isEnabled(level);
  }

  debug(message: LogMessage, more?: LogFields): void {
    this.#write("debug", message, more);
  }

  info(message: LogMessage, more?: LogFields): void {
    this.#write("info", message, more);
  }

  warning(message: LogMessage, more?: LogFields): void {
    this.#write("warning", message, more);
  }

  error(message: LogMessage, more?: LogFields): void {
    this.#write("error", message, more);
  }

  #write(level: LogLevel, message: LogMessage, more?: LogFields): void {
    if (this.#logger.isEnabled(level)) this.#logger[level](message, { ...this.#fields, ...more });
  }
}

/** Text that a peer sent, made safe for a log line: quoted, control characters escaped, cut at 80 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
