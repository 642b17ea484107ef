import { assertEquals } from "../../src/deps/assert.ts";
import { flowPair } from "./flow.ts";

const CALLER = { remote: { address: "192.0.2.1", port: 4000 }, local: { address: "198.51.100.9", port: 40_000 } };
const CALLEE = { remote: { address: "203.0.113.2", port: 5000 }, local: { address: "198.51.100.9", port: 40_002 } };

Deno.test("flowPair() crosses the parties: what one sends to its port leaves from the other's port for the other", () => {
  assertEquals(flowPair(CALLER, CALLEE), [
    { source: CALLER.remote, local: CALLER.local, from: CALLEE.local, to: CALLEE.remote },
    { source: CALLEE.remote, local: CALLEE.local, from: CALLER.local, to: CALLER.remote },
  ]);
});

Deno.test("flowPair() leaves parties of different address families to userspace", () => {
  const ipv6 = { remote: { address: "2001:db8::1", port: 1 }, local: { address: "2001:db8::9", port: 40_002 } };
  assertEquals(flowPair(CALLER, ipv6), undefined);
  assertEquals(flowPair(ipv6, CALLEE), undefined);
  assertEquals(flowPair(ipv6, { ...ipv6, remote: { address: "2001:db8::2", port: 2 } })?.length, 2);
});

Deno.test("flowPair() lets nothing but addresses into commands", () => {
  for (const address of ["fe80::1%eth0", "2001:db8::1 }; flush ruleset", ""]) {
    const ipv6 = { remote: { address, port: 1 }, local: { address: "2001:db8::9", port: 40_002 } };
    assertEquals(flowPair(ipv6, ipv6), undefined);
  }
});
