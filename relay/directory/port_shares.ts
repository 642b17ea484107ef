/** How a range of ports is divided among workers. @module */
import type { PortRange } from "../../src/config/addresses.ts";

/** A worker's share must have room for calls with many streams: 16 calls with two streams each, or one with 32. */
const MIN_SHARE_PORTS = 128;

/** At most `workers` ranges, one for each worker, of even numbers of ports; fewer if there are few ports. */
export function portShares({ start, end }: PortRange, workers: number): PortRange[] {
  const pairs = (end - start) / 2;
  const count = Math.max(1, Math.min(workers, Math.floor(pairs * 2 / MIN_SHARE_PORTS)));
  const edge = (index: number) => start + 2 * Math.floor(pairs * index / count);
  return Array.from({ length: count }, (_, index) => ({ start: edge(index), end: edge(index + 1) }));
}
