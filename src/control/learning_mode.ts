/** How a relay learns where a party is: for the configuration, and for one call as the header `learning` of `update`. @module */

/**
 * `heuristic`: what signalling vouches for wins, others only if nothing else comes; `strict`: nothing but what signalling
 * vouches for; `open`: the first packet wins, as with the original.
 */
export type LearningMode = "heuristic" | "strict" | "open";

/** The values of {@linkcode LearningMode}. */
export const LEARNING_MODES: readonly LearningMode[] = ["heuristic", "strict", "open"];
