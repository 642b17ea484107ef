/** Which addresses from an SDP media may be sent to before anything came from there. @module */
import type { Network } from "../src/config/mod.ts";
import { ipaddr } from "../src/deps/ipaddr.ts";

/**
 * A test for publicly routable addresses (RFC 6890), with `exceptions` that are private but can be reached. Others are a
 * phone's own idea of its address behind a NAT, where the packets would reach somebody else or nobody.
 */
export function createRoutableTest(exceptions: readonly Network[]): (address: string) => boolean {
  const networks = exceptions.map(({ address, prefixLength }) => [ipaddr.parse(address), prefixLength] as const);
  return (text) => {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.process(text);
    return address.range() === "unicast" ||
      networks.some(([network, prefixLength]) =>
        network.kind() === address.kind() && address.match(network as typeof address, prefixLength)
      );
  };
}
