/** Who may register, and what they are called. Names and passwords are octet strings. @module */
import { computeHa1, DIGEST_ALGORITHMS, type DigestAlgorithm } from "../sip/digest.ts";

/** What is known of a user's password: itself, or what a digest makes of it. */
export interface UserSecrets {
  readonly password?: string | undefined;
  /** HA1 in lower-case hexadecimal, by algorithm; good for one realm only. */
  readonly hashes: Readonly<Partial<Record<DigestAlgorithm, string>>>;
}

/** The users of a service. Names compare exactly (RFC 3261 §19.1.4). */
export interface UserStore {
  /** Those that the secrets of every user are good for, the better one first; a challenge offers no others. */
  readonly algorithms: readonly DigestAlgorithm[];
  /** The secrets of a user by name; `undefined` if there is no such user. */
  find(username: string, realm: string): UserSecrets | undefined;
  /** The user that a name or an alias belongs to. */
  canonical(name: string): string | undefined;
}

/** Users whom their operator manages while we run. */
export interface ManagedUsers extends UserStore {
  /** Takes over what has changed; if that cannot be used, the users stay as they were, which is logged. Whether it did. */
  reload(): boolean;
  /** Twice is harmless. */
  close(): void;
}

/** A user with everything about him. */
export interface User {
  readonly name: string;
  readonly secrets: UserSecrets;
  /** Other names and numbers under which he is reached. */
  readonly aliases: readonly string[];
}

/** HA1 for an algorithm; `undefined` if the secrets do not give it. */
export function ha1Of(
  { password, hashes }: UserSecrets,
  algorithm: DigestAlgorithm,
  name: string,
  realm: string,
): string | undefined {
  return hashes[algorithm] ?? (password === undefined ? undefined : computeHa1(algorithm, name, realm, password));
}

/** The algorithms that all of these secrets are good for, the better one first. */
export function commonAlgorithms(secrets: readonly UserSecrets[]): DigestAlgorithm[] {
  return DIGEST_ALGORITHMS.filter((algorithm) =>
    secrets.every(({ password, hashes }) => password !== undefined || hashes[algorithm] !== undefined)
  );
}

/** A {@linkcode UserStore} in memory, for one realm. */
export class UserTable implements UserStore {
  readonly algorithms: readonly DigestAlgorithm[];
  readonly #users: ReadonlyMap<string, User>;
  readonly #names: ReadonlyMap<string, string>;

  constructor(users: readonly User[]) {
    this.algorithms = commonAlgorithms(users.map(({ secrets }) => secrets));
    this.#users = new Map(users.map((user) => [user.name, user]));
    this.#names = new Map(
      users.flatMap(({ name, aliases }) => [name, ...aliases].map((alias): [string, string] => [alias, name])),
    );
  }

  /** How many users there are. */
  get size(): number {
    return this.#users.size;
  }

  find(username: string): UserSecrets | undefined {
    return this.#users.get(username)?.secrets;
  }

  canonical(name: string): string | undefined {
    return this.#names.get(name);
  }
}
