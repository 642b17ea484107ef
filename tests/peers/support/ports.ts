/** Free ports on the loopback interface. @module */

// Below the range that systems give to outgoing connections, so that none of those is in the way. Large blocks are apart
// from single ports, which would soon leave no room for them.
const LARGE_BLOCK_PORTS = 100;
const LARGE_BLOCKS: [number, number] = [20_000, 25_999];
const SMALL_BLOCKS: [number, number] = [26_000, 31_999];

const given = new Set<number>();

/** A free TCP port. */
export function freeTcpPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** A free UDP port that this run has not had yet. */
export function freeUdpPort(): number {
  return freeUdpBlock(1);
}

/** The first of `count` free UDP ports in a row, an even one, none of which this run has had yet. */
export function freeUdpBlock(count: number): number {
  const [lowest, highest] = count < LARGE_BLOCK_PORTS ? SMALL_BLOCKS : LARGE_BLOCKS;
  const step = count + count % 2;
  const steps = Math.floor((highest - lowest + 1) / step);
  for (let attempt = 0; attempt < 1000; attempt++) {
    const first = lowest + step * Math.floor(randomFraction() * steps);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    if (ports.some((port) => given.has(port)) || !ports.every(isFreeUdpPort)) continue;
    for (const port of ports) given.add(port);
    return first;
  }
  throw new Error(`Cannot find ${count} free UDP ports in a row between ${lowest} and ${highest}`);
}

/** Whether a socket of any process is bound to this UDP port on 127.0.0.1 (Linux). */
export function isBoundUdpPort(port: number): boolean {
  const wanted = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return Deno.readTextFileSync("/proc/net/udp").includes(wanted);
}

function randomFraction(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
}

function isFreeUdpPort(port: number): boolean {
  try {
    Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}
