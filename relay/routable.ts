/** Which addresses from an SDP media may be sent to before anything came from there. @module */
import type { Network } from "../src/config/mod.ts";
import { ipaddr } from "../src/deps/ipaddr.ts";

/** Phones and gateways are few compared to calls, so most addresses have been looked at before. */
const MAX_KNOWN = 10_000;

/**
 * A test for publicly routable addresses (RFC 6890), with `exceptions` that are private but can be reached. Others are a
 * phone's own idea of its address behind a NAT, where the packets would reach somebody else or nobody.
 */
export function createRoutableTest(exceptions: readonly Network[]): (address: string) => boolean {
  const isException = createNetworkTest(exceptions);
  const test = (text: string) =>
    ipaddr.isValid(text) && (ipaddr.process(text).range() === "unicast" || isException(text));
  const known = new Map<string, boolean>();
  return (text) => {
    let routable = known.get(text);
    if (routable === undefined) {
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(text, routable = test(text));
    }
    return routable;
  };
}

/** A test for addresses in one of `networks`; false for text that is no address. */
export function createNetworkTest(networks: readonly Network[]): (address: string) => boolean {
  // Most relays have no networks, and looking at an address takes longer than all else in choosing an interface.
  if (networks.length === 0) return () => false;
  const parsed = networks.map(({ address, prefixLength }) => [ipaddr.parse(address), prefixLength] as const);
  return (text) => {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.process(text);
    return parsed.some(([network, prefixLength]) =>
      network.kind() === address.kind() && address.match(network as typeof address, prefixLength)
    );
  };
}
