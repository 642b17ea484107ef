/** The system's random numbers. @module */
import type { RandomSource } from "../env/random.ts";

/** The cryptographically secure generator. */
export const systemRandom: RandomSource = { fill: (bytes) => crypto.getRandomValues(bytes) };
