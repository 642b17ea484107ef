/** The dispatcher as the module sees it: a request goes, one line comes. `io/` has it over a Unix socket. @module */

/** Asks a dispatcher. */
export interface DispatcherClient {
  /**
   * Sends a request, which is an octet string, and returns the line that answers it, without its end.
   * @throws DispatcherError (as a rejection) if there is no answer
   */
  ask(request: string): Promise<string>;
}

/**
 * Why there is no answer. `timeout`: none came within the limit; `unreachable`: nobody listens, or whoever did went away;
 * `overloaded`: too many requests wait already; `closed`: the client itself was.
 */
export type DispatcherFailure = "timeout" | "unreachable" | "overloaded" | "closed";

/** There is no answer. */
export class DispatcherError extends Error {
  override name = "DispatcherError";
  readonly kind: DispatcherFailure;

  constructor(kind: DispatcherFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
