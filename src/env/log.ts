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

/** Writes one line per call. Never throws. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warning(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** A logger that adds `fields` to every line. */
export function withFields(logger: Logger, fields: LogFields): Logger {
  return {
    debug: (message, more) => logger.debug(message, { ...fields, ...more }),
    info: (message, more) => logger.info(message, { ...fields, ...more }),
    warning: (message, more) => logger.warning(message, { ...fields, ...more }),
    error: (message, more) => logger.error(message, { ...fields, ...more }),
  };
}

/** Text that a peer sent, made safe for a log line: quoted, control characters escaped, cut at 80 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
