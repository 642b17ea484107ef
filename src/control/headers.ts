/** The headers of a request: `name: value` lines. @module */

/** Header names to values. A `Map` is one too. */
export interface Headers extends Iterable<readonly [name: string, value: string]> {
  get(name: string): string | undefined;
}

/**
 * Headers as the lines that they came in. A request has a dozen, of which a dispatcher looks at five and passes all on,
 * so looking through them is less work than making a Map of them, and less garbage.
 */
export class HeaderLines implements Headers {
  readonly #lines: readonly string[];

  /** Each of `lines` has `: ` somewhere behind its first character, and something behind that. */
  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  /** The value of the last header of that name: a later one takes the place of an earlier one. */
  get(name: string): string | undefined {
    const { length } = name;
    for (let index = this.#lines.length - 1; index >= 0; index--) {
      const line = this.#lines[index]!;
      if (line.startsWith(name) && line.startsWith(": ", length)) return line.slice(length + 2);
    }
    return undefined;
  }

  *[Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    for (const line of this.#lines) {
      const colon = line.indexOf(": ");
      yield [line.slice(0, colon), line.slice(colon + 2)];
    }
  }

  /** As they came, without line ends. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The lines with their line ends, as they came. */
  serialize(): string {
    return this.#lines.length === 0 ? "" : `${this.#lines.join("\r\n")}\r\n`;
  }
}
