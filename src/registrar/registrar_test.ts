import { assertEquals } from "../deps/assert.ts";
import { FakeClock, RecordingLogger } from "../../tests/support/fakes.ts";
import { flowFrom, type RegisterFields, registerRequest } from "../../tests/support/registrations.ts";
import type { Flow } from "../transport/flow.ts";
import { LocationTable } from "./location.ts";
import { type RegisterResult, Registrar } from "./registrar.ts";

const AOR = "alice@example.com";
const PHONE = "sip:alice@192.0.2.1";

class Lab {
  readonly log = new RecordingLogger();
  readonly table: LocationTable;
  readonly registrar: Registrar;

  constructor(maxBindings = 100) {
    const { log } = this;
    this.table = new LocationTable({ clock: new FakeClock(), log, maxBindings });
    const options = { defaultExpiresMs: 3_600_000, minExpiresMs: 60_000, maxExpiresMs: 7_200_000, maxContacts: 3 };
    this.registrar = new Registrar(this.table, options, log);
  }

  register(fields: RegisterFields, wallMs = 0, flow: Flow = flowFrom("192.0.2.1"), aor = AOR): RegisterResult {
    return this.registrar.register(registerRequest(fields), aor, flow, wallMs);
  }

  /** The status, and the values of one header. */
  answer(fields: RegisterFields, name = "contact", wallMs = 0): (number | string)[] {
    const { status, headers } = this.register(fields, wallMs);
    return [status, ...headers.filter(([header]) => header === name).map(([, value]) => value)];
  }

  contacts(wallMs = 0): string[] {
    return this.registrar.lookup(AOR, wallMs).map(({ contact }) => contact).sort();
  }
}

Deno.test("Registrar registers, tells what is there, refreshes and takes back (RFC 3261 §10.3 step 8)", () => {
  const lab = new Lab();
  assertEquals(lab.answer({}), [200]);
  assertEquals(lab.answer({ contacts: [`<${PHONE}>`] }), [200, `<${PHONE}>;expires=3600`]);
  assertEquals(lab.answer({}, "contact", 1_000_500), [200, `<${PHONE}>;expires=2600`]);
  const refresh = { contacts: [`"Al" <${PHONE}>;q=0.7;expires=600;x="y"`], cseq: 2 };
  assertEquals(lab.answer(refresh), [200, `<${PHONE}>;q=0.7;expires=600;x="y"`]);
  assertEquals(lab.answer({ contacts: [`<${PHONE}>;expires=0`], cseq: 3 }), [200]);
  assertEquals(lab.answer({ contacts: [`<${PHONE}>;expires=0`], cseq: 4 }), [200]);
});

Deno.test("Registrar believes a Contact's expires, then Expires, then its own; malformed is an hour (§10.2.1.1)", () => {
  const expiry = (contact: string, expires?: string) => {
    const [, text] = new Lab().answer({ contacts: [contact], ...expires !== undefined && { expires } });
    return Number(/expires=(\d+)/.exec(String(text))?.[1]);
  };
  assertEquals(expiry(`<${PHONE}>;expires=100`, "200"), 100);
  assertEquals(expiry(`<${PHONE}>`, "200"), 200);
  assertEquals(expiry(`${PHONE};expires="Thu"`), 3600);
  assertEquals(expiry(`<${PHONE}>`, "99999999999999999999"), 7200);
});

Deno.test("Registrar refuses intervals that are too brief, and says what is not (§10.3 step 7)", () => {
  const lab = new Lab();
  assertEquals(lab.answer({ contacts: [`<${PHONE}>;expires=59`] }, "min-expires"), [423, "60"]);
  assertEquals(lab.contacts(), []);
  assertEquals(lab.answer({ contacts: [`<${PHONE}>;expires=60`] })[0], 200);
});

Deno.test("Registrar takes all contacts back for *, with Expires 0 and alone only (§10.3 step 6)", () => {
  const lab = new Lab();
  lab.register({ contacts: ["<sip:a@192.0.2.1>, <sip:b@192.0.2.1>"] });
  assertEquals(lab.answer({ contacts: ["*"], cseq: 2 })[0], 400);
  assertEquals(lab.answer({ contacts: ["*"], expires: "1", cseq: 2 })[0], 400);
  assertEquals(lab.answer({ contacts: ["*", "<sip:a@192.0.2.1>"], expires: "0", cseq: 2 })[0], 400);
  assertEquals(lab.answer({ contacts: ["*"], expires: "0" })[0], 500); // the same CSeq again
  assertEquals(lab.contacts().length, 2);
  assertEquals(lab.answer({ contacts: ["*"], expires: "0", cseq: 2 }), [200]);
});

Deno.test("Registrar lets no request undo what a later one did, unless its phone has begun anew (§10.3 step 7)", () => {
  const lab = new Lab();
  lab.register({ contacts: [`<${PHONE}>`], cseq: 5 });
  for (const cseq of [4, 5]) assertEquals(lab.answer({ contacts: [`<${PHONE}>;expires=0`], cseq })[0], 500);
  assertEquals(lab.contacts(), [PHONE]);
  assertEquals(lab.answer({ contacts: [`<${PHONE}>;expires=0`], cseq: 1, callId: "after a restart" }), [200]);
});

Deno.test("Registrar does all that a request asks for, or nothing (§10.3 step 7)", () => {
  const lab = new Lab();
  lab.register({ contacts: ["<sip:a@192.0.2.1>"], callId: "other", cseq: 9 });
  lab.register({ contacts: ["<sip:b@192.0.2.1>"] });
  const bad = [
    ["<sip:b@192.0.2.1>;expires=0", "<sip:c@192.0.2.1>", "<sip:a@192.0.2.1>;expires=1"],
    ["<sip:b@192.0.2.1>;expires=0", "<sip:c@192.0.2.1>", "<tel:+31>"],
    ["<sip:b@192.0.2.1>;expires=0", "<sip:c@192.0.2.1>", "<sip:d@192.0.2.1>;q=2"],
    ["<sip:b@192.0.2.1>;expires=0", `<sip:${"x".repeat(3000)}@192.0.2.1>`],
    Array.from({ length: 200 }, (_, index) => `<sip:${index}@192.0.2.1>;expires=0`),
  ];
  const statuses = bad.map((contacts) => lab.answer({ contacts, cseq: 2 })[0]);
  assertEquals(statuses, [423, 400, 400, 400, 400]);
  assertEquals(lab.answer({ contacts: ["<sip:b@192.0.2.1>", "<sip:a@192.0.2.1>"], callId: "other", cseq: 9 })[0], 500);
  assertEquals(lab.contacts(), ["sip:a@192.0.2.1", "sip:b@192.0.2.1"]);
});

Deno.test("Registrar compares contacts as URIs (§10.3 step 7, §19.1.4)", () => {
  const lab = new Lab();
  lab.register({ contacts: ["<sip:%61lice@192.0.2.1;x=1>"] });
  assertEquals(lab.answer({ contacts: ["<sip:alice@192.0.2.1>"], cseq: 2 }), [
    200,
    "<sip:alice@192.0.2.1>;expires=3600",
  ]);
  lab.register({ contacts: ["<sip:alice@192.0.2.1:5060>", "<sip:alice@192.0.2.1;transport=tcp>"], cseq: 3 });
  assertEquals(lab.contacts().length, 3);
});

Deno.test("Registrar puts a contact that stands twice in once, as it stands last", () => {
  const lab = new Lab();
  assertEquals(lab.answer({ contacts: [`<sip:alice@192.0.2.1;x=1>;expires=100`, `<${PHONE}>;expires=200`] }), [
    200,
    `<${PHONE}>;expires=200`,
  ]);
});

Deno.test("Registrar replaces a phone's flow by its instance and reg-id, whatever its URI (RFC 5626 §6)", () => {
  const lab = new Lab();
  const contact = (user: string, regId: number, instance = "<urn:uuid:1>") =>
    `<sip:${user}@192.0.2.1>;+sip.instance="${instance}";reg-id=${regId}`;
  lab.register({ contacts: [contact("a", 1)] });
  lab.register({ contacts: [contact("b", 1)], callId: "after a restart" });
  assertEquals(lab.contacts(), ["sip:b@192.0.2.1"]);
  lab.register({ contacts: [contact("b", 2)], callId: "second flow" });
  assertEquals(lab.contacts(), ["sip:b@192.0.2.1", "sip:b@192.0.2.1"]);
  lab.register({ contacts: [contact("c", 2, "<urn:uuid:2>")], callId: "other phone" });
  assertEquals(lab.contacts().length, 3);
  lab.register({ contacts: [`<sip:b@192.0.2.1>;reg-id=1`], callId: "no instance, so by URI", cseq: 1 });
  assertEquals(lab.contacts(), ["sip:b@192.0.2.1", "sip:c@192.0.2.1"]);
});

Deno.test("Registrar keeps Path, and tells it those who support it (RFC 3327 §5.3)", () => {
  const lab = new Lab();
  const path = "<sip:edge.example.com;lr>, <sip:core.example.com;lr>";
  const headers = { path, supported: "path, gruu" };
  const values = ["<sip:edge.example.com;lr>", "<sip:core.example.com;lr>"];
  assertEquals(lab.answer({ contacts: [`<${PHONE}>`], headers }, "path"), [200, ...values]);
  assertEquals(lab.registrar.lookup(AOR, 0)[0]!.path, values);
  assertEquals(lab.answer({ contacts: [`<${PHONE}>`], headers: { path }, cseq: 2 }, "path"), [200]);
  assertEquals(lab.registrar.lookup(AOR, 0)[0]!.path, values);
  assertEquals(lab.answer({ cseq: 3, contacts: [`<${PHONE}>`], headers: { path: "x".repeat(5000) } })[0], 513);
});

Deno.test("Registrar refuses extensions that it does not know (§10.3 step 2)", () => {
  const lab = new Lab();
  const headers = { require: "Path, outbound, x" };
  assertEquals(lab.answer({ contacts: [`<${PHONE}>`], headers }, "unsupported"), [420, "outbound, x"]);
  assertEquals(lab.contacts(), []);
});

Deno.test("Registrar has limits for an address and for all together", () => {
  const lab = new Lab(4);
  const contacts = ["a", "b", "c"].map((user) => `<sip:${user}@192.0.2.1>`);
  assertEquals(lab.register({ contacts }).status, 200);
  assertEquals(lab.register({ contacts: ["<sip:d@192.0.2.1>"], cseq: 2 }).status, 403);
  assertEquals(lab.register({ contacts: ["<sip:d@192.0.2.1>", "<sip:a@192.0.2.1>;expires=0"], cseq: 3 }).status, 200);
  const bob = (user: string) => ({ contacts: [`<sip:${user}@192.0.2.2>`], callId: user });
  const [first, second] = ["e", "f"].map((user) =>
    lab.register(bob(user), 0, flowFrom("192.0.2.2"), "bob@example.com")
  );
  assertEquals([first!.status, second!.status, second!.headers], [200, 503, [["retry-after", "60"]]]);
  assertEquals(lab.register({ contacts, cseq: 4, expires: "0" }).status, 200);
});

Deno.test("Registrar makes room with what has expired, though nobody has swept yet", () => {
  const lab = new Lab();
  lab.register({ contacts: ["a", "b", "c"].map((user) => `<sip:${user}@192.0.2.1>;expires=60`) });
  assertEquals(lab.answer({ contacts: ["<sip:d@192.0.2.1>"], cseq: 2 }, "contact", 60_000).length, 2);
});

Deno.test("Registrar sees who is behind a NAT, by Contact or Via, and how to get there", () => {
  const lab = new Lab();
  const natted = (contact: string, via: string, source: Flow) => {
    lab.register({ contacts: [contact], via, callId: contact + via }, 0, source, contact);
    const [binding] = lab.registrar.lookup(contact, 0);
    return [binding!.natted, binding!.target];
  };
  const source = flowFrom("203.0.113.7", 40001);
  const target = { ...source, onlyExisting: false };
  assertEquals(natted("<sip:a@10.0.0.5:5060>", "10.0.0.5", source), [true, target]);
  assertEquals(natted("<sip:b@203.0.113.7>", "10.0.0.5", source), [true, target]);
  assertEquals(natted("<sip:c@203.0.113.7>", "203.0.113.7", source), [false, undefined]);
  assertEquals(natted("<sip:d@10.0.0.5>", "10.0.0.5", flowFrom("10.0.0.5")), [false, undefined]);
});

Deno.test("Registrar logs a phone that comes and one that goes, with the Call-ID, and hardly one that stays", () => {
  const lab = new Lab();
  lab.register({ contacts: [`<${PHONE}>`] });
  lab.register({ contacts: [`<${PHONE}>`], cseq: 2 });
  lab.register({ contacts: [`<${PHONE}>;expires=0`], cseq: 3 });
  assertEquals(lab.log.lines.map(({ level }) => level), ["info", "debug", "info"]);
  assertEquals(lab.log.lines.every(({ fields }) => fields.callId === "call-1"), true);
});
