import { assert, assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { RecordingLogger } from "../../tests/support/fakes.ts";
import { endDialogRefusal, endDialogRequest } from "../dispatcher/end_dialog.ts";
import { utf8ToOctets } from "../sip/octets.ts";
import {
  type ContactListing,
  ControlInterface,
  type ControlOperations,
  type DialogListing,
  type LocationListing,
} from "./control.ts";

const DIALOG: DialogListing = {
  id: "30064771072",
  state: "confirmed",
  callId: "a84b4c76e66710",
  fromUri: "sip:alice@example.com",
  toUri: "sip:bob@example.com",
  callerTag: "1928301774",
  callerContact: "sip:alice@192.0.2.1",
  callees: [{ tag: "314159", contact: "sip:bob@192.0.2.2" }],
  startedAtWallMs: 1_700_000_000_500,
  expiresAtWallMs: 1_700_043_200_500,
};

const CONTACT: ContactListing = {
  uri: "sip:alice@192.0.2.1:5062",
  expiresInMs: 59_001,
  q: 0.7,
  callId: "r1",
  cseq: 12,
  userAgent: "Phone/1",
  received: "sip:198.51.100.1:40000",
  path: ["<sip:edge.example.com;lr>"],
  socket: "udp:192.0.2.10:5060",
  instance: "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>",
};

class FakeOperations implements ControlOperations {
  readonly ended: string[] = [];
  dialogList: DialogListing[] = [DIALOG];
  locationList: LocationListing[] = [{ aor: "alice@example.com", contacts: [CONTACT] }];
  scriptProblem: string | undefined;

  endDialog(dialogId: string): Promise<"ended" | "unknown"> {
    this.ended.push(dialogId);
    return Promise.resolve(dialogId === DIALOG.id ? "ended" : "unknown");
  }
  dialogs(): Iterable<DialogListing> {
    return this.dialogList;
  }
  contacts(aor: string): readonly ContactListing[] {
    return this.locationList.find((it) => it.aor === aor)?.contacts ?? [];
  }
  locations(): Iterable<LocationListing> {
    return this.locationList;
  }
  statistics(): Record<string, number> {
    return { dialogs: 1 };
  }
  reloadScript(): Promise<void> {
    return this.scriptProblem === undefined ? Promise.resolve() : Promise.reject(new Error(this.scriptProblem));
  }
}

function setUp() {
  const operations = new FakeOperations();
  const log = new RecordingLogger();
  const control = new ControlInterface(operations, log);
  const call = async (method: string, params?: unknown) => {
    const text = await control.handle(JSON.stringify({ jsonrpc: "2.0", id: 7, method, params }));
    const { jsonrpc, id, ...outcome } = JSON.parse(text!);
    assertEquals([jsonrpc, id], ["2.0", 7]);
    return outcome;
  };
  return { operations, log, control, call };
}

function errorOf(code: number, message: string) {
  return { error: { code, message } };
}

Deno.test("dlg_end_dlg ends the dialog that the dispatcher names", async () => {
  const { control, operations } = setUp();
  const answer = await control.handle(endDialogRequest(DIALOG.id, "5f3a")!.json);
  assertEquals(answer, '{"jsonrpc":"2.0","result":"OK","id":"5f3a"}');
  assertEquals(endDialogRefusal(answer!), undefined);
  assertEquals(operations.ended, [DIALOG.id]);
});

Deno.test("dlg_end_dlg refuses an unknown dialog in the words of OpenSIPS", async () => {
  const { control } = setUp();
  const answer = await control.handle(endDialogRequest("99", "5f3a")!.json);
  assertEquals(endDialogRefusal(answer!), "Requested Dialog not found (404)");
});

Deno.test("dlg_end_dlg takes its parameter by name, and as a number that is exact", async () => {
  const { call, operations } = setUp();
  assertEquals(await call("dlg_end_dlg", { dialog_id: DIALOG.id }), { result: "OK" });
  assertEquals(await call("dlg_end_dlg", [30064771072]), { result: "OK" });
  assertEquals(operations.ended, [DIALOG.id, DIALOG.id]);
  for (const params of [undefined, [], {}, [""], [null], [1.5], [2 ** 60], { toString: 1 }]) {
    assertEquals(await call("dlg_end_dlg", params), errorOf(-32602, "Invalid params: dialog_id must be a text"));
  }
});

Deno.test("dlg_list lists dialogs as OpenSIPS does", async () => {
  const { call } = setUp();
  assertEquals(await call("dlg_list"), {
    result: {
      Dialogs: [{
        ID: "30064771072",
        state: 4,
        timestart: 1_700_000_000,
        timeout: 1_700_043_200,
        callid: "a84b4c76e66710",
        from_uri: "sip:alice@example.com",
        to_uri: "sip:bob@example.com",
        caller_tag: "1928301774",
        caller_contact: "sip:alice@192.0.2.1",
        CALLEES: [{ callee_tag: "314159", callee_contact: "sip:bob@192.0.2.2" }],
      }],
    },
  });
});

Deno.test("dlg_list shows those of one Call-ID", async () => {
  const { call, operations } = setUp();
  operations.dialogList = [DIALOG, { ...DIALOG, id: "2", callId: utf8ToOctets("ü@host"), state: "early" }];
  const { result } = await call("dlg_list", ["ü@host"]);
  assertEquals(
    result.Dialogs.map((it: { ID: string; callid: string; state: number }) => [it.ID, it.callid, it.state]),
    [
      ["2", "ü@host", 2],
    ],
  );
  assertEquals((await call("dlg_list", { callid: DIALOG.callId })).result.Dialogs.length, 1);
  assertEquals(await call("dlg_list", ["other"]), errorOf(404, "No such dialog"));
});

Deno.test("dlg_list shows a part by index and counter", async () => {
  const { call, operations } = setUp();
  operations.dialogList = Array.from({ length: 10 }, (_, index) => ({ ...DIALOG, id: String(index) }));
  const ids = async (params: unknown) =>
    (await call("dlg_list", params)).result.Dialogs.map((it: { ID: string }) => it.ID);
  assertEquals(await ids([3, 2]), ["3", "4"]);
  assertEquals(await ids({ index: 8, counter: 5 }), ["8", "9"]);
  assertEquals(await ids([9]), ["9"]);
  assertEquals(await call("dlg_list", [-1]), errorOf(-32602, "Invalid params: index must be a whole number"));
  assertEquals(await call("dlg_list", [0, "2"]), errorOf(-32602, "Invalid params: counter must be a whole number"));
});

Deno.test("ul_show_contact shows contacts as OpenSIPS does, with and without its table", async () => {
  const { call } = setUp();
  const expected = {
    result: {
      AOR: "alice@example.com",
      Contacts: [{
        Contact: "sip:alice@192.0.2.1:5062",
        Expires: 60,
        Q: "0.7",
        Callid: "r1",
        Cseq: 12,
        "User-agent": "Phone/1",
        Received: "sip:198.51.100.1:40000",
        Path: "<sip:edge.example.com;lr>",
        Socket: "udp:192.0.2.10:5060",
        SIP_instance: "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>",
      }],
    },
  };
  assertEquals(await call("ul_show_contact", ["location", "alice@example.com"]), expected);
  assertEquals(await call("ul_show_contact", ["alice@example.com"]), expected);
  assertEquals(await call("ul_show_contact", { table_name: "location", aor: "alice@example.com" }), expected);
  assertEquals(await call("ul_show_contact", { aor: "alice@example.com" }), expected);
  assertEquals(await call("ul_show_contact", ["bob@example.com"]), errorOf(404, "AOR not found"));
  assertEquals(await call("ul_show_contact", ["domain", "alice@example.com"]), errorOf(404, "Table not found"));
  assertEquals(await call("ul_show_contact"), errorOf(-32602, "Invalid params: aor must be a text"));
});

Deno.test("ul_show_contact leaves out what is not known", async () => {
  const { call, operations } = setUp();
  const bare = { ...CONTACT, userAgent: "", received: "", path: [], socket: "", instance: "", expiresInMs: -5 };
  operations.locationList = [{ aor: utf8ToOctets("jürgen"), contacts: [bare] }];
  assertEquals((await call("ul_show_contact", ["jürgen"])).result, {
    AOR: "jürgen",
    Contacts: [{ Contact: CONTACT.uri, Expires: 0, Q: "0.7", Callid: "r1", Cseq: 12 }],
  });
});

Deno.test("ul_dump shows all addresses of record", async () => {
  const { call } = setUp();
  const { Domains: [domain] } = (await call("ul_dump")).result;
  assertEquals([domain.name, domain.AORs.length, domain.AORs[0].AOR], ["location", 1, "alice@example.com"]);
  assertEquals(domain.AORs[0].Contacts[0].Contact, CONTACT.uri);
});

Deno.test("an answer stays within 64 KiB and says that it was cut", async () => {
  const { control, operations } = setUp();
  const wide = utf8ToOctets("ü".repeat(200));
  operations.dialogList = Array.from({ length: 1000 }, () => ({ ...DIALOG, callerContact: wide }));
  operations.locationList = Array.from(
    { length: 1000 },
    (_, index) => ({ aor: `${wide}${index}`, contacts: [CONTACT] }),
  );
  for (const [method, path] of [["dlg_list", "Dialogs"], ["ul_dump", "AORs"]] as const) {
    const text = await control.handle(JSON.stringify({ jsonrpc: "2.0", id: "x".repeat(200), method }));
    const bytes = new TextEncoder().encode(text).length;
    assert(bytes > 55 * 1024 && bytes <= 64 * 1024, `${method}: ${bytes} bytes`);
    const { result } = JSON.parse(text!);
    const holder = path === "AORs" ? result.Domains[0] : result;
    assertEquals(holder.truncated, true);
    assert(holder[path].length > 50);
  }
});

Deno.test("script_reload says what is wrong with the new script", async () => {
  const { call, operations } = setUp();
  assertEquals(await call("script_reload"), { result: "OK" });
  operations.scriptProblem = "script.ts:3: no route";
  assertEquals(await call("script_reload"), errorOf(500, "script.ts:3: no route"));
});

Deno.test("ping and statistics answer", async () => {
  const { call } = setUp();
  assertEquals(await call("ping"), { result: "pong" });
  assertEquals(await call("statistics"), { result: { dialogs: 1 } });
});

Deno.test("handle() answers what is no request with the codes of JSON-RPC 2.0 §5.1", async () => {
  const { control, call } = setUp();
  const codeOf = async (text: string) => JSON.parse((await control.handle(text))!);
  assertEquals(await codeOf("{"), { jsonrpc: "2.0", ...errorOf(-32700, "Parse error"), id: null });
  const invalid = ["[]", "1", "null", "{}", '{"jsonrpc":"1.0","id":1,"method":"ping"}', '{"jsonrpc":"2.0","id":1}'];
  invalid.push('{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}', '{"jsonrpc":"2.0","id":{},"method":"ping"}');
  invalid.push(JSON.stringify({ jsonrpc: "2.0", id: "x".repeat(201), method: "ping" }));
  for (const text of invalid) {
    assertEquals(await codeOf(text), { jsonrpc: "2.0", ...errorOf(-32600, "Invalid Request"), id: null }, text);
  }
  assertEquals(await call("dlg.end_dlg", [1, 2]), errorOf(-32601, "Method not found"));
  assertEquals(await call("constructor"), errorOf(-32601, "Method not found"));
});

Deno.test("handle() carries a notification out and does not answer it (JSON-RPC 2.0 §4.1)", async () => {
  const { control, operations } = setUp();
  const text = JSON.stringify({ jsonrpc: "2.0", method: "dlg_end_dlg", params: [DIALOG.id] });
  assertEquals(await control.handle(text), undefined);
  assertEquals(operations.ended, [DIALOG.id]);
  assertEquals(await control.handle('{"jsonrpc":"2.0","method":"nonsense"}'), undefined);
  assertEquals(
    await control.handle('{"jsonrpc":"2.0","id":null,"method":"ping"}'),
    '{"jsonrpc":"2.0","result":"pong","id":null}',
  );
});

Deno.test("handle() survives an operation that throws, and keeps its words to the log", async () => {
  const { call, operations, log } = setUp();
  operations.statistics = () => {
    throw new TypeError("secret detail");
  };
  assertEquals(await call("statistics"), errorOf(-32603, "Internal error"));
  assert(log.messages("error")[0]!.includes("secret detail"));
});

Deno.test("handle() of any text answers JSON-RPC or nothing", async () => {
  const { control } = setUp();
  const method = fc.constantFrom("dlg_end_dlg", "dlg_list", "ul_show_contact", "ul_dump", "ping", "x");
  const request = fc.record({ jsonrpc: fc.constant("2.0"), method, params: fc.jsonValue(), id: fc.jsonValue() }, {
    requiredKeys: ["jsonrpc", "method"],
  });
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.json(), request.map((it) => JSON.stringify(it)));
  await fc.assert(fc.asyncProperty(text, async (it) => {
    const answer = await control.handle(it);
    if (answer !== undefined) assertEquals(JSON.parse(answer).jsonrpc, "2.0");
  }));
});
