import { assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { endDialogRefusal, endDialogRequest } from "./end_dialog.ts";

Deno.test("endDialogRequest() writes what OpenSIPS takes (PROTOCOL 5)", () => {
  assertEquals(endDialogRequest("3277108413379", "bdc927b"), {
    server: "opensips",
    json: '{"jsonrpc":"2.0","id":"bdc927b","method":"dlg_end_dlg","params":["3277108413379"]}',
  });
});

Deno.test("endDialogRequest() keeps every digit of an OpenSIPS dialog id: it is no JavaScript number", () => {
  const request = endDialogRequest("18446744073709551615", "1");
  assertEquals(JSON.parse(request?.json ?? "").params, ["18446744073709551615"]);
});

Deno.test("endDialogRequest() writes what Kamailio takes (PROTOCOL 5)", () => {
  assertEquals(endDialogRequest("763:2543", "1"), {
    server: "kamailio",
    json: '{"jsonrpc":"2.0","id":"1","method":"dlg.end_dlg","params":[763,2543]}',
  });
});

Deno.test("endDialogRequest() gives nothing for what no server writes", () => {
  const junk = ["", "abc", "1:2:3", ":", "1:", ":2", "-5", "1.5", " 5", "0x5", "5\n", "9".repeat(21), "1:12345678901"];
  for (const dialogId of junk) assertEquals(endDialogRequest(dialogId, "1"), undefined, dialogId);
});

Deno.test("endDialogRequest() gives JSON or nothing for any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.string(), (dialogId, requestId) => {
    const request = endDialogRequest(dialogId, requestId);
    if (request !== undefined) assertEquals(JSON.parse(request.json).id, requestId);
  }));
});

Deno.test("endDialogRefusal() is silent when the server agreed", () => {
  assertEquals(endDialogRefusal('{"jsonrpc":"2.0","result":"OK","id":"1"}'), undefined);
  assertEquals(endDialogRefusal('{"jsonrpc":"2.0","id":"1"}'), undefined);
});

Deno.test("endDialogRefusal() says why the server refused", () => {
  assertEquals(
    endDialogRefusal('{"jsonrpc":"2.0","error":{"code":404,"message":"Dialog not found"},"id":"1"}'),
    "Dialog not found (404)",
  );
  assertEquals(endDialogRefusal('{"error":{}}'), "error (no code)");
});

Deno.test("endDialogRefusal() says so when the answer is not JSON-RPC", () => {
  for (const answer of ["", "OK", "null", '{"error":"no"}', '{"error":{"code":"x"}}']) {
    assertEquals(endDialogRefusal(answer), `its answer ${JSON.stringify(answer)} is not JSON-RPC`);
  }
});
