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
  const at = (level: LogLevel) => (message: LogMessage, more?: LogFields) => {
    if (logger.isEnabled(level)) logger[level](message, { ...fields, ...more });
  };
  return {
    isEnabled: (level) => logger.isEnabled(level),
    debug: at("debug"),
    info: at("info"),
    warning: at("warning"),
    error: at("error"),
  };
}

/** Text that a peer sent, made safe for a log line: quoted, control characters escaped, cut at 80 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
