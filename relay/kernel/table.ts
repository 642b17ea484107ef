/**
 * The relay's table in nftables, as commands for `nft`: one command a line, and a line is one transaction.
 *
 * A packet's way, without connection tracking:
 * 1. `prerouting` (before it is routed): UDP to a port of ours, which did not come from this host.
 * 2. `take`: STUN and fragments are left to the sockets. (source, port, our address, our port) is looked up: what is not
 *    known goes to the socket, too. What is gets its mark, and is not tracked.
 * 3. `take_N`, N being the group of the mark: destination and port become the other party's. The element counts.
 * 4. The kernel routes and forwards it, if `ip_forward` and the host's firewall let it.
 * 5. `postrouting`, `give_N`: source and port become ours. Before, they would make the packet look like a forgery, with
 *    an address of ours from outside. The element counts: what was taken and not given was lost in between.
 *
 * The table has an owner, the `nft` process: when that ends, for whatever reason, the kernel removes the table, packets
 * arrive at the sockets again, and nothing is left behind. Nor does `nft flush ruleset` of a firewall touch it.
 * @module
 */
import { type Flow, type FlowPair, isIpv6 } from "./flow.ts";
import { GROUP_MASK, groupOf, INSTANCE_MASK, instanceMark, markText, MAX_SLOTS, SLOTS_PER_GROUP } from "./slots.ts";

export interface TableOptions {
  /** The relay's ports: from the first to before the end. */
  readonly firstPort: number;
  readonly endPort: number;
  /** The addresses of the relay's sockets. */
  readonly addresses: readonly string[];
  /** The DSCP, 0 to 63, of all that the relay sends; `undefined` leaves it alone. */
  readonly dscp: number | undefined;
}

/** An STUN message's magic cookie, where RTP has its timestamp (RFC 8489 §5); the UDP header has 64 bits before it. */
const IS_STUN = "@th,96,32 0x2112a442";
/** More fragments, or not the first one. */
const IS_FRAGMENT = "ip frag-off & 0x3fff != 0";
const FAMILIES = [4, 6] as const;

export class KernelTable {
  readonly name: string;
  readonly #options: TableOptions;
  readonly #instanceMark: number;

  /** `instance` is 0 to 63, and no other relay's on this host. */
  constructor(instance: number, options: TableOptions) {
    this.name = `mediaproxy_${instance}`;
    this.#options = options;
    this.#instanceMark = instanceMark(instance);
  }

  /** How many flows it has room for: each has a port of ours to itself. */
  get capacity(): number {
    const { firstPort, endPort, addresses } = this.#options;
    return Math.min((endPort - firstPort) * addresses.length, MAX_SLOTS - SLOTS_PER_GROUP); // one group is for tests
  }

  /** The condition that a packet is one of those that the table has taken; firewalls may use it. */
  get isTaken(): string {
    return `meta mark & ${markText(INSTANCE_MASK)} == ${markText(this.#instanceMark)}`;
  }

  get portRange(): string {
    return `${this.#options.firstPort}-${this.#options.endPort - 1}`;
  }

  mark(slot: number): string {
    return markText(this.#instanceMark + slot);
  }

  /** Creates the table; fails if there is one of this name. */
  create(): string {
    const { capacity, isTaken } = this;
    const ignored = isTaken.replace("==", "!=");
    return this.#line([
      `create table inet ${this.name} { flags owner; }`,
      ...FAMILIES.flatMap((family) => [
        this.#add(
          "map",
          `flows${family} { type ipv${family}_addr . inet_service . ipv${family}_addr . inet_service : mark; size ${capacity}; }`,
        ),
        this.#add("map", `to${family} { type mark : ipv${family}_addr; size ${capacity}; }`),
        this.#add("map", `from${family} { type mark : ipv${family}_addr; size ${capacity}; }`),
      ]),
      this.#add("map", `take_groups { type mark : verdict; size 1024; }`),
      this.#add("map", `give_groups { type mark : verdict; size 1024; }`),
      this.#add("chain", "take"),
      this.#add("rule", `take ${IS_STUN} return`),
      this.#add("rule", `take ${IS_FRAGMENT} return`),
      this.#add("rule", "take meta mark set ip saddr . udp sport . ip daddr . udp dport map @flows4"),
      // Fragments have another next header.
      this.#add("rule", "take ip6 nexthdr udp meta mark set ip6 saddr . udp sport . ip6 daddr . udp dport map @flows6"),
      this.#add("rule", `take ${ignored} return`),
      this.#add("rule", `take notrack meta mark & ${markText(GROUP_MASK)} vmap @take_groups`),
      this.#add("chain", "prerouting { type filter hook prerouting priority raw; }"),
      this.#add("rule", `prerouting iif != "lo" ${this.#toRelay()} jump take`),
      this.#add("chain", "postrouting { type filter hook postrouting priority mangle; }"),
      this.#add("rule", `postrouting ${ignored} return`),
      this.#add("rule", `postrouting meta mark & ${markText(GROUP_MASK)} vmap @give_groups`),
      ...this.#dscpRules(),
    ]);
  }

  #toRelay(): string {
    return `meta l4proto udp udp dport ${this.portRange}`;
  }

  /** All that leaves from our ports, whoever sends it. */
  #dscpRules(): string[] {
    const { dscp, addresses } = this.#options;
    if (dscp === undefined) return [];
    return [
      this.#add("chain", "dscp { type filter hook postrouting priority -140; }"),
      ...addresses.map((address) => {
        const ip = isIpv6(address) ? "ip6" : "ip";
        return this.#add("rule", `dscp ${ip} saddr ${address} udp sport ${this.portRange} ${ip} dscp set ${dscp}`);
      }),
    ];
  }

  /** What the slots of a group need; to be run once, before the first of them is used. */
  addGroup(group: number): string {
    const key = markText(group * SLOTS_PER_GROUP);
    const ports = `{ type mark : inet_service; size ${SLOTS_PER_GROUP}; counter; }`;
    return this.#line([
      this.#add("map", `to_port_${group} ${ports}`),
      this.#add("map", `from_port_${group} ${ports}`),
      this.#add("chain", `take_${group}`),
      this.#add("rule", `take_${group} ip daddr set meta mark map @to4`),
      this.#add("rule", `take_${group} ip6 daddr set meta mark map @to6`),
      this.#add("rule", `take_${group} udp dport set meta mark map @to_port_${group}`),
      this.#add("chain", `give_${group}`),
      this.#add("rule", `give_${group} ip saddr set meta mark map @from4`),
      this.#add("rule", `give_${group} ip6 saddr set meta mark map @from6`),
      this.#add("rule", `give_${group} udp sport set meta mark map @from_port_${group}`),
      this.#add("element", `take_groups { ${key} : goto take_${group} }`),
      this.#add("element", `give_groups { ${key} : goto give_${group} }`),
    ]);
  }

  /** Begins to carry `flows`, with the marks of `slot` and the next one. */
  enter(slot: number, flows: FlowPair): string {
    const family = familyOf(flows[0]);
    const elements = (map: string, value: (flow: Flow) => string | number) =>
      this.#add(
        "element",
        `${map} { ${flows.map((flow, i) => `${this.mark(slot + i)} : ${value(flow)}`).join(", ")} }`,
      );
    return this.#line([
      elements(`to${family}`, ({ to }) => to.address),
      elements(`from${family}`, ({ from }) => from.address),
      elements(`to_port_${groupOf(slot)}`, ({ to }) => to.port),
      elements(`from_port_${groupOf(slot)}`, ({ from }) => from.port),
      this.#add(
        "element",
        `flows${family} { ${flows.map((flow, i) => `${keyText(flow)} : ${this.mark(slot + i)}`).join(", ")} }`,
      ),
    ]);
  }

  /** Takes no more packets of `flows`; their counters stay. */
  leave(flows: FlowPair): string {
    return this.#delete(`flows${familyOf(flows[0])}`, flows.map(keyText));
  }

  /** Removes what `leave` has left of pairs of one family in one group. */
  forget(family: 4 | 6, group: number, slots: readonly number[]): string {
    const marks = slots.flatMap((slot) => [this.mark(slot), this.mark(slot + 1)]);
    return this.#line(
      [`to${family}`, `from${family}`, `to_port_${group}`, `from_port_${group}`].map((map) => this.#delete(map, marks)),
    );
  }

  /** Lists what a group has taken, with counters. */
  listTaken(group: number): string {
    return `list map inet ${this.name} to_port_${group}`;
  }

  /** Lists what a group has given on, with counters. */
  listGiven(group: number): string {
    return `list map inet ${this.name} from_port_${group}`;
  }

  #add(what: string, text: string): string {
    return `add ${what} inet ${this.name} ${text}`;
  }

  #delete(map: string, keys: readonly string[]): string {
    return `delete element inet ${this.name} ${map} { ${keys.join(", ")} }`;
  }

  #line(commands: readonly string[]): string {
    return commands.join("; ");
  }
}

/** Which of the table's maps a flow belongs to. */
export function familyOf({ local }: Flow): 4 | 6 {
  return isIpv6(local.address) ? 6 : 4;
}

function keyText({ source, local }: Flow): string {
  return `${source.address} . ${source.port} . ${local.address} . ${local.port}`;
}
