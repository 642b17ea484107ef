/**
 * INI text to sections and entries, as Python's ConfigParser reads the original's config.ini.
 *
 * `key = value` or `key: value`; `;` and `#` begin a comment only as the first character of a line; a line indented more
 * than its key continues the value; section names keep their case, keys are lower-cased. Quotes around a whole value fall away.
 *
 * Deviation: a section may be opened again, and an indented line that looks like an entry or a section is a problem, where
 * ConfigParser would silently make it part of the value above (ini_file_test.ts).
 * @module
 */

import { quoted } from "../env/log.ts";

/** One `key = value`. `line` counts from 1 and is the line of the key. */
export interface IniEntry {
  /** Lower case, not empty. */
  readonly key: string;
  /** Trimmed and unquoted; continuation lines are joined by one space. */
  readonly value: string;
  readonly line: number;
}

/** A section; `line` is that of its first header. Keys are unique. */
export interface IniSection {
  readonly name: string;
  readonly line: number;
  readonly entries: readonly IniEntry[];
}

/** What is wrong with a line. The text of values is left out: they may be credentials. */
export interface IniProblem {
  readonly line: number;
  readonly message: string;
}

export interface IniFile {
  readonly sections: readonly IniSection[];
  readonly problems: readonly IniProblem[];
}

/** Reads any text and never throws: what cannot be read is in `problems`, in the order of the lines. */
export function parseIni(text: string): IniFile {
  const reader = new IniReader();
  text.split(/\r\n|\n|\r/).forEach((content, index) => reader.readLine(content, index + 1));
  return reader.finish();
}

/** An entry whose value may still grow. */
interface OpenEntry {
  readonly key: string;
  readonly line: number;
  readonly indent: number;
  readonly parts: string[];
}

interface OpenSection {
  readonly name: string;
  readonly line: number;
  readonly entries: Map<string, OpenEntry>;
}

const HEADER = /^\[([^\]]+)\]$/;
const LOOKS_LIKE_ENTRY = /^(?:[a-z_]+\s*=|\[[a-z]+\]$)/i;

class IniReader {
  readonly #sections = new Map<string, OpenSection>();
  readonly #problems: IniProblem[] = [];
  #section: OpenSection | undefined;
  #entry: OpenEntry | undefined;

  readLine(content: string, line: number): void {
    const text = content.trim(); // also of a byte order mark
    if (text === "" || text.startsWith(";") || text.startsWith("#")) {
      return;
    }
    const indent = content.length - content.trimStart().length;
    if (this.#entry !== undefined && indent > this.#entry.indent) {
      this.#continueValue(text, line);
    } else if (text.startsWith("[")) {
      this.#openSection(text, line);
    } else {
      this.#addEntry(text, line, indent);
    }
  }

  finish(): IniFile {
    const sections = Array.from(this.#sections.values(), ({ name, line, entries }) => ({
      name,
      line,
      entries: Array.from(entries.values(), ({ key, line, parts }) => ({ key, line, value: unquote(parts.join(" ")) })),
    }));
    return { sections, problems: this.#problems };
  }

  #continueValue(text: string, line: number): void {
    if (LOOKS_LIKE_ENTRY.test(text)) {
      const word = text.startsWith("[") ? text : text.slice(0, text.indexOf("=")).trim();
      this.#problems.push({
        line,
        message: `${quoted(word)} is indented, which makes it part of ${
          this.#entry!.key
        } above; remove the indentation`,
      });
    } else {
      this.#entry!.parts.push(text);
    }
  }

  #openSection(text: string, line: number): void {
    this.#entry = undefined;
    const name = HEADER.exec(text)?.[1]?.trim();
    if (name === undefined || name === "") {
      this.#section = undefined;
      this.#problems.push({ line, message: `Cannot read ${quoted(text)} as [Section] alone on its line` });
      return;
    }
    this.#section = this.#sections.get(name) ?? { name, line, entries: new Map() };
    this.#sections.set(name, this.#section);
  }

  #addEntry(text: string, line: number, indent: number): void {
    const delimiter = text.search(/[=:]/);
    const key = text.slice(0, Math.max(delimiter, 0)).trim().toLowerCase();
    const entry = { key, line, indent, parts: [text.slice(delimiter + 1).trim()] };
    this.#entry = entry; // also when refused: its continuation lines belong to it and are no problems of their own
    if (delimiter < 0) {
      this.#problems.push({ line, message: `Cannot read ${quoted(text)} as key = value` });
    } else if (key === "") {
      this.#problems.push({ line, message: "Cannot read an entry without a key; key = value is accepted" });
    } else if (this.#section === undefined) {
      this.#problems.push({ line, message: `${quoted(key)} stands outside of any [Section]` });
    } else {
      this.#addTo(this.#section, entry);
    }
  }

  #addTo(section: OpenSection, entry: OpenEntry): void {
    const first = section.entries.get(entry.key);
    if (first === undefined) {
      section.entries.set(entry.key, entry);
    } else {
      const message =
        `[${section.name}] ${entry.key} is set a second time, first in line ${first.line}; keep one of them`;
      this.#problems.push({ line: entry.line, message });
    }
  }
}

/** Without the quotes around the whole value. `'a', 'b'` is not one quoted value. */
function unquote(value: string): string {
  const [, quote, inner] = /^(['"])(.*)\1$/s.exec(value) ?? [];
  return quote === undefined || inner!.includes(quote) ? value : inner!;
}
