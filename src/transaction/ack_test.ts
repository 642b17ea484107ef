import { assertEquals } from "../deps/assert.ts";
import { requestOf, responseTo } from "../../tests/support/transaction_bench.ts";
import { createAck, createCancel } from "./ack.ts";

const INVITE = requestOf("INVITE", {
  via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours, SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKalice1",
  cseq: 314,
  lines: [
    "Route: <sip:one.example.com;lr>",
    "Route: <sip:two.example.com;lr>",
    "Require: 100rel",
    "Contact: <sip:a@b>",
  ],
});
INVITE.removeFirstValue("via"); // ours has a line of its own
INVITE.prependHeader("via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours");

Deno.test("createAck() takes To from the response and the rest from the INVITE (RFC 3261 §17.1.1.3)", () => {
  assertEquals(
    createAck(INVITE, responseTo(INVITE, 486, "b1")).serialize(),
    [
      "ACK sip:bob@example.com SIP/2.0",
      "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours",
      "Max-Forwards: 70",
      "From: <sip:alice@example.com>;tag=a1",
      "To: <sip:bob@example.com>;tag=b1",
      "Call-ID: call-1",
      "CSeq: 314 ACK",
      "Route: <sip:one.example.com;lr>",
      "Route: <sip:two.example.com;lr>",
      "Content-Length: 0",
      "\r\n",
    ].join("\r\n"),
  );
});

Deno.test("createCancel() has the INVITE's Via, Route, To and CSeq number, and no Require (RFC 3261 §9.1)", () => {
  assertEquals(
    createCancel(INVITE).serialize(),
    [
      "CANCEL sip:bob@example.com SIP/2.0",
      "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours",
      "Max-Forwards: 70",
      "From: <sip:alice@example.com>;tag=a1",
      "To: <sip:bob@example.com>",
      "Call-ID: call-1",
      "CSeq: 314 CANCEL",
      "Route: <sip:one.example.com;lr>",
      "Route: <sip:two.example.com;lr>",
      "Content-Length: 0",
      "\r\n",
    ].join("\r\n"),
  );
});

Deno.test("createCancel() says why (RFC 3326)", () => {
  const reason = 'SIP;cause=200;text="Call completed elsewhere"';
  assertEquals(createCancel(INVITE, reason).header("reason"), reason);
});
