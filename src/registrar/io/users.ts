/** Where the users are: a file or a database. @module */
import type { Logger } from "../../env/log.ts";
import type { DigestAlgorithm } from "../../sip/digest.ts";
import { type ManagedUsers, type UserSecrets, UserTable } from "../users.ts";
import { parseUsers, UsersError } from "../users_file.ts";
import { refusePublicFile } from "./private_file.ts";
import { UserDatabase } from "./user_database.ts";

/** Opens the users at an absolute path. @throws UsersError | DatabaseError */
export function openUsers(
  { kind, path }: { readonly kind: "file" | "sqlite"; readonly path: string },
  log: Logger,
): ManagedUsers {
  return kind === "file" ? new UsersFile(path, log) : new UserDatabase(path, log);
}

/** Users of a text file (`users_file.ts`). */
export class UsersFile implements ManagedUsers {
  readonly #path: string;
  readonly #log: Logger;
  #table: UserTable;

  /** @throws UsersError */
  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#table = readUsers(path);
  }

  /** How many there are. */
  get size(): number {
    return this.#table.size;
  }

  get algorithms(): readonly DigestAlgorithm[] {
    return this.#table.algorithms;
  }

  find(username: string): UserSecrets | undefined {
    return this.#table.find(username);
  }

  canonical(name: string): string | undefined {
    return this.#table.canonical(name);
  }

  reload(): boolean {
    try {
      this.#table = readUsers(this.#path);
      this.#log.info(`${this.#path}: ${this.#table.size} users`);
      return true;
    } catch (error) {
      this.#log.error(`the users cannot be read anew, the old ones stay:\n${(error as Error).message}`);
      return false;
    }
  }

  close(): void {}
}

/** @throws UsersError */
function readUsers(path: string): UserTable {
  refusePublicFile(path);
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw new UsersError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  return new UserTable(parseUsers(text, path));
}
