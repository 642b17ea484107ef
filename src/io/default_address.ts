/** The address of this host that others most likely reach it by. @module */

/**
 * The first address of the first network interface that is neither loopback nor link-local: of a family, or IPv4 before
 * IPv6.
 */
export function defaultAddress(family?: "IPv4" | "IPv6"): string | undefined {
  const usable = Deno.networkInterfaces().filter(({ address }) =>
    !address.startsWith("127.") && !address.startsWith("169.254.") && address !== "::1" && !/^fe[89ab]/i.test(address)
  );
  const find = (wanted: string) => usable.find((it) => it.family === wanted)?.address;
  return family === undefined ? find("IPv4") ?? find("IPv6") : find(family);
}
