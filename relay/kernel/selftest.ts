/**
 * The self-test: real packets, from a socket of ours, through the rules that calls will use, until just before they
 * would leave the host. It proves the rules, the kernel's forwarding and the host's firewall.
 *
 * A packet from this host is not forwarded by nature: its route was decided when it was sent, and it would be delivered
 * here. So it takes a detour, with chains that exist only during the test:
 * 1. Our socket sends to the loopback address. NAT makes that the relay's address, in `output`; the packet is local all
 *    the same.
 * 2. `test_enter` (in prerouting, behind the rules for calls) makes it a packet of a party: from an address that is not
 *    ours, and to another address than it had.
 * 3. NAT puts the address back, as it does for all packets of a connection. Now the destination has changed in
 *    prerouting, and the kernel forgets the route.
 * 4. `test_take` jumps to `take`, as for every call's packet, which makes it one for the other party.
 * 5. The kernel finds a route for it and forwards it, and `test_forward` counts it. The host's own forwarding rules
 *    come then.
 * 6. `postrouting` gives it our address. `test_leave`, last of all, counts what is exactly as it should be, and drops it.
 * @module
 */
import type { Counts, Endpoint, FlowPair } from "./flow.ts";
import { type Family, familyOf, NO_COUNTS } from "./flow.ts";
import { IS_CARRIED, markText, SLOTS_PER_GROUP } from "./slots.ts";
import type { KernelTable } from "./table.ts";

/** Who takes part: sockets of ours, and addresses that only stand in packets which do not leave the host. */
export interface SelfTest {
  /** Where the packets come from, really. */
  readonly sender: Endpoint;
  /** Where the party sends to, and where the other party's packets come from; both of the relay's ports. */
  readonly local: Endpoint;
  readonly from: Endpoint;
  readonly party: Endpoint;
  readonly otherParty: Endpoint;
}

/** What was counted where. */
export interface SelfTestCounts {
  readonly entered: number;
  readonly forwarded: number;
  readonly left: number;
  readonly taken: Counts;
  readonly given: Counts;
}

export const SELF_TEST_PACKETS = 10;
export const SELF_TEST_BYTES = 172;
/** The last groups: no call has them. */
export const SELF_TEST_GROUPS: Readonly<Record<Family, number>> = { 4: 4094, 6: 4095 };

const COUNTERS = ["test_entered", "test_forwarded", "test_left"] as const;
const CHAINS = ["test_turn", "test_enter", "test_take", "test_forward", "test_leave"] as const;

/** The first of the two slots that the test takes. */
export function selfTestSlot({ local }: SelfTest): number {
  return SELF_TEST_GROUPS[familyOf(local.address)] * SLOTS_PER_GROUP;
}

/** The address that the test's packets are sent to. */
export function selfTestTarget({ local }: SelfTest): Endpoint {
  return { address: familyOf(local.address) === 6 ? "::1" : "127.0.0.1", port: local.port };
}

/** The two directions; only the first is tested. */
export function selfTestFlows({ party, local, from, otherParty }: SelfTest): FlowPair {
  return [
    { source: party, local, from, to: otherParty },
    { source: otherParty, local: from, from: local, to: party },
  ];
}

/** Adds the chains of the test. */
export function selfTestRules(table: KernelTable, test: SelfTest): string {
  const { sender, local, from, party, otherParty } = test;
  const target = selfTestTarget(test);
  const family = familyOf(local.address);
  const ip = family === 6 ? "ip6" : "ip";
  const mark = markText(table.mark(selfTestSlot(test)));
  const add = (what: string, text: string) => `add ${what} ${table.of(family)} ${text}`;
  const sent = `${ip} saddr ${sender.address} udp sport ${sender.port}`;
  const given =
    `${ip} saddr ${from.address} udp sport ${from.port} ${ip} daddr ${otherParty.address} udp dport ${otherParty.port}`;
  return [
    ...COUNTERS.map((name) => add("counter", name)),
    add("chain", "test_turn { type nat hook output priority -100; }"),
    add(
      "rule",
      `test_turn ${sent} ${ip} daddr ${target.address} udp dport ${target.port} dnat to ${local.address}`,
    ),
    add("chain", "test_enter { type filter hook prerouting priority -290; }"),
    add(
      "rule",
      `test_enter iif "lo" ${sent} ${ip} daddr ${local.address} udp dport ${local.port} counter name test_entered ` +
        `${ip} saddr set ${party.address} udp sport set ${party.port} ${ip} daddr set ${otherParty.address}`,
    ),
    add("chain", "test_take { type filter hook prerouting priority -90; }"),
    add("rule", `test_take iif "lo" ${ip} saddr ${party.address} udp sport ${party.port} jump take`),
    add("chain", "test_forward { type filter hook forward priority -310; }"),
    add("rule", `test_forward iif "lo" meta mark ${mark} counter name test_forwarded`),
    // Whatever the rules made of it, it does not leave the host.
    add("chain", "test_leave { type filter hook postrouting priority 300; }"),
    add("rule", `test_leave iif "lo" ${given} counter name test_left drop`),
    add("rule", `test_leave iif "lo" meta mark ${mark} drop`),
  ].join("; ");
}

/** Lists the counters of the test. */
export function listSelfTest(table: KernelTable, { local }: SelfTest): string {
  return `list counters table ${table.of(familyOf(local.address))}`;
}

/** Removes the chains and the flows of the test. */
export function removeSelfTest(table: KernelTable, test: SelfTest): string {
  const family = familyOf(test.local.address);
  const remove = (what: string, name: string) => `delete ${what} ${table.of(family)} ${name}`;
  return [
    ...CHAINS.map((name) => remove("chain", name)),
    ...COUNTERS.map((name) => remove("counter", name)),
    table.leave(selfTestFlows(test)),
    table.forget(SELF_TEST_GROUPS[family], [selfTestSlot(test)]),
  ].join("; ");
}

/** Puts together what nft has counted. */
export function selfTestCounts(
  table: KernelTable,
  test: SelfTest,
  named: ReadonlyMap<string, Counts>,
  taken: ReadonlyMap<number, Counts>,
  given: ReadonlyMap<number, Counts>,
): SelfTestCounts {
  const mark = table.mark(selfTestSlot(test));
  const packets = (name: (typeof COUNTERS)[number]) => named.get(name)?.packets ?? 0;
  return {
    entered: packets("test_entered"),
    forwarded: packets("test_forwarded"),
    left: packets("test_left"),
    taken: taken.get(mark) ?? NO_COUNTS,
    given: given.get(mark) ?? NO_COUNTS,
  };
}

/** What the counts prove: `undefined` if all is well, else what is wrong and what to do. */
export function selfTestFailure(
  { local }: SelfTest,
  { entered, forwarded, left, taken, given }: SelfTestCounts,
): string | undefined {
  const all = SELF_TEST_PACKETS;
  const ipv6 = familyOf(local.address) === 6;
  const counted = `sent ${all}, taken ${taken.packets}, forwarded ${forwarded}, given on ${given.packets}`;
  if (entered < all || taken.packets < all) return `the rules do not take packets (${counted})`;
  if (forwarded < all) {
    return ipv6
      ? `the kernel does not forward packets (${counted}): set net.ipv6.conf.all.forwarding=1`
      : `the kernel does not forward packets (${counted}): set net.ipv4.ip_forward=1, and net.ipv4.conf.all.rp_filter ` +
        `and net.ipv4.conf.lo.rp_filter to 0 or 2`;
  }
  if (given.packets < all) {
    return `a firewall drops forwarded packets (${counted}): have it accept those with \`${IS_CARRIED}\``;
  }
  const bytes = all * (SELF_TEST_BYTES + (ipv6 ? 48 : 28));
  if (left !== all || taken.packets !== all || taken.bytes !== bytes || given.bytes !== bytes) {
    return `packets are changed on their way, or the counters are wrong (${counted}, as they should be ${left}, ` +
      `bytes ${taken.bytes} and ${given.bytes} of ${bytes})`;
  }
  return undefined;
}

/**
 * Two addresses that are not ours, and can be routed: neighbours of the relay's address, or, where its IPv4 network has
 * none, of the range for benchmarks (RFC 2544). `netmask` is that of the relay's address.
 */
export function partyAddresses(address: string, netmask: string | undefined): [string, string] {
  if (familyOf(address) === 6) return [address.replace(/[^:]*$/, "fffd"), address.replace(/[^:]*$/, "fffe")];
  const mask = ipv4Number(netmask ?? "255.255.255.255");
  if ((~mask >>> 0) < 7) return ["198.18.0.1", "198.18.0.2"];
  const own = ipv4Number(address);
  const network = (own & mask) >>> 0;
  const [first, second] = [1, 2, 3].map((host) => network + host).filter((host) => host !== own);
  return [ipv4Text(first!), ipv4Text(second!)];
}

function ipv4Number(address: string): number {
  return address.split(".").reduce((number, byte) => (number * 256 + Number(byte)) >>> 0, 0);
}

function ipv4Text(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
}
