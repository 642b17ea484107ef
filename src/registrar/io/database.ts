/** Opening an SQLite database that only its owner may read. @module */
import { DatabaseSync } from "node:sqlite";

/** A database that cannot be used. The message names the file and says what to do. */
export class DatabaseError extends Error {
  override name = "DatabaseError";
}

/** For a program beside us that writes to it; ours writes in one turn. Calls wait meanwhile, so it is short. */
const BUSY_TIMEOUT_MS = 250;

/** What SQLite says of a file that is no database, or not any more. */
const DAMAGE = /^(?:file is not a database|database disk image is malformed|it is damaged)/;

/**
 * Opens the database at `path`, which is made if it is missing, readable by its owner only. `remedy` says what to do with
 * one that is damaged.
 * @throws DatabaseError
 */
export function openDatabase(path: string, remedy: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    createPrivate(path);
    database = new DatabaseSync(path);
    // WAL with NORMAL: a power cut may cost the last transactions, never the database.
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL`);
    const [row] = database.prepare("PRAGMA quick_check(1)").all();
    if (row?.quick_check !== "ok") throw new Error(`it is damaged: ${row?.quick_check}`);
    return database;
  } catch (error) {
    closeQuietly(database);
    const { message } = error as Error;
    const advice = DAMAGE.test(message)
      ? remedy
      : "its directory must exist, and it and the file must be writable for this user";
    throw new DatabaseError(`Cannot use the database ${path}: ${message}; ${advice}`, { cause: error });
  }
}

function createPrivate(path: string): void {
  try {
    Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

function closeQuietly(database: DatabaseSync | undefined): void {
  try {
    database?.close();
  } catch {
    // what went wrong before is what matters
  }
}

/** Runs `work` in one transaction; what it throws takes everything back. */
export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    work();
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
