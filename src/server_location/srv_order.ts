/** In which order the servers of SRV records are tried (RFC 2782). @module */
import { randomBelow, type RandomSource, shuffle } from "../env/random.ts";
import type { SrvRecord } from "./resolver.ts";

/** The records by priority and, within one priority, by a draw in which each has the chance that its weight gives it. */
export function orderSrv(records: readonly SrvRecord[], random: RandomSource): SrvRecord[] {
  const priorities = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.flatMap((priority) => draw(records.filter((record) => record.priority === priority), random));
}

/**
 * Records of weight 0 stand first: the draw of a 0 is theirs, one chance beside the sum of the others' weights.
 *
 * Deviation: RFC 2782 has that 0 in the draw even if no record has weight 0, which gives weights of 1 and 2 equal shares;
 * here it is left out then.
 */
function draw(records: readonly SrvRecord[], random: RandomSource): SrvRecord[] {
  const left = shuffle(random, [...records]).sort((a, b) => Number(a.weight > 0) - Number(b.weight > 0));
  const drawn: SrvRecord[] = [];
  while (left.length > 1) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    let rest = left[0]!.weight === 0 ? randomBelow(random, total + 1) : 1 + randomBelow(random, total);
    const index = left.findIndex(({ weight }) => (rest -= weight) <= 0);
    drawn.push(...left.splice(index, 1));
  }
  return [...drawn, ...left];
}
