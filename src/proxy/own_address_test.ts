import { assert, assertEquals } from "../deps/assert.ts";
import { SipRequest } from "../sip/message.ts";
import { parseSipUri } from "../sip/uri.ts";
import type { ListenPoint } from "../transport/flow.ts";
import { OwnAddress, ownRouteUri, transportOf } from "./own_address.ts";
import { addRecordRoute } from "./record_route.ts";

const UDP: ListenPoint = {
  transport: "udp",
  address: "192.0.2.10",
  port: 5060,
  family: "IPv4",
  advertisedHost: "sip.example.com",
  advertisedPort: 5060,
};
const TLS: ListenPoint = { ...UDP, transport: "tls", port: 5061, advertisedPort: 5061 };
const UDP6: ListenPoint = { ...UDP, address: "2001:db8::10", family: "IPv6", advertisedHost: "2001:db8::10" };
const OWN = new OwnAddress([UDP, TLS, UDP6], ["example.com"]);

function requestWith(requestUri: string, ...routes: string[]): SipRequest {
  const request = new SipRequest("BYE", requestUri);
  for (const route of routes) request.appendHeader("route", route);
  return request;
}

for (
  const [uri, isOurs] of [
    ["sip:bob@example.com", true],
    ["sip:bob@EXAMPLE.com:5060", true],
    ["sip:bob@example.com:5061;transport=tls", true],
    ["sip:example.com:5080", false],
    ["sip:sip.example.com;lr", true],
    ["sip:192.0.2.10;transport=udp", true],
    ["sip:192.0.2.10:5070", false],
    ["sips:192.0.2.10", true],
    ["sip:192.0.2.10;transport=tcp", false],
    ["sip:[2001:DB8:0::10]", true],
    ["sip:bob@example.org", false],
  ] as const
) {
  Deno.test(`OwnAddress.isLocal() says ${isOurs} of ${uri}`, () => {
    assertEquals(OWN.isLocal(parseSipUri(uri)), isOurs);
  });
}

Deno.test("takeRoutes() takes our Route off, and knows its parameters (RFC 3261 §16.4)", () => {
  const request = requestWith("sip:bob@203.0.113.5", "<sip:sip.example.com;lr;id=7>, <sip:next.example.net;lr>");
  const route = OWN.takeRoutes(request);
  assert(route.found);
  assertEquals(route.parameter("id"), "7");
  assertEquals(request.headerValues("route"), ["<sip:next.example.net;lr>"]);
});

Deno.test("takeRoutes() leaves others' Routes alone", () => {
  const request = requestWith("sip:bob@203.0.113.5", "<sip:next.example.net;lr>");
  assert(!OWN.takeRoutes(request).found);
  assertEquals(request.headerValues("route"), ["<sip:next.example.net;lr>"]);
});

Deno.test("takeRoutes() takes both Routes of a call that crosses transports, and knows which side is next (RFC 5658)", () => {
  const invite = requestWith("sip:bob@203.0.113.5");
  addRecordRoute(invite, UDP, TLS, "");
  assertEquals(invite.headerValues("record-route"), [
    "<sip:sip.example.com;transport=tls;lr;r2=on>",
    "<sip:sip.example.com;lr;r2=on>",
  ]);
  const fromCallee = requestWith("sip:alice@203.0.113.4", ...invite.headerValues("record-route"));
  assertEquals(OWN.takeRoutes(fromCallee).leaveFrom, UDP);
  const fromCaller = requestWith("sip:bob@203.0.113.5", ...invite.headerValues("record-route").reverse());
  assertEquals(OWN.takeRoutes(fromCaller).leaveFrom, TLS);
  assertEquals(fromCaller.hasHeader("route"), false);
});

Deno.test("takeRoutes() undoes what a strict router did (RFC 3261 §16.4, §16.12.1.2)", () => {
  const request = requestWith("sip:sip.example.com;lr", "<sip:next.example.net;lr>", "<sip:bob@203.0.113.5>");
  assert(OWN.takeRoutes(request).found, "the route that it came by stood in the Request-URI");
  assertEquals(request.requestUri, "sip:bob@203.0.113.5");
  assertEquals(request.headerValues("route"), ["<sip:next.example.net;lr>"]);
});

Deno.test("takeRoutes() has nothing to undo where Route has no values", () => {
  const request = requestWith("sip:sip.example.com;lr", ",");
  assertEquals(OWN.takeRoutes(request).found, false);
  assertEquals(request.requestUri, "sip:sip.example.com;lr");
});

Deno.test("addRecordRoute() names a side once if both are the same", () => {
  const request = requestWith("sip:bob@203.0.113.5", "<sip:x.example.net;lr>");
  addRecordRoute(request, UDP, UDP, ";id=7");
  assertEquals(request.headerValues("record-route"), ["<sip:sip.example.com;lr;id=7>"]);
});

Deno.test("ownRouteUri() brackets IPv6 and names the port if it is not the transport's", () => {
  assertEquals(ownRouteUri(UDP6), "sip:[2001:db8::10];lr");
  assertEquals(ownRouteUri({ ...TLS, advertisedPort: 5071 }), "sip:sip.example.com:5071;transport=tls;lr");
});

Deno.test("transportOf() reads the parameter and the scheme (RFC 3261 §19.1.1, §26.2.2)", () => {
  const transports = [
    "sip:a",
    "sip:a;transport=TCP",
    "sips:a",
    "sips:a;transport=tcp",
    "sips:a;transport=ws",
    "sip:a;transport=ws",
  ]
    .map((uri) => transportOf(parseSipUri(uri)));
  assertEquals(transports, ["udp", "tcp", "tls", "tls", "wss", "ws"]);
});
