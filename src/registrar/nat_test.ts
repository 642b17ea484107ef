import { assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { flowFrom, registerRequest } from "../../tests/support/registrations.ts";
import { SipRequest, SipResponse } from "../sip/message.ts";
import type { Transport } from "../transport/flow.ts";
import { aliasContact, isNatted, resolveAlias } from "./nat.ts";

function request(via: string, contact?: string): SipRequest {
  return registerRequest({ via, contacts: contact === undefined ? [] : [contact] });
}

function response(contact: string): SipResponse {
  const it = new SipResponse(200);
  it.setHeader("contact", contact);
  return it;
}

/** The Contact with its alias, if it gets one. */
function aliased(contact: string, flow = flowFrom("203.0.113.7", 40001)): string | undefined {
  const message = response(contact);
  return aliasContact(message, flow) ? message.header("contact") : undefined;
}

Deno.test("isNatted sees that Via or Contact say another address than the packet (RFC 3261 §18.2.1)", () => {
  const flow = flowFrom("203.0.113.7", 40001);
  assertEquals(isNatted(request("10.0.0.5"), flow), true);
  assertEquals(isNatted(request("203.0.113.7", "<sip:a@10.0.0.5>"), flow), true);
  assertEquals(isNatted(request("203.0.113.7", "<sip:a@203.0.113.7>"), flow), false);
  assertEquals(isNatted(request("203.0.113.7"), flow), false);
  assertEquals(isNatted(response("<sip:a@100.64.0.5>"), flow), true);
  assertEquals(isNatted(response("<sip:a@[fd00::5]>"), flowFrom("2001:db8::7")), true);
});

Deno.test("isNatted lets names, and networks that share their private addresses with us, be", () => {
  const flow = flowFrom("203.0.113.7", 40001);
  assertEquals(isNatted(request("pbx.example.com", "<sip:a@pbx.example.com>"), flow), false);
  assertEquals(isNatted(request("203.0.113.7", "<sip:a@198.51.100.9>"), flow), false); // another public address
  assertEquals(isNatted(request("10.0.0.5", "<sip:a@10.0.0.5>"), flowFrom("10.0.0.5")), false);
  assertEquals(isNatted(request("[2001:DB8::7]", "<sip:a@[2001:db8:0::7]>"), flowFrom("2001:db8::7")), false);
});

Deno.test("isNatted takes browsers for what they are (RFC 7118 §5)", () => {
  assertEquals(isNatted(request("df7jal23ls0d.invalid"), flowFrom("203.0.113.7", 40001, "wss", 1)), true);
  assertEquals(isNatted(response("<sip:a@203.0.113.7;transport=ws>"), flowFrom("203.0.113.7", 40001, "wss", 1)), true);
});

Deno.test("isNatted and aliasContact leave what another proxy has handed on to that proxy", () => {
  const message = request("10.0.0.9", "<sip:a@10.0.0.5>");
  message.prependHeader("via", "SIP/2.0/UDP 203.0.113.7;branch=z9hG4bK2");
  assertEquals(isNatted(message, flowFrom("203.0.113.7")), false);
  assertEquals(aliasContact(message, flowFrom("203.0.113.7", 5070)), false);
});

Deno.test("isNatted and aliasContact are total", () => {
  for (const contact of ["*", "<tel:+31>", "<sip:a@b@c>", "nonsense", ""]) {
    assertEquals(isNatted(response(contact), flowFrom("203.0.113.7")), false, contact);
    assertEquals(aliased(contact), undefined, contact);
  }
});

Deno.test("aliasContact adds where the message came from to the URI, and touches nothing else", () => {
  assertEquals(
    aliased('"A, B" <sip:a@10.0.0.5:5060;ob?h=1>;expires=60'),
    '"A, B" <sip:a@10.0.0.5:5060;ob;alias=203.0.113.7~40001~1?h=1>;expires=60',
  );
  assertEquals(aliased("sip:a@10.0.0.5;q=1"), "<sip:a@10.0.0.5;alias=203.0.113.7~40001~1>;q=1");
  assertEquals(
    aliased("<sips:a@[fd00::5]>", flowFrom("2001:db8::7", 40001, "tls", 1)),
    "<sips:a@[fd00::5];alias=[2001:db8::7]~40001~3>",
  );
});

Deno.test("aliasContact adds nothing to what is true, or known already", () => {
  assertEquals(aliased("<sip:a@203.0.113.7:5080>"), undefined);
  assertEquals(aliased("<sip:a@10.0.0.5;alias=203.0.113.7~40001~1>"), undefined);
  const tcp = flowFrom("203.0.113.7", 40001, "tcp", 1);
  assertEquals(aliased("<sip:a@203.0.113.7:40001;transport=tcp>", tcp), undefined);
  assertEquals(
    aliased("<sip:a@203.0.113.7:5060;transport=tcp>", tcp),
    "<sip:a@203.0.113.7:5060;transport=tcp;alias=203.0.113.7~40001~2>",
  );
});

Deno.test("resolveAlias finds what aliasContact noted, and takes it off", () => {
  const transports: Transport[] = ["udp", "tcp", "tls", "ws", "wss"];
  const addresses = ["203.0.113.7", "2001:db8::7"];
  fc.assert(fc.property(
    fc.constantFrom(...transports),
    fc.constantFrom(...addresses),
    fc.integer({ min: 1, max: 65535 }),
    (transport, address, port) => {
      const message = response("<sip:a@10.0.0.5;x=y>");
      aliasContact(message, flowFrom(address, port, transport, 1));
      const bye = new SipRequest("BYE", message.header("contact")!.slice(1, -1));
      assertEquals(resolveAlias(bye), { transport, address, port, onlyExisting: transport !== "udp" });
      assertEquals(bye.requestUri, "sip:a@10.0.0.5;x=y");
    },
  ));
});

Deno.test("resolveAlias leaves alone what is no alias, or another proxy's affair", () => {
  const uris = [
    "tel:+31;alias=203.0.113.7~40001~1",
    "sip:a@b",
    ...["x", "203.0.113.7~40001", "203.0.113.7~40001~4", "203.0.113.7~0~1", "203.0.113.7~65536~1", "[::1~5060~1"]
      .map((alias) => `sip:a@b;alias=${alias}`),
    "sip:a@b;alias=evil.example~5060~1",
    "sip:a@b;alias=203.0.113.07~5060~1",
  ];
  for (const uri of uris) {
    const bye = new SipRequest("BYE", uri);
    assertEquals([resolveAlias(bye), bye.requestUri], [undefined, uri]);
  }
  const routed = new SipRequest("BYE", "sip:a@10.0.0.5;alias=203.0.113.7~40001~1");
  routed.setHeader("route", "<sip:edge.example.com;lr>");
  assertEquals(resolveAlias(routed), undefined);
});
