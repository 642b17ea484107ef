/** What is wrong with a peer's SIP. @module */

/** Text that is not SIP. */
export class SipSyntaxError extends SyntaxError {
  override name = "SipSyntaxError";
  /** The status that answers it, if it is a request. */
  readonly statusHint: number;

  constructor(message: string, statusHint = 400) {
    super(message);
    this.statusHint = statusHint;
  }
}

/** A peer's text for an error message: quoted, cut at 80 characters. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
