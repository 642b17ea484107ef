/**
 * The relay's tables in nftables, one for each address family, as commands for `nft`: one command a line, and a line is
 * one transaction.
 *
 * A packet's way, without connection tracking:
 * 1. `prerouting`, before it is routed: UDP.
 * 2. `take`: STUN and fragments are left to the sockets. (source, port, our address, our port) is looked up: what is not
 *    known goes to the socket, too. What is gets its mark, and is not tracked.
 * 3. `take_N`, N being the group of the mark: destination and port become the other party's. The element counts.
 * 4. The kernel routes and forwards it, if `ip_forward` and the host's firewall let it.
 * 5. `postrouting`, `give_N`: source and port become ours. Before, they would make the packet look like a forgery, with
 *    an address of ours from outside. The element counts: what was taken and not given was lost in between.
 *
 * Every expression costs some 10 ns a packet, beside 3 us for sending and routing it (Linux 6.18, virtual machine): hence
 * a table for each family, which need not ask for it, and no checks that a look-up makes.
 *
 * The tables have an owner, the `nft` process: when that ends, for whatever reason, the kernel removes them, packets
 * arrive at the sockets again, and nothing is left behind. Nor does `nft flush ruleset` of a firewall touch them.
 * @module
 */
import { type Family, familyOf, type Flow, type FlowPair } from "./flow.ts";
import {
  familyOfGroup,
  GROUP_MASK,
  groupOf,
  INSTANCE_MASK,
  instanceMark,
  markText,
  MAX_SLOTS,
  SLOTS_PER_GROUP,
} from "./slots.ts";

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
/** Directly behind the header: fragments of IPv6 have another one between. */
const IS_UDP = { 4: "ip protocol udp", 6: "ip6 nexthdr udp" } as const;
/** The ports, where the protocol is known to be UDP. */
const SOURCE_PORT = "@th,0,16";
const DESTINATION_PORT = "@th,16,16";
/** nft's word for a family, as a table's and as a header's. */
const HEADER = { 4: "ip", 6: "ip6" } as const;

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

  /** How many flows each family has room for: each has a port of ours to itself. */
  get capacity(): number {
    const { firstPort, endPort, addresses } = this.#options;
    return Math.min((endPort - firstPort) * addresses.length, MAX_SLOTS / 2 - SLOTS_PER_GROUP); // one group is for tests
  }

  mark(slot: number): number {
    return this.#instanceMark + slot;
  }

  #markText(slot: number): string {
    return markText(this.mark(slot));
  }

  /** A table's family and name. */
  of(family: Family): string {
    return `${HEADER[family]} ${this.name}`;
  }

  /** Creates the tables; fails if there is one of this name. */
  create(): string {
    const families = ([4, 6] as const).filter((family) => this.#addresses(family).length > 0);
    return families.flatMap((family) => this.#create(family)).join("; ");
  }

  #addresses(family: Family): string[] {
    return this.#options.addresses.filter((address) => familyOf(address) === family);
  }

  #create(family: Family): string[] {
    const { capacity } = this;
    const ip = HEADER[family];
    const address = `ipv${family}_addr`;
    const add = (what: string, text: string) => this.#add(family, what, text);
    const isManaged = `meta mark & ${markText((INSTANCE_MASK | GROUP_MASK) >>> 0)}`;
    const several = this.#addresses(family).length > 1;
    return [
      `create table ${this.of(family)} { flags owner; }`,
      add("map", `flows { type ${address} . inet_service . ${address} . inet_service : mark; size ${capacity}; }`),
      add("map", `to { type mark : ${address}; size ${capacity}; }`),
      ...several ? [add("map", `from { type mark : ${address}; size ${capacity}; }`)] : [],
      add("map", `take_groups { type mark : verdict; size ${MAX_SLOTS / SLOTS_PER_GROUP}; }`),
      add("map", `give_groups { type mark : verdict; size ${MAX_SLOTS / SLOTS_PER_GROUP}; }`),
      add("chain", "take"),
      add("rule", `take ${IS_STUN} return`),
      ...family === 4 ? [add("rule", `take ${IS_FRAGMENT} return`)] : [],
      add(
        "rule",
        `take meta mark set ${ip} saddr . ${SOURCE_PORT} . ${ip} daddr . ${DESTINATION_PORT} map @flows ` +
          `notrack ${isManaged} vmap @take_groups`,
      ),
      add("chain", "prerouting { type filter hook prerouting priority raw; }"),
      add("rule", `prerouting ${IS_UDP[family]} jump take`),
      add("chain", "postrouting { type filter hook postrouting priority mangle; }"),
      add("rule", `postrouting ${isManaged} vmap @give_groups`),
      ...this.#dscpRules(family),
    ];
  }

  /** All that leaves from our ports, whoever sends it. */
  #dscpRules(family: Family): string[] {
    const { dscp, firstPort, endPort } = this.#options;
    if (dscp === undefined) return [];
    const ip = HEADER[family];
    const ours = (address: string) => `${ip} saddr ${address} udp sport ${firstPort}-${endPort - 1}`;
    return [
      this.#add(family, "chain", "dscp { type filter hook postrouting priority -140; }"),
      ...this.#addresses(family).map((address) =>
        this.#add(family, "rule", `dscp ${ours(address)} ${ip} dscp set ${dscp}`)
      ),
    ];
  }

  /** What the slots of a group need; to be run once, before the first of them is used. */
  addGroup(group: number): string {
    const family = familyOfGroup(group);
    const ip = HEADER[family];
    const key = this.#markText(group * SLOTS_PER_GROUP);
    const ports = `{ type mark : inet_service; size ${SLOTS_PER_GROUP}; counter; }`;
    const add = (what: string, text: string) => this.#add(family, what, text);
    const [only, another] = this.#addresses(family);
    return [
      add("map", `to_port_${group} ${ports}`),
      add("map", `from_port_${group} ${ports}`),
      add("chain", `take_${group}`),
      add("rule", `take_${group} ${ip} daddr set meta mark map @to`),
      add("rule", `take_${group} udp dport set meta mark map @to_port_${group}`),
      add("chain", `give_${group}`),
      add("rule", `give_${group} ${ip} saddr set ${another === undefined ? only : "meta mark map @from"}`),
      add("rule", `give_${group} udp sport set meta mark map @from_port_${group}`),
      add("element", `take_groups { ${key} : goto take_${group} }`),
      add("element", `give_groups { ${key} : goto give_${group} }`),
    ].join("; ");
  }

  /** Begins to carry `flows`, with the marks of `slot` and the next one. */
  enter(slot: number, flows: FlowPair): string {
    const group = groupOf(slot);
    const family = familyOfGroup(group);
    const add = (map: string, key: (flow: Flow, index: number) => string, value: typeof key) =>
      this.#add(
        family,
        "element",
        `${map} { ${flows.map((flow, index) => `${key(flow, index)} : ${value(flow, index)}`).join(", ")} }`,
      );
    const mark = (_: Flow, index: number) => this.#markText(slot + index);
    return [
      add("to", mark, ({ to }) => to.address),
      ...this.#addresses(family).length > 1 ? [add("from", mark, ({ from }) => from.address)] : [],
      add(`to_port_${group}`, mark, ({ to }) => `${to.port}`),
      add(`from_port_${group}`, mark, ({ from }) => `${from.port}`),
      add("flows", keyText, mark),
    ].join("; ");
  }

  /** Takes no more packets of `flows`; their counters stay. */
  leave(flows: FlowPair): string {
    return this.#delete(familyOf(flows[0].local.address), "flows", flows.map(keyText));
  }

  /** Removes what `leave` has left of pairs in one group. */
  forget(group: number, slots: readonly number[]): string {
    const family = familyOfGroup(group);
    const marks = slots.flatMap((slot) => [this.#markText(slot), this.#markText(slot + 1)]);
    const maps = [
      "to",
      ...this.#addresses(family).length > 1 ? ["from"] : [],
      `to_port_${group}`,
      `from_port_${group}`,
    ];
    return maps.map((map) => this.#delete(family, map, marks)).join("; ");
  }

  /** Lists what a group has taken, with counters. */
  listTaken(group: number): string {
    return `list map ${this.of(familyOfGroup(group))} to_port_${group}`;
  }

  /** Lists what a group has given on, with counters. */
  listGiven(group: number): string {
    return `list map ${this.of(familyOfGroup(group))} from_port_${group}`;
  }

  #add(family: Family, what: string, text: string): string {
    return `add ${what} ${this.of(family)} ${text}`;
  }

  #delete(family: Family, map: string, keys: readonly string[]): string {
    return `delete element ${this.of(family)} ${map} { ${keys.join(", ")} }`;
  }
}

function keyText({ source, local }: Flow): string {
  return `${source.address} . ${source.port} . ${local.address} . ${local.port}`;
}
