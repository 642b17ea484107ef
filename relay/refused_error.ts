/** What the relay does not do, whoever asks. @module */

/** What no call may have, and which limit says so: named as its key in the configuration, and in the summary. */
export class RefusedError extends Error {
  override name = "RefusedError";

  constructor(readonly reason: "max_streams_per_session" | "loop", message: string) {
    super(message);
  }
}
