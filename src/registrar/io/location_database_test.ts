import { assertEquals, assertStringIncludes, assertThrows } from "../../deps/assert.ts";
import { DatabaseSync } from "node:sqlite";
import { FakeTime } from "../../../tests/support/fake_time.ts";
import { FakeClock, RecordingLogger } from "../../../tests/support/fakes.ts";
import { bindingOf, flowFrom, listenPoint } from "../../../tests/support/registrations.ts";
import { storedBinding } from "../binding.ts";
import { LocationTable, type StoredBinding } from "../location.ts";
import { DatabaseError } from "./database.ts";
import { LocationDatabase } from "./location_database.ts";

class Lab implements Disposable {
  readonly directory = Deno.makeTempDirSync();
  readonly path = `${this.directory}/proxy.db`;
  readonly log = new RecordingLogger();

  open(): LocationDatabase {
    return new LocationDatabase(this.path, this.log);
  }

  /** What somebody else finds in the file. */
  rows(): Record<string, unknown>[] {
    using database = new DatabaseSync(this.path, { readOnly: true });
    return database.prepare("SELECT aor, contact, cseq FROM locations ORDER BY contact").all();
  }

  sql(text: string): void {
    using database = new DatabaseSync(this.path);
    database.exec(text);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

const PHONE = storedBinding(bindingOf({
  contact: "sip:alice@10.0.0.5:5060;x=\xe9",
  contactParams: ';+sip.instance="<urn:uuid:1>";reg-id=1',
  q: 0.5,
  cseq: 2 ** 32 - 1,
  expiresAtMs: 1_700_000_003_600_000,
  path: ["<sip:edge.example.com;lr>", '"a, b" <sip:core.example.com;lr>'],
  source: flowFrom("2001:db8::7", 40001, "wss", 9),
  userAgent: "Ph\xf6ne",
  instanceId: "<urn:uuid:1>",
  regId: 1,
  natted: true,
}));

Deno.test("LocationDatabase gives back what it was given, over a restart", () => {
  using lab = new Lab();
  const first = lab.open();
  const other = storedBinding(bindingOf());
  first.put(PHONE);
  first.put(other);
  first.close();
  first.close();
  const second = lab.open();
  const byContact = (one: StoredBinding, two: StoredBinding) => one.contact < two.contact ? -1 : 1;
  assertEquals([...second.load()].sort(byContact), [PHONE, other].sort(byContact));
  second.remove(PHONE);
  second.put({ ...other, cseq: 7 });
  second.close();
  assertEquals(lab.rows().map(({ contact, cseq }) => [contact, cseq]), [[other.contact, 7]]);
  assertEquals(Deno.statSync(lab.path).mode! & 0o777, 0o600);
});

Deno.test("LocationDatabase writes within 200 ms, all changes at once, of each binding the last", async () => {
  using lab = new Lab();
  using time = new FakeTime();
  const database = lab.open();
  for (let cseq = 1; cseq <= 50; cseq++) database.put({ ...PHONE, cseq });
  database.put(storedBinding(bindingOf()));
  database.remove(storedBinding(bindingOf()));
  await time.advance(199);
  assertEquals(lab.rows().length, 0);
  await time.advance(1);
  assertEquals(lab.rows().map(({ cseq }) => cseq), [50]);
  database.close();
});

Deno.test("LocationDatabase writes many changes in several turns, and all of them when it is closed", async () => {
  using lab = new Lab();
  using time = new FakeTime();
  const database = lab.open();
  const put = (count: number, cseq: number) => {
    for (let number = 0; number < count; number++) {
      database.put(storedBinding(bindingOf({ contact: `sip:${number}@192.0.2.1`, cseq })));
    }
  };
  put(600, 1);
  await time.advance(200);
  assertEquals(lab.rows().length, 600);
  put(600, 2);
  database.close();
  assertEquals(lab.rows().filter(({ cseq }) => cseq === 2).length, 600);
});

Deno.test("LocationDatabase tries again what could not be written, and says so", async () => {
  using lab = new Lab();
  using time = new FakeTime();
  const database = lab.open();
  lab.sql("ALTER TABLE locations RENAME TO elsewhere");
  database.put(PHONE);
  await time.advance(1000);
  assertEquals(lab.log.messages("error").length, 1);
  assertStringIncludes(lab.log.messages("error")[0]!, lab.path);
  database.put({ ...PHONE, cseq: 7 });
  lab.sql("ALTER TABLE elsewhere RENAME TO locations");
  await time.advance(5000);
  assertEquals(lab.rows().map(({ cseq }) => cseq), [7]);
  database.close();
});

Deno.test("LocationDatabase names a damaged file, and what to do about it", () => {
  using lab = new Lab();
  lab.open().close();
  const bytes = Deno.readFileSync(lab.path);
  bytes.fill(0xaa, 4096); // all pages but the first
  Deno.writeFileSync(lab.path, bytes);
  const { message } = assertThrows(() => lab.open(), DatabaseError);
  assertStringIncludes(message, lab.path);
  assertStringIncludes(message, "move the file away");
  Deno.writeTextFileSync(lab.path, "no database ".repeat(1000));
  assertThrows(() => lab.open(), DatabaseError, "move the file away");
});

Deno.test("LocationDatabase leaves out rows that make no sense", () => {
  using lab = new Lab();
  const database = lab.open();
  database.put(PHONE);
  database.close();
  lab.sql("UPDATE locations SET path = '['");
  const again = lab.open();
  assertEquals([[...again.load()].length, lab.log.messages("warning").length], [0, 1]);
  again.close();
  lab.sql("UPDATE locations SET path = '[]', contact = 'tel:+31'");
  const third = lab.open();
  assertEquals([...third.load()].length, 0);
  third.close();
});

Deno.test("A location table has its bindings again after a restart, but for those that have expired", () => {
  using lab = new Lab();
  const clock = new FakeClock();
  const wallMs = clock.wallMs();
  const before = lab.open();
  const table = new LocationTable({ clock, log: lab.log, maxBindings: 10, store: before });
  table.update([], [
    bindingOf({ expiresAtMs: wallMs + 60_000 }),
    bindingOf({ expiresAtMs: wallMs + 10_000, contact: "sip:b@192.0.2.1" }),
  ]);
  before.close();
  clock.advance(10_000);
  const after = lab.open();
  const restored = new LocationTable({ clock, log: lab.log, maxBindings: 10, store: after });
  assertEquals(restored.restore([listenPoint()]), { restored: 1, dropped: 1 });
  assertEquals(restored.lookup("alice@example.com", clock.wallMs()).map(({ contact }) => contact), [
    "sip:alice@192.0.2.1",
  ]);
  after.close();
  assertEquals(lab.rows().length, 1);
});
