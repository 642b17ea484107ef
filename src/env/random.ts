/** Randomness as an argument: the system's generator in shells, a seeded one in tests. @module */

export interface RandomSource {
  /** Fills `bytes` and returns it. */
  fill(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
}

/** A whole number from 0 to `bound` - 1; `bound` is 1 to 2^32. The bias of the modulo is below 2^-20 for bounds up to 4096. */
export function randomBelow(random: RandomSource, bound: number): number {
  const bytes = random.fill(new Uint8Array(4));
  return (((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0) % bound;
}

/** Shuffles `items` in place (Fisher-Yates) and returns it. */
export function shuffle<T>(random: RandomSource, items: T[]): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = randomBelow(random, last + 1);
    [items[last], items[other]] = [items[other]!, items[last]!];
  }
  return items;
}

/** `count` random bytes in lower-case hexadecimal. */
export function randomHex(random: RandomSource, count: number): string {
  return Array.from(random.fill(new Uint8Array(count)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
