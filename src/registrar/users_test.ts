import { assertEquals, assertThrows } from "../deps/assert.ts";
import { computeHa1 } from "../sip/digest.ts";
import { utf8ToOctets } from "../sip/octets.ts";
import { ha1Of, UserTable } from "./users.ts";
import { parseUsers, UsersError } from "./users_file.ts";

const MD5 = "0123456789abcdef".repeat(2);
const SHA256 = "0123456789abcdef".repeat(4);

function problemsOf(text: string): string[] {
  return assertThrows(() => parseUsers(text, "users.txt"), UsersError).message.split("\n");
}

Deno.test("parseUsers reads passwords, hashes, aliases, comments and any line end", () => {
  const text =
    `\ufeff# users\r\n\n  alice:a secret, # not a comment\r\nbob:{sha-256}x\r`.replace("{sha-256}x", "p:1001,+3120") +
    `carol:{MD5}${MD5.toUpperCase()}{SHA-256}${SHA256}: 1002 \n jörg:gehéim`;
  assertEquals(parseUsers(text, "users.txt"), [
    { name: "alice", secrets: { password: "a secret, # not a comment", hashes: {} }, aliases: [] },
    { name: "bob", secrets: { password: "p", hashes: {} }, aliases: ["1001", "+3120"] },
    { name: "carol", secrets: { hashes: { MD5, "SHA-256": SHA256 } }, aliases: ["1002"] },
    { name: utf8ToOctets("jörg"), secrets: { password: utf8ToOctets("gehéim"), hashes: {} }, aliases: [] },
  ]);
  assertEquals(parseUsers("", "users.txt"), []);
});

Deno.test("parseUsers says all that is wrong, where, and no secret", () => {
  const text = [
    "alice",
    "bob:",
    "a b:hidden",
    "carol:hidden:1:2",
    "dave:hidden:x@y",
    "erin:{SSHA}hidden",
    "frank:{MD5}0123",
    `gina:{MD5}${MD5}{MD5}${MD5}`,
    `hugo:{MD5}${MD5}hidden`,
    "ian:hidden:1001",
    "jane:hidden:1001",
    "ian:hidden",
    ":hidden",
  ].join("\n");
  const problems = problemsOf(text);
  assertEquals(problems.map((problem) => problem.split(":").slice(0, 2).join(":")), [
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13].map((line) => `users.txt:${line}`),
  ]);
  assertEquals(problems.some((problem) => problem.includes("hidden")), false);
  assertEquals(problems[9], 'users.txt:11: "1001" stands in line 10 already');
});

Deno.test("parseUsers refuses users whom no common challenge suits", () => {
  assertEquals(problemsOf(`alice:{MD5}${MD5}\nbob:{SHA-256}${SHA256}`).length, 1);
});

Deno.test("UserTable offers the algorithms that all users' secrets are good for (RFC 8760 §2.4)", () => {
  const algorithms = (text: string) => new UserTable(parseUsers(text, "users.txt")).algorithms;
  assertEquals(algorithms("alice:a"), ["SHA-256", "MD5"]);
  assertEquals(algorithms(`alice:a\nbob:{MD5}${MD5}`), ["MD5"]);
  assertEquals(algorithms(`alice:a\nbob:{SHA-256}${SHA256}`), ["SHA-256"]);
});

Deno.test("UserTable finds users by name, and whom an alias means", () => {
  const users = new UserTable(parseUsers("alice:a:1001,1002\nbob:b", "users.txt"));
  assertEquals([users.size, users.find("alice")?.password, users.find("1001"), users.find("ALICE")], [
    2,
    "a",
    undefined,
    undefined,
  ]);
  assertEquals(["alice", "1002", "bob", "1003", "__proto__"].map((name) => users.canonical(name)), [
    "alice",
    "alice",
    "bob",
    undefined,
    undefined,
  ]);
});

Deno.test("ha1Of takes the hash that is there, or makes it of the password", () => {
  assertEquals(ha1Of({ hashes: { MD5 } }, "MD5", "alice", "r"), MD5);
  assertEquals(ha1Of({ hashes: { MD5 } }, "SHA-256", "alice", "r"), undefined);
  assertEquals(ha1Of({ password: "a", hashes: {} }, "MD5", "alice", "r"), computeHa1("MD5", "alice", "r", "a"));
});
