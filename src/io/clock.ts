/** The system's clocks. @module */
import type { Clock } from "../env/clock.ts";

/** The process's own clocks. */
export const systemClock: Clock = { nowMs: () => performance.now(), wallMs: () => Date.now() };
