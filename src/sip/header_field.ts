/** One header of a message, as it came. @module */
import { shown, SipSyntaxError } from "./errors.ts";
import { canonicalName, spelledName } from "./header_names.ts";
import { isSpace, trimSpace } from "./octets.ts";

/** A header field. It never changes, so copies of a message share theirs. */
export class HeaderField {
  /** Canonical: lower case, never compact. */
  readonly name: string;
  /** The whole field without its last CRLF: as it came, spelling, folding and all. */
  readonly text: string;
  #value: string | undefined;

  constructor(name: string, text: string, value?: string) {
    this.name = name;
    this.text = text;
    this.#value = value;
  }

  /** A field of ours. `name` is canonical. */
  static of(name: string, value: string): HeaderField {
    return new HeaderField(name, `${spelledName(name)}: ${value}`, value);
  }

  /** Without folding (RFC 3261 §7.3.1) and the space around it. */
  get value(): string {
    return this.#value ??= trimSpace(unfold(this.text.slice(this.text.indexOf(":") + 1)));
  }
}

function unfold(text: string): string {
  return text.includes("\n") ? text.split("\r\n").map(trimSpace).join(" ") : text; // a regex would be slow on many spaces
}

const TOKEN = /^[!%'*+\-.0-9A-Z_`a-z~]+$/;

/**
 * Parses one field without its last CRLF.
 * @throws SipSyntaxError if it has no name
 */
export function parseHeaderField(text: string): HeaderField {
  const colon = text.indexOf(":");
  const written = text.slice(0, Math.max(colon, 0));
  const spaced = isSpace(written.charCodeAt(written.length - 1)); // HCOLON allows it (RFC 3261 §25.1)
  const name = spaced ? written.trimEnd() : written;
  if (!TOKEN.test(name)) throw new SipSyntaxError(`Cannot parse ${shown(text)} as a header`);
  return new HeaderField(canonicalName(name), text);
}
