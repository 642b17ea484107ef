import { assert, assertEquals, assertStringIncludes } from "../../src/deps/assert.ts";
import type { FlowPair } from "./flow.ts";
import { KernelTable } from "./table.ts";

const OPTIONS = { firstPort: 40_000, endPort: 40_100, addresses: ["198.51.100.9"], dscp: undefined };
const TABLE = new KernelTable(3, OPTIONS);
const PAIR: FlowPair = [
  {
    source: { address: "192.0.2.1", port: 4000 },
    local: { address: "198.51.100.9", port: 40_000 },
    from: { address: "198.51.100.9", port: 40_002 },
    to: { address: "203.0.113.2", port: 5000 },
  },
  {
    source: { address: "203.0.113.2", port: 5000 },
    local: { address: "198.51.100.9", port: 40_002 },
    from: { address: "198.51.100.9", port: 40_000 },
    to: { address: "192.0.2.1", port: 4000 },
  },
];

Deno.test("create() makes a table that goes with its nft, and fails if another relay has it", () => {
  const [first, ...others] = TABLE.create().split("; add ");
  assertEquals(first, "create table inet mediaproxy_3 { flags owner; }");
  assert(others.every((command) => / inet mediaproxy_3 /.test(command)), "a command for another table");
});

Deno.test("create() takes UDP to the relay's ports that comes from outside, before it is routed and tracked", () => {
  const rules = TABLE.create();
  assertStringIncludes(rules, "prerouting { type filter hook prerouting priority raw; }");
  assertStringIncludes(rules, 'prerouting iif != "lo" meta l4proto udp udp dport 40000-40099 jump take');
  assertStringIncludes(rules, "take meta mark & 0xfffc0000 != 0x4d0c0000 return");
  assertStringIncludes(rules, "take notrack");
});

Deno.test("create() marks what leaves from the relay's ports with the DSCP, if there is to be one", () => {
  const addresses = ["198.51.100.9", "2001:db8::9"];
  const rules = new KernelTable(3, { ...OPTIONS, addresses, dscp: 46 }).create();
  assertStringIncludes(rules, "dscp ip saddr 198.51.100.9 udp sport 40000-40099 ip dscp set 46");
  assertStringIncludes(rules, "dscp ip6 saddr 2001:db8::9 udp sport 40000-40099 ip6 dscp set 46");
  assert(!TABLE.create().includes("dscp"));
});

Deno.test("enter() takes both directions in with one transaction", () => {
  assertEquals(TABLE.enter(0x102, PAIR).split("; "), [
    "add element inet mediaproxy_3 to4 { 0x4d0c0102 : 203.0.113.2, 0x4d0c0103 : 192.0.2.1 }",
    "add element inet mediaproxy_3 from4 { 0x4d0c0102 : 198.51.100.9, 0x4d0c0103 : 198.51.100.9 }",
    "add element inet mediaproxy_3 to_port_1 { 0x4d0c0102 : 5000, 0x4d0c0103 : 4000 }",
    "add element inet mediaproxy_3 from_port_1 { 0x4d0c0102 : 40002, 0x4d0c0103 : 40000 }",
    "add element inet mediaproxy_3 flows4 { 192.0.2.1 . 4000 . 198.51.100.9 . 40000 : 0x4d0c0102, " +
    "203.0.113.2 . 5000 . 198.51.100.9 . 40002 : 0x4d0c0103 }",
  ]);
});

Deno.test("leave() takes no more packets and leaves the counters; forget() removes those", () => {
  assertEquals(
    TABLE.leave(PAIR),
    "delete element inet mediaproxy_3 flows4 { 192.0.2.1 . 4000 . 198.51.100.9 . 40000, " +
      "203.0.113.2 . 5000 . 198.51.100.9 . 40002 }",
  );
  const marks = "0x4d0c0102, 0x4d0c0103, 0x4d0c01fe, 0x4d0c01ff";
  assertEquals(
    TABLE.forget(4, 1, [0x102, 0x1fe]),
    ["to4", "from4", "to_port_1", "from_port_1"]
      .map((map) => `delete element inet mediaproxy_3 ${map} { ${marks} }`).join("; "),
  );
});

Deno.test("KernelTable keeps IPv6 flows apart", () => {
  const endpoint = (last: number, port: number) => ({ address: `2001:db8::${last}`, port });
  const pair: FlowPair = [
    { source: endpoint(1, 1), local: endpoint(9, 40_000), from: endpoint(9, 40_002), to: endpoint(2, 2) },
    { source: endpoint(2, 2), local: endpoint(9, 40_002), from: endpoint(9, 40_000), to: endpoint(1, 1) },
  ];
  assertStringIncludes(TABLE.enter(0, pair), "flows6 { 2001:db8::1 . 1 . 2001:db8::9 . 40000 : 0x4d0c0000");
  assertStringIncludes(TABLE.leave(pair), "flows6 {");
  assertStringIncludes(TABLE.forget(6, 0, [0]), "to6 { 0x4d0c0000, 0x4d0c0001 }");
});
