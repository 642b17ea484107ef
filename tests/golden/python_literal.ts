/** Python's literals, as the transcripts show what was sent and what was logged. @module */

export type PythonValue = string | number | boolean | null | PythonValue[] | { [key: string]: PythonValue };

const WORDS: Readonly<Record<string, boolean | null>> = { None: null, True: true, False: false };
const ESCAPES: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", "\\": "\\", "'": "'", '"': '"' };

/**
 * Parses a literal at the start of `text`: str and bytes (one character per byte), numbers, None, True, False, lists and
 * dicts. Returns it with what stands behind it.
 * @throws SyntaxError
 */
export function parsePython(text: string): { value: PythonValue; rest: string } {
  const parser = new Parser(text);
  return { value: parser.value(), rest: text.slice(parser.at) };
}

class Parser {
  at = 0;
  constructor(readonly text: string) {}

  value(): PythonValue {
    const [, word] = this.#match(/(None|True|False)\b/y) ?? [];
    if (word !== undefined) return WORDS[word]!;
    const [number] = this.#match(/-?\d+(\.\d+)?(e-?\d+)?/y) ?? [];
    if (number !== undefined) return Number(number);
    const [, quote] = this.#match(/b?(['"])/y) ?? [];
    if (quote !== undefined) return this.#string(quote);
    if (this.#match(/\[/y)) return this.#list("]", () => this.value());
    if (this.#match(/\{/y)) return Object.fromEntries(this.#list("}", () => this.#entry()));
    throw new SyntaxError(`Cannot parse ${JSON.stringify(this.text.slice(this.at, this.at + 40))} as a Python literal`);
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match !== null) this.at = pattern.lastIndex;
    return match;
  }

  #string(quote: string): string {
    const [raw] = this.#match(quote === "'" ? /(?:[^'\\]|\\.)*/y : /(?:[^"\\]|\\.)*/y)!;
    if (!this.#match(quote === "'" ? /'/y : /"/y)) {
      throw new SyntaxError("Cannot parse a Python string: it does not end");
    }
    return raw.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex, letter) => {
      if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
      const meant = ESCAPES[letter];
      if (meant === undefined) throw new SyntaxError(`Cannot parse a Python string: \\${letter} is not known`);
      return meant;
    });
  }

  #list<T>(end: string, item: () => T): T[] {
    const items: T[] = [];
    while (this.text[this.at] !== end) {
      items.push(item());
      this.#match(/, ?/y);
    }
    this.at++;
    return items;
  }

  #entry(): [string, PythonValue] {
    const key = this.value();
    if (typeof key !== "string" || !this.#match(/: /y)) throw new SyntaxError("Cannot parse a Python dict");
    return [key, this.value()];
  }
}
