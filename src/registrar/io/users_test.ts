import { DatabaseSync } from "node:sqlite";
import { assertEquals, assertStringIncludes, assertThrows } from "../../deps/assert.ts";
import { computeHa1 } from "../../sip/digest.ts";
import { utf8ToOctets } from "../../sip/octets.ts";
import { RecordingLogger } from "../../../tests/support/fakes.ts";
import { UsersError } from "../users_file.ts";
import { DatabaseError } from "./database.ts";
import { UserDatabase } from "./user_database.ts";
import { openUsers } from "./users.ts";

class Lab implements Disposable {
  readonly directory = Deno.makeTempDirSync();
  readonly log = new RecordingLogger();
  readonly file = `${this.directory}/users.txt`;
  readonly database = `${this.directory}/users.db`;

  write(text: string, mode = 0o640): void {
    Deno.writeTextFileSync(this.file, text);
    Deno.chmodSync(this.file, mode);
  }

  openFile() {
    return openUsers({ kind: "file", path: this.file }, this.log);
  }

  openDatabase() {
    return openUsers({ kind: "sqlite", path: this.database }, this.log);
  }

  sql(text: string): void {
    const database = new DatabaseSync(this.database);
    database.exec(text);
    database.close();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

Deno.test("UsersFile finds users, and takes over what has changed on reload", () => {
  using lab = new Lab();
  lab.write("alice:wonder:1001");
  const users = lab.openFile();
  assertEquals([users.find("alice", "r")?.password, users.canonical("1001")], ["wonder", "alice"]);
  lab.write("bob:builder");
  assertEquals(users.find("bob", "r"), undefined);
  assertEquals([users.reload(), users.find("bob", "r")?.password, users.find("alice", "r")], [
    true,
    "builder",
    undefined,
  ]);
});

Deno.test("UsersFile keeps the users that it has if the file cannot be used, and says so", () => {
  using lab = new Lab();
  lab.write("alice:wonder");
  const users = lab.openFile();
  lab.write("alice:wonder\nbob");
  assertEquals([users.reload(), users.canonical("alice")], [false, "alice"]);
  assertStringIncludes(lab.log.messages("error")[0]!, `${lab.file}:2:`);
  Deno.removeSync(lab.file);
  assertEquals([users.reload(), users.canonical("alice")], [false, "alice"]);
});

Deno.test("Users whose secrets everybody could read are refused, with what to do", () => {
  using lab = new Lab();
  lab.write("alice:wonder", 0o644);
  assertStringIncludes(assertThrows(() => lab.openFile(), UsersError).message, `chmod o= ${lab.file}`);
  Deno.removeSync(lab.file);
  assertStringIncludes(assertThrows(() => lab.openFile(), UsersError).message, lab.file);
  lab.openDatabase().close();
  assertEquals(Deno.statSync(lab.database).mode! & 0o777, 0o600);
  Deno.chmodSync(lab.database, 0o604);
  assertThrows(() => lab.openDatabase(), UsersError, "chmod o=");
});

Deno.test("UserDatabase finds users as they are at the moment, by realm or for all", () => {
  using lab = new Lab();
  const users = lab.openDatabase();
  const ha1 = computeHa1("MD5", "carol", "r", "piano");
  lab.sql(`
    INSERT INTO users (username, password) VALUES ('alice', 'wonder'), ('jörg', 'gehéim');
    INSERT INTO users (username, realm, password) VALUES ('alice', 'other', 'land');
    INSERT INTO users (username, realm, ha1_md5) VALUES ('carol', 'r', '${ha1.toUpperCase()}');
    INSERT INTO aliases VALUES ('1001', 'alice')`);
  assertEquals(users.find("alice", "r"), { password: "wonder", hashes: {} });
  assertEquals(users.find("alice", "other")?.password, "land");
  assertEquals(users.find(utf8ToOctets("jörg"), "r")?.password, utf8ToOctets("gehéim"));
  assertEquals(users.find("carol", "r"), { password: undefined, hashes: { MD5: ha1 } });
  assertEquals([users.find("carol", "other"), users.find("'", "r")], [undefined, undefined]);
  assertEquals(["alice", "1001", utf8ToOctets("jörg"), "1002"].map((name) => users.canonical(name)), [
    "alice",
    "alice",
    utf8ToOctets("jörg"),
    undefined,
  ]);
  assertEquals(users.algorithms, ["SHA-256", "MD5"]);
  assertEquals([users.reload(), users.algorithms], [true, ["MD5"]]);
  lab.sql("INSERT INTO users (username, ha1_sha256) VALUES ('dave', '00')");
  assertEquals([users.reload(), users.algorithms], [false, ["MD5"]]);
  assertStringIncludes(lab.log.messages("error")[0]!, lab.database);
  users.close();
  users.close();
});

Deno.test("UserDatabase loses a request, not the process, when the database is in trouble", () => {
  using lab = new Lab();
  const users = new UserDatabase(lab.database, lab.log);
  lab.sql("DROP TABLE users");
  assertEquals([users.find("alice", "r"), users.canonical("alice")], [undefined, undefined]);
  assertStringIncludes(lab.log.messages("error")[0]!, lab.database);
  users.close();
});

Deno.test("UserDatabase says which file cannot be used, and what to do", () => {
  using lab = new Lab();
  Deno.writeTextFileSync(lab.database, "no database ".repeat(1000), { mode: 0o600 });
  const { message } = assertThrows(() => lab.openDatabase(), DatabaseError);
  assertStringIncludes(message, lab.database);
  assertStringIncludes(message, "restore it");
  assertThrows(() => new UserDatabase(`${lab.directory}/none/users.db`, lab.log), DatabaseError, "must exist");
  Deno.removeSync(lab.database);
  lab.sql("CREATE TABLE users (username TEXT)");
  Deno.chmodSync(lab.database, 0o600);
  assertStringIncludes(assertThrows(() => lab.openDatabase(), UsersError).message, lab.database);
});
