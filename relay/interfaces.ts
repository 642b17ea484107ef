/**
 * The relay's addresses, and which of them a party is told: one of the family that its media has, and of those the one
 * whose networks it is in.
 * @module
 */
import type { Network, RelayAddress } from "../src/config/mod.ts";
import type { PortPool } from "./port_pool.ts";
import { createNetworkTest } from "./routable.ts";

/** One address to which media sockets are bound, with ports of its own. */
export interface MediaInterface {
  readonly address: string;
  /** What parties are told. */
  readonly advertised: string;
  readonly ports: PortPool;
}

/** What is known of where a party is; "" if it is not. */
export interface PartyAddresses {
  /** The address in its SDP. */
  readonly sdp: string;
  /** Where its SIP messages come from, or go to. */
  readonly signaling: string;
}

export class Interfaces {
  readonly #interfaces: readonly (MediaInterface & { readonly networks: readonly Network[] })[];
  readonly #isFor: readonly ((address: string) => boolean)[];
  readonly #firstPort: number;
  readonly #endPort: number;

  /** `addresses` holds one at least; all have the ports from `firstPort` up to `endPort`. */
  constructor(
    addresses: readonly RelayAddress[],
    firstPort: number,
    endPort: number,
    openPorts: (address: string) => PortPool,
  ) {
    this.#interfaces = addresses.map(({ address, advertised = address, networks }) => ({
      address,
      advertised,
      networks,
      ports: openPorts(address),
    }));
    this.#isFor = addresses.map(({ networks }) => createNetworkTest(networks));
    this.#firstPort = firstPort;
    this.#endPort = endPort;
  }

  get first(): MediaInterface {
    return this.#interfaces[0]!;
  }

  /** The interface for a party; `undefined` if nothing is known of it. */
  choose({ sdp, signaling }: PartyAddresses): MediaInterface | undefined {
    const known = isUnspecified(sdp) ? signaling : sdp;
    if (known === "") return undefined;
    const ofFamily = this.#interfaces.filter(({ address }) => isSameFamily(address, known));
    // An SDP address may be any private one behind a NAT; where the signalling comes from is real.
    const place = signaling !== "" && isSameFamily(signaling, known) ? signaling : known;
    return ofFamily.find((it) => this.#isFor[this.#interfaces.indexOf(it)]!(place)) ??
      ofFamily.find(({ networks }) => networks.length === 0) ?? ofFamily[0] ?? this.first;
  }

  /** Whether an address is one of our media ports. */
  isOwn(hostname: string, port: number): boolean {
    return port >= this.#firstPort && port < this.#endPort &&
      this.#interfaces.some(({ address, advertised }) => hostname === address || hostname === advertised);
  }

  /** Where an address leads if it is one of our media ports: not out and back in, as parties are told. */
  local(hostname: string, port: number): string {
    if (!this.isOwn(hostname, port)) return hostname;
    return this.#interfaces.find(({ advertised }) => advertised === hostname)?.address ?? hostname;
  }

  /** Closes the sockets that no stream has. */
  close(): void {
    for (const { ports } of this.#interfaces) ports.close();
  }
}

/** Whether a socket of one address can send to the other. */
export function isSameFamily(one: string, other: string): boolean {
  return one.includes(":") === other.includes(":");
}

/** An SDP address that holds (RFC 3264 §8.4), or none. */
function isUnspecified(address: string): boolean {
  return address === "" || address === "0.0.0.0" || address === "::";
}
