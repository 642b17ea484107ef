import { assert, assertEquals } from "../deps/assert.ts";
import { createResponse, SipRequest } from "../sip/message.ts";
import type { Target } from "../transport/flow.ts";
import { seededRandom } from "../../tests/support/fakes.ts";
import { createDialog, Dialog } from "./dialog.ts";
import { DialogTable } from "./dialog_table.ts";

const ALICE: Target = { transport: "udp", address: "203.0.113.4", port: 40_000 };
const BOB: Target = { transport: "udp", address: "203.0.113.5", port: 50_000 };
const OWN = "<sip:192.0.2.10;lr>";
const isOwn = (value: string) => value === OWN;

function invite(...recordRoutes: string[]): SipRequest {
  const request = new SipRequest("INVITE", "sip:bob@example.com");
  request.appendHeader("via", "SIP/2.0/UDP 192.168.1.10;branch=z9hG4bK1");
  for (const value of recordRoutes) request.appendHeader("record-route", value);
  request.appendHeader("from", '"Alice" <sip:alice@example.com>;tag=a');
  request.appendHeader("to", "<sip:bob@example.com>");
  request.appendHeader("call-id", "call-1");
  request.appendHeader("cseq", "7 INVITE");
  request.appendHeader("contact", "<sip:alice@192.168.1.10:5060>");
  return request;
}

function engaged(request = invite()): Dialog {
  const engagement = { iceCandidate: "none", avps: {} } as const;
  return createDialog(request, ALICE, engagement, seededRandom(), { nowMs: 0, wallMs: 0, lifetimeMs: 1000 });
}

function answer(dialog: Dialog, status: number, tag: string, ...recordRoutes: string[]): boolean {
  const response = createResponse(invite(), status, undefined, tag);
  for (const value of recordRoutes) response.appendHeader("record-route", value);
  response.appendHeader("contact", `<sip:bob@10.0.0.20:5062;line=${tag}>`);
  return dialog.handleReply(response, BOB, isOwn);
}

function inDialog(method: string, side: "caller" | "callee", sequence: number, calleeTag = "b"): SipRequest {
  const request = new SipRequest(method, "sip:x@192.0.2.1");
  const [from, to] = side === "caller" ? ["a", calleeTag] : [calleeTag, "a"];
  request.appendHeader("from", `<sip:x@example.com>;tag=${from}`);
  request.appendHeader("to", `<sip:y@example.com>;tag=${to}`);
  request.appendHeader("call-id", "call-1");
  request.appendHeader("cseq", `${sequence} ${method}`);
  request.appendHeader("contact", "<sip:moved@192.168.1.77>");
  return request;
}

Deno.test("Dialog is early until the first 2xx (RFC 3261 §12)", () => {
  const dialog = engaged();
  assertEquals([answer(dialog, 180, "b"), dialog.state], [false, "early"]);
  assertEquals([answer(dialog, 200, "b"), dialog.state], [true, "confirmed"]);
  assertEquals(answer(dialog, 200, "b"), false, "a retransmission is no news");
});

Deno.test("Dialog.id is a decimal number of two halves, as OpenSIPS writes it", () => {
  const id = BigInt(engaged().id);
  assert(id >> 32n < 4096n);
  assert((id & 0xffff_ffffn) < 2n ** 31n);
});

Deno.test("Dialog.byes() ends a confirmed leg on both sides (RFC 3261 §15.1.1)", () => {
  const dialog = engaged();
  answer(dialog, 200, "b");
  const [toCallee, toCaller] = [...dialog.byes()].sort((x) => x.target === BOB ? -1 : 1);
  assertEquals(toCallee!.request.requestUri, "sip:bob@10.0.0.20:5062;line=b");
  assertEquals(toCallee!.request.header("from"), '"Alice" <sip:alice@example.com>;tag=a');
  assertEquals(toCallee!.request.header("to"), "<sip:bob@example.com>;tag=b");
  assertEquals(toCallee!.request.header("cseq"), "8 BYE");
  assertEquals(toCaller!.target, ALICE);
  assertEquals(toCaller!.request.requestUri, "sip:alice@192.168.1.10:5060");
  assertEquals(toCaller!.request.header("cseq"), "1 BYE");
});

Deno.test("Dialog.byes() goes by the proxies on either side, and not through us (RFC 3261 §12.1, §16.6)", () => {
  const dialog = engaged(invite("<sip:near-alice.example.com;lr>", "<sip:at-alice.example.com;lr>"));
  answer(
    dialog,
    200,
    "b",
    "<sip:at-bob.example.com;lr>",
    "<sip:near-bob.example.com;lr>",
    OWN,
    "<sip:near-alice.example.com;lr>",
    "<sip:at-alice.example.com;lr>",
  );
  const routes = dialog.byes().map(({ request }) => request.headerValues("route"));
  assertEquals(routes.toSorted(), [
    ["<sip:near-alice.example.com;lr>", "<sip:at-alice.example.com;lr>"],
    ["<sip:near-bob.example.com;lr>", "<sip:at-bob.example.com;lr>"],
  ]);
});

Deno.test("Dialog follows CSeq, target refreshes and where each side is (RFC 3261 §12.2)", () => {
  const dialog = engaged();
  answer(dialog, 200, "b");
  const moved: Target = { ...ALICE, port: 41_000 };
  dialog.handleRequest(inDialog("INVITE", "caller", 20), moved);
  dialog.handleRequest(inDialog("INFO", "callee", 4), BOB);
  const byes = dialog.byes();
  const toCaller = byes.find(({ target }) => target === moved)!;
  assertEquals(toCaller.request.requestUri, "sip:moved@192.168.1.77");
  assertEquals(toCaller.request.header("cseq"), "5 BYE");
  const toCallee = byes.find(({ target }) => target === BOB)!;
  assertEquals(toCallee.request.requestUri, "sip:bob@10.0.0.20:5062;line=b", "INFO refreshes no target");
  assertEquals(toCallee.request.header("cseq"), "21 BYE");
});

Deno.test("Dialog takes the caller's answer to a callee's re-INVITE for no other callee", () => {
  const dialog = engaged();
  answer(dialog, 200, "b");
  const reInvite = inDialog("INVITE", "callee", 1);
  dialog.handleRequest(reInvite, BOB);
  const response = createResponse(reInvite, 200);
  response.appendHeader("contact", "<sip:alice@192.168.1.99>");
  const moved: Target = { ...ALICE, port: 42_000 };
  dialog.handleInDialogReply(response, moved);
  assertEquals(dialog.legs.length, 1);
  assertEquals([dialog.caller.contact, dialog.caller.target], ["sip:alice@192.168.1.99", moved]);
  assertEquals(dialog.endLeg("b"), true);
});

Deno.test("Dialog of a fork answered twice ends with the last leg", () => {
  const dialog = engaged();
  answer(dialog, 200, "b");
  answer(dialog, 200, "c");
  assertEquals(dialog.byes().length, 4);
  assertEquals(dialog.endLeg("b"), false);
  assertEquals(dialog.endLeg("c"), true);
  assertEquals(dialog.state, "ended");
});

Deno.test("DialogTable finds a dialog by the tags of either side, and no other", () => {
  const table = new DialogTable(10);
  const dialog = engaged();
  table.add(dialog);
  assertEquals(table.find(inDialog("BYE", "caller", 8)), dialog);
  assertEquals(table.find(inDialog("BYE", "callee", 1)), dialog);
  const stranger = inDialog("BYE", "callee", 1);
  stranger.setHeader("call-id", "call-2");
  assertEquals(table.find(stranger), undefined);
  table.remove(dialog);
  assertEquals(table.find(inDialog("BYE", "caller", 8)), undefined);
  assertEquals(table.byId(dialog.id), undefined);
});

Deno.test("DialogTable knows what has outlived its lifetime", () => {
  const table = new DialogTable(10);
  const dialog = engaged();
  table.add(dialog);
  assertEquals(table.nextDeadlineMs, 1000);
  assertEquals(table.expired(999), []);
  assertEquals(table.expired(1000), [dialog]);
});
