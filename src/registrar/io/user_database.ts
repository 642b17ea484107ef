/**
 * Users in SQLite. Whoever manages them writes to these tables, at any time; they are UTF-8:
 *
 * ```sql
 * CREATE TABLE users (
 *   username    TEXT NOT NULL,
 *   realm       TEXT NOT NULL DEFAULT '',   -- '' is every realm
 *   password    TEXT,                       -- in clear, or NULL and
 *   ha1_md5     TEXT,                       -- MD5(username:realm:password), hexadecimal, and/or
 *   ha1_sha256  TEXT,                       -- SHA-256 of the same
 *   PRIMARY KEY (username, realm)
 * );
 * CREATE TABLE aliases (
 *   alias       TEXT PRIMARY KEY,           -- another name or number that reaches the user
 *   username    TEXT NOT NULL
 * );
 * ```
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Logger } from "../../env/log.ts";
import { DIGEST_ALGORITHMS, type DigestAlgorithm } from "../../sip/digest.ts";
import { octetsToUtf8, utf8ToOctets } from "../../sip/octets.ts";
import type { ManagedUsers, UserSecrets } from "../users.ts";
import { UsersError } from "../users_file.ts";
import { openDatabase } from "./database.ts";
import { refusePublicFile } from "./private_file.ts";

const REMEDY = "restore it from a copy";
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS users (
    username TEXT NOT NULL, realm TEXT NOT NULL DEFAULT '', password TEXT, ha1_md5 TEXT, ha1_sha256 TEXT,
    PRIMARY KEY (username, realm)
  );
  CREATE TABLE IF NOT EXISTS aliases (alias TEXT PRIMARY KEY, username TEXT NOT NULL)`;

const HASH_COLUMNS: Readonly<Record<DigestAlgorithm, string>> = { MD5: "ha1_md5", "SHA-256": "ha1_sha256" };

/** Users who are looked up when they are asked for. */
export class UserDatabase implements ManagedUsers {
  readonly #path: string;
  readonly #log: Logger;
  readonly #database: DatabaseSync;
  readonly #find: StatementSync;
  readonly #canonical: StatementSync;
  #algorithms: readonly DigestAlgorithm[];

  /** Opens the file; it and its tables are made if they are missing. @throws DatabaseError | UsersError */
  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#database = openDatabase(path, REMEDY);
    try {
      refusePublicFile(path);
      this.#database.exec(SCHEMA);
      this.#find = this.#database.prepare(
        "SELECT password, ha1_md5, ha1_sha256 FROM users WHERE username = ? AND realm IN (?, '') ORDER BY realm DESC LIMIT 1",
      );
      this.#canonical = this.#database.prepare(
        "SELECT username FROM users WHERE username = ?1 UNION ALL SELECT username FROM aliases WHERE alias = ?1 LIMIT 1",
      );
      this.#algorithms = this.#readAlgorithms();
    } catch (error) {
      this.#database.close();
      if (error instanceof UsersError) throw error;
      throw new UsersError(`Cannot use the users in ${path}: ${(error as Error).message}`, { cause: error });
    }
  }

  get algorithms(): readonly DigestAlgorithm[] {
    return this.#algorithms;
  }

  find(username: string, realm: string): UserSecrets | undefined {
    const row = this.#ask(this.#find, octetsToUtf8(username), octetsToUtf8(realm));
    if (row === undefined) return undefined;
    const [md5, sha256] = [hashText(row.ha1_md5), hashText(row.ha1_sha256)];
    return {
      password: row.password === null ? undefined : utf8ToOctets(String(row.password)),
      hashes: { ...md5 !== undefined && { MD5: md5 }, ...sha256 !== undefined && { "SHA-256": sha256 } },
    };
  }

  canonical(name: string): string | undefined {
    const row = this.#ask(this.#canonical, octetsToUtf8(name));
    return row === undefined ? undefined : utf8ToOctets(String(row.username));
  }

  /** Users are always those of the moment; what changes is which algorithms suit all of them. */
  reload(): boolean {
    try {
      refusePublicFile(this.#path);
      this.#algorithms = this.#readAlgorithms();
      return true;
    } catch (error) {
      this.#log.error(`the users cannot be used as they are now: ${(error as Error).message}`);
      return false;
    }
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  /** A database in trouble costs this request, not the process. */
  #ask(statement: StatementSync, ...values: string[]): Record<string, unknown> | undefined {
    try {
      return statement.get(...values);
    } catch (error) {
      this.#log.error(`cannot read users from ${this.#path}: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** @throws UsersError */
  #readAlgorithms(): DigestAlgorithm[] {
    const algorithms = DIGEST_ALGORITHMS.filter((algorithm) => {
      const without = `SELECT 1 FROM users WHERE password IS NULL AND ${HASH_COLUMNS[algorithm]} IS NULL LIMIT 1`;
      return this.#database.prepare(without).get() === undefined;
    });
    if (algorithms.length > 0) return algorithms;
    throw new UsersError(
      `${this.#path}: some users have no ha1_md5, others no ha1_sha256, and no password: no challenge suits them all`,
    );
  }
}

function hashText(value: unknown): string | undefined {
  return typeof value === "string" ? value.toLowerCase() : undefined;
}
