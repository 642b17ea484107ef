/** Dialogs in SQLite, written in the background: many changes in one transaction. @module */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import * as v from "../../deps/valibot.ts";
import type { DialogRecord } from "../../dialog/dialog.ts";
import type { Logger } from "../../env/log.ts";
import { openDatabase } from "../../registrar/io/database.ts";
import { WriteBehind } from "../../registrar/io/write_behind.ts";
import type { DialogStore } from "../dialog_store.ts";

/** Calls that end sooner never touch the disk. */
const WRITE_AFTER_MS = 1000;

/** What to do with a database that is damaged. */
const REMEDY = "stop the proxy and delete it: phones register again, and calls that are up end without us";

const Party = v.object({
  address: v.string(),
  tag: v.string(),
  contact: v.string(),
  routes: v.array(v.string()),
  cseq: v.number(),
  target: v.object({
    transport: v.picklist(["udp", "tcp", "tls", "ws", "wss"]),
    address: v.string(),
    port: v.number(),
  }),
});

const Record = v.object({
  id: v.string(),
  callId: v.string(),
  state: v.picklist(["early", "confirmed", "ended"]),
  caller: Party,
  legs: v.array(v.object({ party: Party, confirmed: v.boolean() })),
  engagement: v.object({
    iceCandidate: v.picklist(["none", "low-priority", "high-priority"]),
    avps: v.record(v.string(), v.string()),
  }),
  startedAtWallMs: v.number(),
  expiresAtWallMs: v.number(),
});

interface Change {
  readonly id: string;
  /** `undefined` is a dialog that has ended. */
  readonly record: DialogRecord | undefined;
}

/** The table `dialogs` of a database file: an id and a record in JSON. */
export class DialogDatabase implements DialogStore {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #log: Logger;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #changes: WriteBehind<Change>;
  #isClosed = false;

  /** Opens the file, which is made if it is missing. @throws DatabaseError */
  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#database = openDatabase(path, REMEDY);
    this.#database.exec("CREATE TABLE IF NOT EXISTS dialogs (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID");
    this.#put = this.#database.prepare("INSERT OR REPLACE INTO dialogs (id, record) VALUES (?, ?)");
    this.#remove = this.#database.prepare("DELETE FROM dialogs WHERE id = ?");
    this.#changes = new WriteBehind({
      database: this.#database,
      log,
      what: `dialogs to ${path}`,
      afterMs: WRITE_AFTER_MS,
      write: ({ id, record }: Change) => {
        if (record === undefined) this.#remove.run(id);
        else this.#put.run(id, JSON.stringify(record));
      },
    });
  }

  /** A row that makes no sense is left out, and said. */
  *load(): Iterable<DialogRecord> {
    for (const { id, record } of this.#database.prepare("SELECT id, record FROM dialogs").all()) {
      try {
        yield v.parse(Record, JSON.parse(String(record)));
      } catch (error) {
        this.#log.warning(`cannot use the dialog ${id} in ${this.#path}: ${(error as Error).message}`);
      }
    }
  }

  put(record: DialogRecord): void {
    this.#changes.change(record.id, { id: record.id, record });
  }

  remove(id: string): void {
    this.#changes.change(id, { id, record: undefined });
  }

  /** Writes what is left. Twice is harmless. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#changes.close();
    this.#database.close();
  }
}
