// deno-lint-ignore-file camelcase -- the keys are OpenSIPS's
import { assertEquals, assertStringIncludes, assertThrows } from "../deps/assert.ts";
import { AnswerError } from "./pages.ts";
import { callsPage, phonesPage, proxyResult } from "./proxy_pages.ts";

const ALICE = {
  Contact: "sip:alice@192.168.1.10:5060",
  Expires: 599,
  Q: "1",
  "User-agent": "Phone/1.0",
  Received: "sip:203.0.113.7:24831",
};

Deno.test("phonesPage() shows where each phone is reached, and for how long", () => {
  const json = JSON.stringify({
    Domains: [{ name: "location", AORs: [{ AOR: "alice@example.org", Contacts: [ALICE] }] }],
  });
  assertEquals(
    phonesPage(json),
    "USER               CONTACT                      REACHED AT         EXPIRES  PHONE\n" +
      "alice@example.org  sip:alice@192.168.1.10:5060  203.0.113.7:24831     9:59  Phone/1.0",
  );
});

Deno.test("phonesPage() says that nobody is registered, and that a list was cut", () => {
  assertEquals(phonesPage('{"Domains":[{"name":"location","AORs":[]}]}'), "No phone is registered.");
  const cut = { Domains: [{ AORs: [{ AOR: "a", Contacts: [ALICE] }], truncated: true }] };
  assertStringIncludes(phonesPage(JSON.stringify(cut)), "and more");
});

Deno.test("callsPage() tells calls that ring from those that are answered", () => {
  const dialog = { timestart: 1000, callid: "c1", from_uri: "sip:alice@example.org", to_uri: "sip:bob@example.org" };
  const json = JSON.stringify({ Dialogs: [{ ...dialog, state: 2 }, { ...dialog, callid: "c2", state: 4 }] });
  const lines = callsPage(json, 1075).split("\n").slice(1).map((line) => line.split(/ {2,}/));
  assertEquals(lines, [
    ["c1", "sip:alice@example.org", "sip:bob@example.org", "ringing", "1:15"],
    ["c2", "sip:alice@example.org", "sip:bob@example.org", "answered", "1:15"],
  ]);
  assertEquals(callsPage('{"Dialogs":[]}', 0), "No calls are up.");
});

Deno.test("proxyResult() takes the result, and repeats a refusal in the proxy's words", () => {
  assertEquals(proxyResult('{"jsonrpc":"2.0","result":{"Dialogs":[]},"id":1}'), '{"Dialogs":[]}');
  const refusal = '{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}';
  assertThrows(() => proxyResult(refusal), AnswerError, "Method not found");
  for (const bad of ["", "[]", "null"]) assertThrows(() => proxyResult(bad), AnswerError, "not understood");
});
