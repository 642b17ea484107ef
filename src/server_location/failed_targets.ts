/** Remembers which targets failed lately, so that others are tried first. @module */
import type { Clock } from "../env/clock.ts";
import type { Target } from "../transport/flow.ts";

/** For so long a target that failed is tried last. Long enough to spare calls the wait, short enough to come back. */
const FAILED_MS = 30_000;
/** Beyond these, the one that failed first is forgotten. */
const MAX_TARGETS = 1_000;

/** Targets that failed within the last 30 s. */
export class FailedTargets {
  readonly #untilMs = new Map<string, number>();

  add(target: Target, nowMs: number): void {
    const name = key(target);
    this.#untilMs.delete(name); // so that it moves to the end
    if (this.#untilMs.size >= MAX_TARGETS) this.#untilMs.delete(this.#untilMs.keys().next().value!);
    this.#untilMs.set(name, nowMs + FAILED_MS);
  }

  /** The targets, those that failed behind the others; each part keeps its order. */
  toLast(targets: Target[], clock: Clock): Target[] {
    if (this.#untilMs.size === 0 || targets.length < 2) return targets; // nearly always
    this.#forget(clock.nowMs());
    const failed = targets.filter((target) => this.#untilMs.has(key(target)));
    if (failed.length === 0) return targets;
    return [...targets.filter((target) => !failed.includes(target)), ...failed];
  }

  /** They stand in the order in which they expire. */
  #forget(nowMs: number): void {
    for (const [name, untilMs] of this.#untilMs) {
      if (untilMs > nowMs) break;
      this.#untilMs.delete(name);
    }
  }
}

/** Names where a target leads. */
function key({ transport, address, port }: Target): string {
  return `${transport} ${port} ${address}`;
}
