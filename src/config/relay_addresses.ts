/** `relay_ip` of `[Relay]`: the addresses for media. @module */

import { quoted } from "../env/log.ts";
import { type Network, parseHostAddress, parseNetworkList } from "./addresses.ts";
import { isNone } from "./values.ts";

/** An address of this host for media. */
export interface RelayAddress {
  /** Where sockets are bound. */
  readonly address: string;
  /** What parties are told; `undefined`: the address itself. */
  readonly advertised: string | undefined;
  /** Parties in these networks are served here; empty: all that no other address is for. */
  readonly networks: readonly Network[];
}

const ENTRY = /^(\S+)(?:\s+as\s+(\S+))?(?:\s+for\s+(\S.*))?$/i;

/**
 * Parses `address [as ADVERTISED] [for NETWORK ...]`, several of them separated by commas. None is the empty list.
 * @throws {SyntaxError} on other text, an address that stands in it twice, and networks of another family.
 *
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * assertEquals(parseRelayAddresses("10.0.0.5 as 203.0.113.5, 2001:db8::5").map(({ address }) => address), [
 *   "10.0.0.5",
 *   "2001:db8::5",
 * ]);
 * ```
 */
export function parseRelayAddresses(text: string): RelayAddress[] {
  if (isNone(text)) return [];
  const addresses = text.split(",").map((entry) => parseEntry(entry.trim()));
  const twice = addresses.find(({ address }, index) => addresses.findIndex((it) => it.address === address) !== index);
  if (twice !== undefined) throw new SyntaxError(`${twice.address} stands in the list twice`);
  return addresses;
}

function parseEntry(entry: string): RelayAddress {
  const [, addressText = "", advertisedText = "", networksText = ""] = ENTRY.exec(entry) ?? [];
  const address = parseHostAddress(addressText);
  if (address === undefined) {
    throw new SyntaxError(`${quoted(entry)} is not address [as ADVERTISED] [for NETWORK ...]`);
  }
  const advertised = parseHostAddress(advertisedText);
  const networks = parseNetworkList(networksText);
  const isV6 = address.includes(":");
  for (const other of [...networks.map((network) => network.address), advertised ?? address]) {
    if (other.includes(":") !== isV6) {
      throw new SyntaxError(`${quoted(entry)}: ${other} is not of the same address family as ${address}`);
    }
  }
  return { address, advertised, networks };
}
