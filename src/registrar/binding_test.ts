import { assertEquals } from "../deps/assert.ts";
import { bindingOf, flowFrom, listenPoint } from "../../tests/support/registrations.ts";
import { bindingKey, needsConnection, restoredBinding, storedBinding } from "./binding.ts";

Deno.test("A binding behind a NAT is reached the way that it came, over connections over nothing else (RFC 5626 §5.3)", () => {
  const udp = flowFrom("203.0.113.7", 40001);
  assertEquals(bindingOf({ natted: true, source: udp }).target, { ...udp, onlyExisting: false });
  const tls = flowFrom("203.0.113.7", 40001, "tls", 7);
  assertEquals(bindingOf({ natted: true, source: tls }).target, { ...tls, onlyExisting: true });
});

Deno.test("A binding without a NAT is reached at its contact, over the connection while it lasts", () => {
  assertEquals(bindingOf().target, undefined);
  const source = flowFrom("192.0.2.1", 40001, "tcp", 7);
  const { listenPoint } = source;
  const at = { transport: "tcp" as const, address: "192.0.2.1", listenPoint, connectionId: 7 };
  assertEquals(bindingOf({ source, contact: "sip:a@192.0.2.1;transport=TCP" }).target, { ...at, port: 5060 });
  assertEquals(bindingOf({ source, contact: "sip:a@192.0.2.1:5070;transport=tcp" }).target, { ...at, port: 5070 });
  assertEquals(bindingOf({ source, contact: "sip:a@192.0.2.1" }).target, undefined); // it wants UDP
  assertEquals(bindingOf({ source, contact: "sip:a@phone.example;transport=tcp" }).target, undefined); // DNS knows
});

Deno.test("A binding with a Path is reached over that (RFC 3327 §5.4)", () => {
  assertEquals(bindingOf({ natted: true, path: ["<sip:edge.example.com;lr>"] }).target, undefined);
});

Deno.test("needsConnection is for bindings behind a NAT that came over one", () => {
  const tcp = flowFrom("203.0.113.7", 40001, "tcp", 7);
  assertEquals(needsConnection({ natted: true, source: tcp }), true);
  assertEquals(needsConnection({ natted: false, source: tcp }), false);
  assertEquals(needsConnection({ natted: true, source: flowFrom("203.0.113.7") }), false);
});

Deno.test("A binding from disk is what it was, but for its connection", () => {
  const udp = bindingOf({ natted: true, path: [], q: 0.5, instanceId: "<urn:uuid:1>", regId: 1, userAgent: "P\xe9" });
  const copy = JSON.parse(JSON.stringify(storedBinding(udp)));
  assertEquals(restoredBinding(copy, [listenPoint("tcp"), udp.source.listenPoint]), udp);
  const wss = bindingOf({ natted: true, source: flowFrom("203.0.113.7", 40001, "wss", 7) });
  const restored = restoredBinding(storedBinding(wss), [wss.source.listenPoint])!;
  assertEquals([restored.target?.connectionId, restored.target?.onlyExisting], [0, true]);
});

Deno.test("A binding from disk moves to a listen point that is there, or is left out", () => {
  const stored = storedBinding(bindingOf());
  const [moved, v6, tcp, dual] = [
    listenPoint("udp", "198.51.100.2"),
    listenPoint("udp", "2001:db8::1"),
    listenPoint("tcp"),
    listenPoint("udp", "::"),
  ];
  assertEquals(restoredBinding(stored, [tcp, v6, moved])?.source.listenPoint, moved);
  assertEquals(restoredBinding(stored, [v6, dual])?.source.listenPoint, dual);
  assertEquals(restoredBinding(stored, [v6, tcp]), undefined);
});

Deno.test("bindingKey tells bindings apart that no separator could", () => {
  const keys = [
    bindingOf({ aor: "a@b", contact: "sip:c" }),
    bindingOf({ aor: "a@b", contact: "sip:c", regId: 1 }),
    bindingOf({ aor: 'a","@b', contact: "sip:c" }),
    bindingOf({ aor: "a", contact: '@b","sip:c' }),
  ].map(bindingKey);
  assertEquals(new Set(keys).size, 4);
});
