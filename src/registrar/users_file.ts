/**
 * The users file: one user a line, `name:password`, perhaps with `:alias,alias`.
 *
 * ```text
 * # a comment
 * alice:correct horse battery staple
 * bob:{SHA-256}5f0c...e1:1002,+31201234567
 * carol:{MD5}90fd...2c{SHA-256}07ab...99
 * ```
 * Instead of a password its HA1 may stand there: `{MD5}` or `{SHA-256}` or both, each with the hash of
 * `name:realm:password`. The file is UTF-8. A password has no colon in it; one that has is written as its HA1.
 * @module
 */
import { quoted } from "../env/log.ts";
import type { DigestAlgorithm } from "../sip/digest.ts";
import { utf8ToOctets } from "../sip/octets.ts";
import { commonAlgorithms, type User, type UserSecrets } from "./users.ts";

/** Users that cannot be used. The message is one line for each problem, and holds no secrets. */
export class UsersError extends Error {
  override name = "UsersError";
}

const HASH_LENGTHS: Readonly<Record<DigestAlgorithm, number>> = { MD5: 32, "SHA-256": 64 };
const NAME = /^[^\s:@,;<>"\\{}]+$/;
/** What begins like this is meant to be a hash. */
const MARKED = /^\{([A-Za-z0-9-]*)\}/;

/** Parses the file's text; `file` is its name in messages. @throws UsersError with all problems */
export function parseUsers(text: string, file: string): User[] {
  const users: User[] = [];
  const problems: string[] = [];
  const lineOf = new Map<string, number>();
  text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/).forEach((line, index) => {
    const content = line.trim();
    if (content === "" || content.startsWith("#")) return;
    try {
      const user = parseLine(content);
      claimNames(user, index + 1, lineOf);
      users.push(user);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      problems.push(`${file}:${index + 1}: ${error.message}`);
    }
  });
  if (users.length > 0 && commonAlgorithms(users.map(({ secrets }) => secrets)).length === 0) {
    problems.push(`${file}: some users have only {MD5}, others only {SHA-256}: no challenge suits them all`);
  }
  if (problems.length > 0) throw new UsersError(problems.join("\n"));
  return users;
}

/** A name belongs to one user, whether it is his own or an alias. */
function claimNames({ name, aliases }: User, line: number, lineOf: Map<string, number>): void {
  for (const it of [name, ...aliases]) {
    const before = lineOf.get(it);
    if (before !== undefined) throw new SyntaxError(`${quoted(it)} stands in line ${before} already`);
    lineOf.set(it, line);
  }
}

function parseLine(line: string): User {
  const [name = "", ...rest] = line.split(":");
  if (rest.length === 0 || rest.length > 2) {
    throw new SyntaxError("a user is name:password or name:password:alias,alias; a password has no colon");
  }
  const [password = "", aliasText = ""] = rest;
  const aliases = aliasText.trim() === "" ? [] : aliasText.split(",").map((alias) => alias.trim());
  const bad = [name, ...aliases].find((it) => !NAME.test(it));
  if (bad !== undefined) {
    throw new SyntaxError(
      `${quoted(bad)} is no name: it is empty, or has a space or one of : @ , ; < > " \\ { } in it`,
    );
  }
  return { name: utf8ToOctets(name), secrets: parseSecrets(password), aliases: aliases.map(utf8ToOctets) };
}

function parseSecrets(text: string): UserSecrets {
  if (text === "") throw new SyntaxError("there is no password");
  if (!MARKED.test(text)) return { password: utf8ToOctets(text), hashes: {} };
  const hashes: Partial<Record<DigestAlgorithm, string>> = {};
  let rest = text;
  while (rest !== "") {
    const [mark, algorithm] = MARKED.exec(rest) ?? [];
    if (mark === undefined || (algorithm !== "MD5" && algorithm !== "SHA-256")) {
      throw new SyntaxError(
        "a password that begins with {...} is a hash: {MD5} or {SHA-256} and its hexadecimal digits",
      );
    }
    const hash = rest.slice(mark.length, mark.length + HASH_LENGTHS[algorithm]).toLowerCase();
    if (!/^[0-9a-f]*$/.test(hash) || hash.length !== HASH_LENGTHS[algorithm] || hashes[algorithm] !== undefined) {
      throw new SyntaxError(`${HASH_LENGTHS[algorithm]} hexadecimal digits must follow one ${mark}`);
    }
    hashes[algorithm] = hash;
    rest = rest.slice(mark.length + hash.length);
  }
  return { hashes };
}
