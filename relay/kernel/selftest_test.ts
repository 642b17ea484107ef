import { assert, assertEquals, assertStringIncludes } from "../../src/deps/assert.ts";
import { partyAddresses, type SelfTest, type SelfTestCounts, selfTestFailure, selfTestRules } from "./selftest.ts";
import { KernelTable } from "./table.ts";

const OPTIONS = { firstPort: 40_000, endPort: 40_100, addresses: ["192.0.2.9"], dscp: undefined };
const TABLE = new KernelTable(0, OPTIONS);
const TEST: SelfTest = {
  sender: { address: "192.0.2.9", port: 40_099 },
  local: { address: "192.0.2.9", port: 40_098 },
  from: { address: "192.0.2.9", port: 40_097 },
  party: { address: "192.0.2.1", port: 4000 },
  otherParty: { address: "192.0.2.2", port: 4002 },
};
const GOOD: SelfTestCounts = {
  entered: 10,
  forwarded: 10,
  left: 10,
  taken: { packets: 10, bytes: 2000 },
  given: { packets: 10, bytes: 2000 },
};

function failure(counts: Partial<SelfTestCounts>, test = TEST): string {
  return selfTestFailure(test, { ...GOOD, ...counts }) ?? "none";
}

Deno.test("selfTestFailure() is content with nothing but every packet and byte", () => {
  assertEquals(failure({}), "none");
  assertStringIncludes(failure({ taken: { packets: 10, bytes: 1999 } }), "the counters are wrong");
  assertStringIncludes(failure({ given: { packets: 10, bytes: 2001 } }), "the counters are wrong");
  assertStringIncludes(failure({ left: 9 }), "changed on their way");
});

Deno.test("selfTestFailure() says which part of the way is closed, and what to do", () => {
  const none = { packets: 0, bytes: 0 };
  assertStringIncludes(failure({ entered: 0, taken: none, forwarded: 0, given: none, left: 0 }), "do not take packets");
  assertStringIncludes(failure({ forwarded: 0, given: none, left: 0 }), "set net.ipv4.ip_forward=1");
  assertStringIncludes(failure({ given: none, left: 0 }), "a firewall drops");
  assertStringIncludes(failure({ given: none, left: 0 }), "meta mark & 0xff000000 == 0x4d000000");
  const ipv6 = { ...TEST, local: { address: "2001:db8::9", port: 1 } };
  assertStringIncludes(failure({ forwarded: 0, given: none, left: 0 }, ipv6), "net.ipv6.conf.all.forwarding=1");
});

Deno.test("selfTestRules() lets no packet of the test out, whatever became of it", () => {
  const rules = selfTestRules(TABLE, TEST).split("; ");
  assertStringIncludes(rules.at(-1)!, "meta mark 0x4d03ff80 drop");
  assert(rules.some((rule) => rule.endsWith("ip daddr 192.0.2.2 udp dport 4002 counter name test_left drop")));
});

Deno.test("partyAddresses() takes neighbours that are not the relay itself", () => {
  assertEquals(partyAddresses("192.0.2.9", "255.255.255.0"), ["192.0.2.1", "192.0.2.2"]);
  assertEquals(partyAddresses("192.0.2.1", "255.255.255.0"), ["192.0.2.2", "192.0.2.3"]);
  assertEquals(partyAddresses("10.1.2.3", "255.255.255.255"), ["198.18.0.1", "198.18.0.2"]);
  assertEquals(partyAddresses("10.1.2.3", undefined), ["198.18.0.1", "198.18.0.2"]);
  assertEquals(partyAddresses("2001:db8:1::9", undefined), ["2001:db8:1::fffd", "2001:db8:1::fffe"]);
});
