/** Dialogs in SQLite, written in the background: many changes in one transaction. @module */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { DialogRecord } from "../../dialog/dialog.ts";
import type { Logger } from "../../env/log.ts";
import { inTransaction, openDatabase } from "../../registrar/io/database.ts";
import type { DialogStore } from "../dialog_store.ts";

/** Calls that end sooner never touch the disk. */
const WRITE_AFTER_MS = 1000;
/** What to do with a database that is damaged. */
const REMEDY = "stop the proxy and delete it: phones register again, and calls that are up end without us";

/** The table `dialogs` of a database file: an id and a record in JSON. */
export class DialogDatabase implements DialogStore {
  readonly #database: DatabaseSync;
  readonly #log: Logger;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  /** What has changed since the last write; `undefined` is a dialog that has ended. */
  #changes = new Map<string, DialogRecord | undefined>();
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  /** Opens the file, which is made if it is missing. @throws DatabaseError */
  constructor(path: string, log: Logger) {
    this.#log = log;
    this.#database = openDatabase(path, REMEDY);
    this.#database.exec("CREATE TABLE IF NOT EXISTS dialogs (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID");
    this.#put = this.#database.prepare("INSERT OR REPLACE INTO dialogs (id, record) VALUES (?, ?)");
    this.#remove = this.#database.prepare("DELETE FROM dialogs WHERE id = ?");
  }

  /** A row that cannot be read is left out, and said. */
  *load(): Iterable<DialogRecord> {
    for (const { id, record } of this.#database.prepare("SELECT id, record FROM dialogs").all()) {
      try {
        yield JSON.parse(String(record)) as DialogRecord;
      } catch (error) {
        this.#log.warning(`cannot read the dialog ${id} of the database: ${(error as Error).message}`);
      }
    }
  }

  put(record: DialogRecord): void {
    this.#change(record.id, record);
  }

  remove(id: string): void {
    this.#change(id, undefined);
  }

  #change(id: string, record: DialogRecord | undefined): void {
    this.#changes.set(id, record);
    this.#timer ??= setTimeout(() => this.#write(), WRITE_AFTER_MS);
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const changes = this.#changes;
    this.#changes = new Map();
    if (changes.size === 0) return;
    try {
      inTransaction(this.#database, () => {
        for (const [id, record] of changes) {
          if (record === undefined) this.#remove.run(id);
          else this.#put.run(id, JSON.stringify(record));
        }
      });
    } catch (error) {
      this.#log.error(`cannot write ${changes.size} dialogs to the database: ${(error as Error).message}`);
    }
  }

  /** Writes what is left. */
  close(): void {
    this.#write();
    this.#database.close();
  }
}
