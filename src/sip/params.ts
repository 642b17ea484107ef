/** `;name=value` parameters of headers and URIs (RFC 3261 §7.3.1, §19.1.1). @module */
import { shown, SipSyntaxError } from "./errors.ts";
import { endOfQuoted } from "./lists.ts";
import { isSpace, trimSpace } from "./octets.ts";

/** Parameters in their order. Names compare without case; values are kept as written, quotes and all. */
export class Params {
  readonly #entries: [name: string, value: string | undefined][];

  constructor(entries: [name: string, value: string | undefined][] = []) {
    this.#entries = entries;
  }

  /** In their order, names as written; a value is `undefined` if there was no "=". */
  get entries(): readonly (readonly [name: string, value: string | undefined])[] {
    return this.#entries;
  }

  /** The value; "" for a parameter without one, `undefined` if it is not there. */
  get(name: string): string | undefined {
    const index = this.#find(name);
    return index < 0 ? undefined : this.#entries[index]![1] ?? "";
  }

  has(name: string): boolean {
    return this.#find(name) >= 0;
  }

  /** Changes a parameter where it stands, or adds it last. */
  set(name: string, value?: string): void {
    const index = this.#find(name);
    if (index < 0) this.#entries.push([name, value]);
    else this.#entries[index] = [this.#entries[index]![0], value];
  }

  delete(name: string): void {
    const index = this.#find(name);
    if (index >= 0) this.#entries.splice(index, 1);
  }

  clone(): Params {
    return new Params([...this.#entries]);
  }

  /** `;a=b;c`, or nothing. */
  toString(): string {
    let text = "";
    for (const [name, value] of this.#entries) text += value === undefined ? `;${name}` : `;${name}=${value}`;
    return text;
  }

  #find(name: string): number {
    for (let index = 0; index < this.#entries.length; index++) {
      const candidate = this.#entries[index]![0];
      if (candidate === name || candidate.length === name.length && candidate.toLowerCase() === name) return index;
    }
    return -1;
  }
}

const NAME = /^[!-+\--:<>-~]+$/; // printable, but no "," ";" "=": what is not a token is the peer's affair
const VALUE = /^(?:"(?:[^"\\]|\\.)*"|[!#-+\--:<-~\x80-\xff]*)$/s;

/**
 * Parses what follows a URI or an address: nothing, or ";" and parameters. White space around ";" and "=" is accepted.
 * Lookups are with lower-case names.
 * @throws SipSyntaxError
 */
export function parseParams(text: string, offset = 0): Params {
  const entries: [string, string | undefined][] = [];
  let index = skipSpace(text, offset);
  while (index < text.length) {
    if (text.charCodeAt(index) !== 0x3b) {
      throw new SipSyntaxError(`Cannot parse ${shown(text.slice(offset))} as parameters`);
    }
    const end = endOfParam(text, index + 1);
    const param = text.slice(index + 1, end);
    index = end;
    const equals = param.indexOf("=");
    const name = trimSpace(equals < 0 ? param : param.slice(0, equals));
    const value = equals < 0 ? undefined : trimSpace(param.slice(equals + 1));
    if (name === "" && value === undefined) continue; // ";;" and a last ";" do no harm
    if (!NAME.test(name) || (value !== undefined && !VALUE.test(value))) {
      throw new SipSyntaxError(`Cannot parse ${shown(param)} as a parameter`);
    }
    entries.push([name, value]);
  }
  return new Params(entries);
}

function skipSpace(text: string, index: number): number {
  while (isSpace(text.charCodeAt(index))) index++;
  return index;
}

function endOfParam(text: string, start: number): number {
  for (let index = start; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x22) index = endOfQuoted(text, index);
    else if (code === 0x3b) return index;
  }
  return text.length;
}
