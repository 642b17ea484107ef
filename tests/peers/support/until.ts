/** Waiting for a condition instead of sleeping. @module */

/** For what a call through the proxy needs: far more than it takes, so that only a fault uses it up. */
export const DEFAULT_DEADLINE_MS = 8000;

const POLL_MS = 10;

/** Nothing happened within the time allowed. */
export class DeadlineError extends Error {
  override name = "DeadlineError";
}

/**
 * Looks again and again until `look` gives something else than undefined, false or null, and returns that.
 * `what` completes "Cannot wait any longer for ...".
 * @throws DeadlineError after `withinMs`.
 */
export async function until<T>(
  what: string | (() => string),
  look: () => T | undefined | false | null | Promise<T | undefined | false | null>,
  withinMs: number = DEFAULT_DEADLINE_MS,
): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false && found !== null) return found;
    if (performance.now() > deadlineMs) {
      const text = typeof what === "string" ? what : what();
      throw new DeadlineError(`Cannot wait any longer for ${text}: nothing within ${withinMs} ms`);
    }
    await pause(POLL_MS);
  }
}

/** Paces packets and polls; never a way to wait for another process. */
export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
