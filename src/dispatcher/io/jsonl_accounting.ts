/** Accounting to a file: one JSON object a line, readable by its owner only. @module */
import type { EndedSession } from "../../control/statistics.ts";
import type { AccountingBackend } from "../accounting.ts";
import type { Logger } from "../../env/log.ts";

/** When the file cannot be written, so many sessions wait in memory; the oldest are given up, and logged. */
const MAX_WAITING = 10_000;
const RETRY_MS = 5000;

/** Opens the file anew for each batch, so that it may be rotated at any time. */
export class JsonLinesAccounting implements AccountingBackend {
  readonly name = "jsonl";
  readonly #path: string;
  readonly #log: Logger;
  #waiting: string[] = [];
  #writing: Promise<void> | undefined = undefined;
  #closed = false;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  record(session: EndedSession): void {
    this.#waiting.push(`${JSON.stringify(session)}\n`);
    if (this.#waiting.length > MAX_WAITING) {
      this.#log.error(`accounting cannot keep up, this session is lost: ${this.#waiting.shift()!.trimEnd()}`);
    }
    this.#writing ??= this.#write();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    // What the file would not take stands in the log at least.
    for (const line of this.#waiting) this.#log.error(`not accounted: ${line.trimEnd()}`);
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await Deno.writeTextFile(this.#path, batch.join(""), { append: true, mode: 0o600 });
      } catch (error) {
        this.#log.error(`cannot write accounting to ${this.#path}: ${(error as Error).message}`);
        this.#waiting = [...batch, ...this.#waiting];
        if (this.#closed) break;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.#writing = undefined;
  }
}
