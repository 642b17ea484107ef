/**
 * The NATs that phones live behind, as nftables rules (RFC 4787 §4 and §5; the kinds by their names of RFC 3489 §5).
 *
 * | kind            | mapping                                      | who gets in                                 |
 * | --------------- | -------------------------------------------- | ------------------------------------------- |
 * | full-cone       | the same port towards everyone               | everyone, once the phone has sent something |
 * | restricted      | the same port towards everyone               | addresses that the phone sent to, any port  |
 * | port-restricted | the same port towards everyone               | addresses and ports that the phone sent to  |
 * | symmetric       | a random port for each address and port      | addresses and ports that the phone sent to  |
 *
 * A cone maps port 5060 of its first phone to 15060, of its second to 16060, and after it has rebound to 25060 and 26060:
 * never to itself, so that nobody who answers to a private port gets through.
 * @module
 */

/** How a NAT maps and filters. */
export type NatKind = "full-cone" | "restricted" | "port-restricted" | "symmetric";

/** The UDP ports that phones use: those are what a cone maps. Everything else goes out by plain masquerading. */
export const PHONE_SIP_PORT = 5060;
export const PHONE_RTP_PORTS: readonly [first: number, last: number] = [4000, 4039];

/** What a NAT is made of. */
export interface NatSettings {
  readonly kind: NatKind;
  readonly publicAddress: string;
  /** The private addresses of the phones; at most nine. */
  readonly phones: readonly string[];
  /** How often the mappings have moved. */
  readonly generation: number;
}

const MAX_GENERATIONS = 5;

/** The public port that a cone maps a phone's port to. `phone` counts from 0. */
export function mappedPort(port: number, phone: number, generation: number): number {
  return 10_000 * (1 + generation % MAX_GENERATIONS) + 1000 * phone + port;
}

/** The rules, to be loaded at once; they replace those of before. The interfaces of the router are `wan` and `lan`. */
export function natRules({ kind, publicAddress, phones, generation }: NatSettings): string {
  const ports = [PHONE_SIP_PORT];
  for (let port = PHONE_RTP_PORTS[0]; port <= PHONE_RTP_PORTS[1]; port++) ports.push(port);
  const mappings = phones.flatMap((address, phone) =>
    ports.map((port) => ({ inner: `${address} . ${port}`, outer: mappedPort(port, phone, generation) }))
  );
  const outward = mappings.map(({ inner, outer }) => `${inner} : ${publicAddress} . ${outer}`).join(", ");
  const inward = mappings.map(({ inner, outer }) => `${outer} : ${inner}`).join(", ");
  const everythingElse = `snat to ${publicAddress}${kind === "symmetric" ? " fully-random" : ""}`;
  return `
table ip nat
delete table ip nat
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat
    ${kind === "symmetric" ? "" : `oifname "wan" snat ip to ip saddr . udp sport map { ${outward} }`}
    oifname "wan" ${everythingElse}
  }
  chain prerouting {
    type nat hook prerouting priority dstnat
    ${isOpen(kind) ? `iifname "wan" dnat ip to udp dport map { ${inward} }` : ""}
  }
}`;
}

/** Whether a mapped port is open to others than those that the phone's packets went to. */
function isOpen(kind: NatKind): boolean {
  return kind === "full-cone" || kind === "restricted";
}

/**
 * A home router's firewall: nobody gets in uninvited, except to a full cone's phones, and from an address that a phone
 * behind a restricted one has sent to. IPv6 is filtered alike, unmapped.
 */
export function firewallRules(kind: NatKind): string {
  return `
table inet firewall
delete table inet firewall
table inet firewall {
  set contacted {
    type ipv4_addr . ipv4_addr . inet_service
    flags dynamic
    size 65536
    timeout 5m
  }
  chain input {
    type filter hook input priority filter
    # What knocks at a mapped port uninvited must leave no trace, or the phone's own packets there were in its way.
    iifname "wan" meta l4proto udp drop
  }
  chain forward {
    type filter hook forward priority filter; policy drop
    iifname "lan" meta l4proto udp update @contacted { ip daddr . ip saddr . udp sport }
    ct state established,related accept
    iifname "lan" accept
    ${kind === "full-cone" ? "ct status dnat accept" : ""}
    ${kind === "restricted" ? "ct status dnat ip saddr . ip daddr . udp dport @contacted accept" : ""}
  }
}`;
}

/** Rules that lose a share of the UDP datagrams in both directions; `percent` 0 loses none, 100 all. */
export function lossRules(percent: number): string {
  return `
table inet loss
delete table inet loss
table inet loss {
  chain forward {
    type filter hook forward priority -10
    ${percent > 0 ? `meta l4proto udp ${percent < 100 ? `numgen random mod 100 < ${percent}` : ""} drop` : ""}
  }
}`;
}
