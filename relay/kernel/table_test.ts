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

const DUAL = new KernelTable(3, { ...OPTIONS, addresses: ["198.51.100.9", "2001:db8::9", "198.51.100.10"] });

Deno.test("create() makes a table for each family that goes with its nft, and fails if another relay has it", () => {
  const [first, ...others] = TABLE.create().split("; add ");
  assertEquals(first, "create table ip mediaproxy_3 { flags owner; }");
  assert(others.every((command) => / ip mediaproxy_3 /.test(command)), "a command for another table");
  assertStringIncludes(DUAL.create(), "create table ip mediaproxy_3 { flags owner; }");
  assertStringIncludes(DUAL.create(), "create table ip6 mediaproxy_3 { flags owner; }");
});

Deno.test("create() takes UDP before it is routed and tracked, but for STUN and fragments", () => {
  const rules = DUAL.create().split("; ").filter((command) => command.startsWith("add rule")).map((command) =>
    command.replace("add rule ", "").replace("mediaproxy_3 ", "")
  );
  const look = (ip: string) =>
    `${ip} take meta mark set ${ip} saddr . @th,0,16 . ${ip} daddr . @th,16,16 map @flows notrack ` +
    `meta mark & 0xffffffc0 vmap @take_groups`;
  assertEquals(rules, [
    "ip take @th,96,32 0x2112a442 return",
    "ip take ip frag-off & 0x3fff != 0 return",
    look("ip"),
    "ip prerouting ip protocol udp jump take",
    "ip postrouting meta mark & 0xffffffc0 vmap @give_groups",
    "ip6 take @th,96,32 0x2112a442 return",
    look("ip6"),
    "ip6 prerouting ip6 nexthdr udp jump take",
    "ip6 postrouting meta mark & 0xffffffc0 vmap @give_groups",
  ]);
});

Deno.test("create() marks what leaves from the relay's ports with the DSCP, if there is to be one", () => {
  const addresses = ["198.51.100.9", "2001:db8::9"];
  const rules = new KernelTable(3, { ...OPTIONS, addresses, dscp: 46 }).create();
  assertStringIncludes(rules, "dscp ip saddr 198.51.100.9 udp sport 40000-40099 ip dscp set 46");
  assertStringIncludes(rules, "dscp ip6 saddr 2001:db8::9 udp sport 40000-40099 ip6 dscp set 46");
  assert(!TABLE.create().includes("dscp"));
});

Deno.test("addGroup() names the relay's address, or looks it up if there are several", () => {
  assertStringIncludes(TABLE.addGroup(2), "give_2 ip saddr set 198.51.100.9;");
  assertStringIncludes(DUAL.addGroup(2), "give_2 ip saddr set meta mark map @from;");
  assertStringIncludes(DUAL.addGroup(1), "give_1 ip6 saddr set 2001:db8::9;");
  assertStringIncludes(DUAL.addGroup(1), "take_groups { 0x4d0c0040 : goto take_1 }");
});

Deno.test("enter() takes both directions in with one transaction", () => {
  const elements = [
    "add element ip mediaproxy_3 to { 0x4d0c0202 : 203.0.113.2, 0x4d0c0203 : 192.0.2.1 }",
    "add element ip mediaproxy_3 to_port_8 { 0x4d0c0202 : 5000, 0x4d0c0203 : 4000 }",
    "add element ip mediaproxy_3 from_port_8 { 0x4d0c0202 : 40002, 0x4d0c0203 : 40000 }",
    "add element ip mediaproxy_3 flows { 192.0.2.1 . 4000 . 198.51.100.9 . 40000 : 0x4d0c0202, " +
    "203.0.113.2 . 5000 . 198.51.100.9 . 40002 : 0x4d0c0203 }",
  ];
  assertEquals(TABLE.enter(0x202, PAIR).split("; "), elements);
  const from = "add element ip mediaproxy_3 from { 0x4d0c0202 : 198.51.100.9, 0x4d0c0203 : 198.51.100.9 }";
  assertEquals(DUAL.enter(0x202, PAIR).split("; "), [elements[0], from, ...elements.slice(1)]);
});

Deno.test("leave() takes no more packets and leaves the counters; forget() removes those", () => {
  assertEquals(
    TABLE.leave(PAIR),
    "delete element ip mediaproxy_3 flows { 192.0.2.1 . 4000 . 198.51.100.9 . 40000, " +
      "203.0.113.2 . 5000 . 198.51.100.9 . 40002 }",
  );
  const marks = "0x4d0c0202, 0x4d0c0203, 0x4d0c02fe, 0x4d0c02ff";
  const forgotten = (maps: string[]) =>
    maps.map((map) => `delete element ip mediaproxy_3 ${map} { ${marks} }`).join("; ");
  assertEquals(TABLE.forget(8, [0x202, 0x2fe]), forgotten(["to", "to_port_8", "from_port_8"]));
  assertEquals(DUAL.forget(8, [0x202, 0x2fe]), forgotten(["to", "from", "to_port_8", "from_port_8"]));
});
