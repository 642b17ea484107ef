/** Finding a port that nobody has. @module */

const MAX_TRIES = 200;

/** The first free TCP port of `hostname` from `firstPort` on. Another process may take it before it is used. */
export function freeTcpPort(hostname: string, firstPort: number): number {
  for (let port = firstPort; port < firstPort + MAX_TRIES; port++) {
    try {
      Deno.listen({ hostname, port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error(`Cannot find a free port: ${firstPort} to ${firstPort + MAX_TRIES - 1} of ${hostname} are in use`);
}
