/** The address of this host that others most likely reach it by. @module */

/** The first address of the first network interface that is neither loopback nor link-local; IPv4 before IPv6. */
export function defaultAddress(): string | undefined {
  const usable = Deno.networkInterfaces().filter(({ address }) =>
    !address.startsWith("127.") && !address.startsWith("169.254.") && address !== "::1" && !/^fe[89ab]/i.test(address)
  );
  return (usable.find(({ family }) => family === "IPv4") ?? usable[0])?.address;
}
