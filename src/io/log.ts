/**
 * The log: LogTape behind the `Logger` that machines see, text or JSON, written to standard error in batches.
 *
 * ```text
 * 2026-11-22 21:00:01.123 INFO    [3c2a@192.0.2.1] session created: from-tag a7
 * {"time":"2026-11-22T21:00:01.123Z","level":"info","message":"session created: from-tag a7","callId":"3c2a@192.0.2.1"}
 * ```
 * @module
 */
import type { LogFormat } from "../config/mod.ts";
import { configureSync, getLogger, type LogRecord } from "../deps/logtape.ts";
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel, type LogMessage } from "../env/log.ts";

/** A logger with the handles that a program needs. */
export interface ProgramLog extends Logger {
  readonly level: LogLevel;
  /** Debug on, or back to the configured level. Returns the level that is in force then. */
  toggleDebug(): LogLevel;
  /** Writes what is held back. To be called before the process ends. */
  flush(): void;
}

/** A line waits at most so long, so that a busy relay does not spend its time in `write`. */
const FLUSH_MS = 50;
const MAX_HELD_LENGTH = 64 * 1024;

/** Creates the program's log; one per process, because LogTape's configuration is the process's. */
export function createLog(configured: LogLevel, format: LogFormat): ProgramLog {
  const writer = new BatchWriter();
  const render = format === "json" ? jsonLine : textLine;
  configureSync({
    reset: true,
    sinks: { stderr: (record: LogRecord) => writer.write(render(record)) },
    loggers: [
      { category: "mediaproxy", sinks: ["stderr"], lowestLevel: "debug" },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "error" },
    ],
  });
  const logger = getLogger("mediaproxy");
  let level = configured;
  const isEnabled = (wanted: LogLevel) => LOG_LEVELS.indexOf(wanted) >= LOG_LEVELS.indexOf(level);
  const at =
    (wanted: LogLevel, method: "debug" | "info" | "warn" | "error") => (message: LogMessage, fields?: LogFields) => {
      if (!isEnabled(wanted)) return;
      // The message is given as a property, because LogTape reads braces in a message as placeholders.
      logger[method]("{message}", { ...fields, message: typeof message === "string" ? message : message() });
    };
  return {
    get level() {
      return level;
    },
    isEnabled,
    debug: at("debug", "debug"),
    info: at("info", "info"),
    warning: at("warning", "warn"),
    error: at("error", "error"),
    toggleDebug: () => level = level === "debug" ? (configured === "debug" ? "info" : configured) : "debug",
    flush: () => writer.flush(),
  };
}

class BatchWriter {
  readonly #encoder = new TextEncoder();
  #held = "";
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  write(line: string): void {
    this.#held += `${line}\n`;
    if (this.#held.length > MAX_HELD_LENGTH) this.flush();
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const bytes = this.#encoder.encode(this.#held);
    this.#held = "";
    try {
      for (let offset = 0; offset < bytes.length;) offset += Deno.stderr.writeSync(bytes.subarray(offset));
    } catch {
      // Nobody reads the log any more; the service goes on.
    }
  }
}

function contentOf({ properties }: LogRecord): { message: string; fields: LogFields } {
  const { message, ...fields } = properties as LogFields & { message: string };
  return { message, fields };
}

function textLine(record: LogRecord): string {
  const { message, fields: { callId, ...others } } = contentOf(record);
  const time = new Date(record.timestamp).toISOString().replace("T", " ").replace("Z", "");
  const level = levelName(record).toUpperCase().padEnd(7);
  const about = callId === undefined ? "" : `[${printable(callId)}] `;
  const more = Object.entries(others).filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${printable(String(value))}`).join("");
  return `${time} ${level} ${about}${printable(message)}${more}`;
}

function jsonLine(record: LogRecord): string {
  const { message, fields } = contentOf(record);
  return JSON.stringify({
    time: new Date(record.timestamp).toISOString(),
    level: levelName(record),
    message,
    ...fields,
  });
}

function levelName({ level }: LogRecord): string {
  return level === "fatal" || level === "trace" ? "error" : level;
}

/** A peer's text may hold control characters, and must not forge a line of the log. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- these are what is looked for
  return text.replace(/[\x00-\x1f\x7f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
