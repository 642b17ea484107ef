import { assertEquals, assertStringIncludes, assertThrows } from "../../deps/assert.ts";
import { DatabaseSync } from "node:sqlite";
import type { DialogRecord } from "../../dialog/dialog.ts";
import { DatabaseError } from "../../registrar/io/database.ts";
import { FakeTime } from "../../../tests/support/fake_time.ts";
import { RecordingLogger } from "../../../tests/support/fakes.ts";
import { DialogDatabase } from "./dialog_database.ts";

class Lab implements Disposable {
  readonly directory = Deno.makeTempDirSync();
  readonly path = `${this.directory}/proxy.db`;
  readonly log = new RecordingLogger();

  open(): DialogDatabase {
    return new DialogDatabase(this.path, this.log);
  }

  sql(text: string): void {
    using database = new DatabaseSync(this.path);
    database.exec(text);
  }

  /** What somebody else finds in the file. */
  ids(): unknown[] {
    using database = new DatabaseSync(this.path, { readOnly: true });
    return database.prepare("SELECT id FROM dialogs ORDER BY id").all().map(({ id }) => id);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

function recordOf(id: string): DialogRecord {
  const party = (tag: string) => ({
    address: `"Ph\xf6ne" <sip:${tag}@example.com>`,
    tag,
    contact: `sip:${tag}@192.0.2.1`,
    routes: ["<sip:192.0.2.9;lr>"],
    cseq: 7,
    target: { transport: "udp" as const, address: "192.0.2.1", port: 5060 },
  });
  return {
    id,
    callId: "call-1",
    state: "confirmed",
    caller: party("a"),
    legs: [{ party: party("b"), confirmed: true }],
    engagement: { iceCandidate: "none", avps: { mp_media_relay: "192.0.2.3" } },
    startedAtWallMs: 1,
    expiresAtWallMs: 2,
  };
}

Deno.test("DialogDatabase gives back what it was given, over a restart", () => {
  using lab = new Lab();
  const first = lab.open();
  first.put(recordOf("1"));
  first.put(recordOf("2"));
  first.remove("2");
  first.close();
  const second = lab.open();
  assertEquals([...second.load()], [recordOf("1")]);
  second.close();
  assertEquals(Deno.statSync(lab.path).mode! & 0o777, 0o600);
});

Deno.test("DialogDatabase writes what has lasted for a second, and nothing of a shorter call", async () => {
  using lab = new Lab();
  using time = new FakeTime();
  const database = lab.open();
  database.put(recordOf("short"));
  database.put(recordOf("long"));
  await time.advance(999);
  assertEquals(lab.ids(), []);
  database.remove("short");
  await time.advance(1);
  assertEquals(lab.ids(), ["long"]);
  database.remove("long");
  await time.advance(1000);
  assertEquals(lab.ids(), []);
  database.close();
});

Deno.test("DialogDatabase leaves out a row that cannot be read, and says so", () => {
  using lab = new Lab();
  const database = lab.open();
  database.put(recordOf("1"));
  database.close();
  lab.sql(`INSERT INTO dialogs (id, record) VALUES ('2', 'no json'), ('3', '{"id":"3"}')`);
  const again = lab.open();
  assertEquals([...again.load()].map(({ id }) => id), ["1"]);
  again.close();
  assertEquals(lab.log.messages("warning").length, 2);
  assertStringIncludes(lab.log.messages("warning")[0]!, "cannot use the dialog 2 in ");
});

Deno.test("DialogDatabase keeps what it could not write, and writes it when it can", async () => {
  using lab = new Lab();
  using time = new FakeTime();
  const database = lab.open();
  database.put(recordOf("1"));
  lab.sql("ALTER TABLE dialogs RENAME TO elsewhere");
  await time.advance(1000);
  assertStringIncludes(lab.log.messages("error")[0]!, "cannot write 1 dialogs to ");
  lab.sql("ALTER TABLE elsewhere RENAME TO dialogs");
  await time.advance(60_000);
  assertEquals(lab.ids(), ["1"]);
  database.close();
});

Deno.test("DialogDatabase names a file that is no database, and what to do", () => {
  using lab = new Lab();
  Deno.writeTextFileSync(lab.path, "not a database, but long enough to look like one".repeat(50));
  const { message } = assertThrows(() => lab.open(), DatabaseError);
  assertStringIncludes(message, lab.path);
  assertStringIncludes(message, "stop the proxy and delete it");
});
