import { assertEquals } from "../deps/assert.ts";
import { flowFrom, listenPoint } from "../../tests/support/fake_transport.ts";
import { requestOf } from "../../tests/support/transaction_bench.ts";
import type { Transport } from "../transport/flow.ts";
import { markReceived, replyTarget } from "./reply_target.ts";

/** The topmost Via after a request with `via` has come from `address`. */
function marked(via: string, address = "192.0.2.2", port = 5060): string | undefined {
  const request = requestOf("OPTIONS", { via });
  markReceived(request, flowFrom(address, port));
  return request.header("via");
}

/** Where the response to a request with `via` goes. */
function target(via: string, transport: Transport = "udp", port = 40_000): Record<string, unknown> {
  const request = requestOf("OPTIONS", { via });
  const flow = flowFrom("198.51.100.7", port, listenPoint(transport));
  markReceived(request, flow);
  const { listenPoint: point, ...rest } = replyTarget(request, flow);
  assertEquals(point, flow.listenPoint);
  return rest;
}

Deno.test("markReceived() leaves a Via alone that says where the request came from (RFC 3261 §18.2.1)", () => {
  const via = "SIP/2.0/UDP  192.0.2.2 ; branch=z9hG4bK1";
  assertEquals(marked(via), via);
});

Deno.test("markReceived() adds received if sent-by is a name or another address (RFC 3261 §18.2.1)", () => {
  assertEquals(marked("SIP/2.0/UDP a.example;branch=x"), "SIP/2.0/UDP a.example;branch=x;received=192.0.2.2");
  assertEquals(marked("SIP/2.0/UDP 10.0.0.1;branch=x"), "SIP/2.0/UDP 10.0.0.1;branch=x;received=192.0.2.2");
  assertEquals(
    marked("SIP/2.0/UDP [2001:db8::1]:5070", "2001:db8::2"),
    "SIP/2.0/UDP [2001:db8::1]:5070;received=2001:db8::2",
  );
});

Deno.test("markReceived() fills in rport, and received with it (RFC 3581 §4)", () => {
  const expected = "SIP/2.0/UDP 192.0.2.2;rport=4711;branch=x;received=192.0.2.2";
  assertEquals(marked("SIP/2.0/UDP 192.0.2.2;rport;branch=x", "192.0.2.2", 4711), expected);
  assertEquals(marked(expected, "192.0.2.2", 4711), expected);
});

Deno.test("markReceived() overwrites what a peer claims, or others would get its responses", () => {
  assertEquals(marked("SIP/2.0/UDP 192.0.2.2;received=203.0.113.1"), "SIP/2.0/UDP 192.0.2.2;received=192.0.2.2");
  assertEquals(marked("SIP/2.0/UDP 192.0.2.2;rport=9"), "SIP/2.0/UDP 192.0.2.2;rport=5060;received=192.0.2.2");
});

Deno.test("markReceived() changes only the topmost Via", () => {
  assertEquals(
    marked("SIP/2.0/UDP a.example, SIP/2.0/UDP b.example"),
    "SIP/2.0/UDP a.example;received=192.0.2.2, SIP/2.0/UDP b.example",
  );
});

Deno.test("replyTarget() over UDP is the source address and the port in sent-by (RFC 3261 §18.2.2)", () => {
  assertEquals(target("SIP/2.0/UDP a.example:5080"), { transport: "udp", address: "198.51.100.7", port: 5080 });
  assertEquals(target("SIP/2.0/UDP a.example"), { transport: "udp", address: "198.51.100.7", port: 5060 });
});

Deno.test("replyTarget() over UDP is the source port if rport asks for it (RFC 3581 §4)", () => {
  assertEquals(target("SIP/2.0/UDP a.example:5080;rport"), {
    transport: "udp",
    address: "198.51.100.7",
    port: 40_000,
  });
});

Deno.test("replyTarget() is never maddr: nobody aims our responses at others (deviation from RFC 3261 §18.2.2)", () => {
  const source = { transport: "udp", address: "198.51.100.7", port: 5080 };
  for (const maddr of ["233.252.0.1", "203.0.113.9", "b.example"]) {
    assertEquals(target(`SIP/2.0/UDP a.example:5080;maddr=${maddr}`), source);
  }
});

Deno.test("replyTarget() of a stream is its connection, else a new one to the port in sent-by (RFC 3261 §18.2.2)", () => {
  const common = { address: "198.51.100.7", connectionId: 1, onlyExisting: false, serverName: "a.example" };
  assertEquals(target("SIP/2.0/TCP a.example", "tcp"), { ...common, transport: "tcp", port: 5060 });
  assertEquals(target("SIP/2.0/TLS a.example", "tls"), { ...common, transport: "tls", port: 5061 });
  assertEquals(target("SIP/2.0/TCP a.example:5080;rport", "tcp"), { ...common, transport: "tcp", port: 5080 });
});

Deno.test("replyTarget() of a WebSocket is its connection only, as nobody can be called back (RFC 7118)", () => {
  const common = { address: "198.51.100.7", connectionId: 1, onlyExisting: true, serverName: "x.invalid" };
  assertEquals(target("SIP/2.0/WSS x.invalid", "wss"), { ...common, transport: "wss", port: 443 });
});
