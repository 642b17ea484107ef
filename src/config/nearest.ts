/** "Did you mean?" for configuration keys and command line flags. @module */

/**
 * The candidate that `word` was probably meant to be, letter case ignored; `undefined` when none is close.
 * Close is a Levenshtein distance of at most a third of the candidate's length, rounded up, so that two swapped letters count
 * as close from four letters on. Of equally close candidates the first wins.
 *
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * assertEquals(nearest("stream_timout", ["stream_timeout", "idle_timeout"]), "stream_timeout");
 * assertEquals(nearest("colour", ["stream_timeout", "idle_timeout"]), undefined);
 * ```
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const limit = Math.ceil(candidate.length / 3);
    if (Math.abs(candidate.length - word.length) > limit) {
      continue; // also keeps a word of any length cheap
    }
    const found = distance(word.toLowerCase(), candidate.toLowerCase());
    if (found <= limit && found < bestDistance) {
      best = candidate;
      bestDistance = found;
    }
  }
  return best;
}

/** `; did you mean X?`, or nothing when no candidate is close. */
export function suggestion(word: string, candidates: Iterable<string>): string {
  const near = nearest(word, candidates);
  return near === undefined ? "" : `; did you mean ${near}?`;
}

/** How many letters must be inserted, deleted or replaced to get from `a` to `b` (Levenshtein). */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
