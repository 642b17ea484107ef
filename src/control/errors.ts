/** The one error of this folder: bytes from a peer that are not what the wire allows. @module */

/** The peer's fault. Caught in the one place that reads the wire, which answers `error` and goes on. */
export class ControlSyntaxError extends SyntaxError {
  override name = "ControlSyntaxError";
}
