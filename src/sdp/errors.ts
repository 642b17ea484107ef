/** The one error of this folder: a body that is not the SDP that a relay can carry. @module */

/** The peer's fault. A proxy leaves the body alone and says why. */
export class SdpSyntaxError extends SyntaxError {
  override name = "SdpSyntaxError";
  /** Counted from 1; 0 if it concerns the body as a whole. */
  readonly lineNumber: number;

  constructor(message: string, lineNumber = 0) {
    super(lineNumber > 0 ? `${message}: line ${lineNumber}` : message);
    this.lineNumber = lineNumber;
  }
}
