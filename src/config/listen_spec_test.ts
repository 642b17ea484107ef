import { assertEquals, assertThrows } from "../deps/assert.ts";
import { parseListenSpecs } from "./listen_spec.ts";

function refusal(text: string): string {
  return assertThrows(() => parseListenSpecs(text), SyntaxError, "", `accepted ${JSON.stringify(text)}`).message;
}

Deno.test("parseListenSpecs() fills in the transport's port (RFC 3261 §19.1.2, RFC 7118 §5)", () => {
  const ports = parseListenSpecs("udp:any,tcp:any, TLS:Any ,ws:any, wss:any").map(({ transport, hostname, port }) => [
    transport,
    hostname,
    port,
  ]);
  assertEquals(ports, [
    ["udp", "any", 5060],
    ["tcp", "any", 5060],
    ["tls", "any", 5061],
    ["ws", "any", 80],
    ["wss", "any", 443],
  ]);
});

Deno.test("parseListenSpecs() tells any from the addresses that mean every interface of one family", () => {
  const hostnames = parseListenSpecs("udp:any:1, udp:0.0.0.0:2, udp:[::]:3, udp:[2001:DB8::1], udp:192.0.2.1")
    .map(({ hostname }) => hostname);
  assertEquals(hostnames, ["any", "0.0.0.0", "::", "2001:db8::1", "192.0.2.1"]);
});

Deno.test("parseListenSpecs() reads what a socket is known as", () => {
  const advertised = parseListenSpecs(
    "udp:10.0.0.5 as 203.0.113.5:5070, tcp:any AS Sip.Example.ORG, tls:any  as  [2001:db8::5]:1, ws:any",
  ).map((spec) => spec.advertised);
  assertEquals(advertised, [
    { host: "203.0.113.5", port: 5070 },
    { host: "sip.example.org", port: undefined },
    { host: "2001:db8::5", port: 1 },
    undefined,
  ]);
});

Deno.test("parseListenSpecs() refuses two that need the same port", () => {
  assertEquals(refusal("udp:any, udp:any:5060"), "UDP port 5060 of any stands in the list twice");
  assertEquals(refusal("tcp:[::1]:443, wss:[::1]"), "TCP port 443 of ::1 stands in the list twice");
  assertEquals(parseListenSpecs("udp:any, tcp:any, udp:192.0.2.1:5062, udp:192.0.2.2:5062").length, 4);
});

Deno.test("parseListenSpecs() says what is wrong and what is accepted", () => {
  assertEquals(refusal("None"), "a proxy must listen somewhere; transport:address[:port] is accepted");
  assertEquals(refusal("upd:any"), '"upd" is none of the transports udp, tcp, tls, ws, wss');
  assertEquals(
    refusal("udp:localhost"),
    '"localhost" is not ip[:port] with an IP address, or any for every interface',
  );
  assertEquals(refusal("udp"), '"udp" is not transport:address[:port], perhaps with as HOST[:PORT]');
  for (const text of ["udp:", ":any", "udp any", "udp:any,", "udp:any:0", "udp:any:65536", "udp:::1", "udp:5060"]) {
    refusal(text);
  }
  for (const text of ["udp:any as", "udp:any as a b", "udp:any as a:0", "udp:any as 1.2.3", "udp:any is a"]) {
    refusal(text);
  }
});
