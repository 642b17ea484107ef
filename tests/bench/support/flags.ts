/** The command line of the benchmarks: flags with typed values; what is not known is refused. @module */
import { UsageError } from "../../../src/config/mod.ts";
import { nearest } from "../../../src/config/nearest.ts";

/** A flag, its default and its line in the help. */
export type BenchFlag =
  | { readonly kind: "boolean"; readonly help: string }
  | { readonly kind: "number"; readonly fallback: number; readonly help: string }
  | { readonly kind: "numbers"; readonly fallback: readonly number[]; readonly help: string }
  | {
    readonly kind: "words";
    readonly fallback: readonly string[];
    /** Words that have to be asked for. */
    readonly more?: readonly string[];
    readonly help: string;
  };

export type BenchFlags = Readonly<Record<string, BenchFlag>>;

/** The values of the flags, by name. */
export type BenchValues<F extends BenchFlags> = {
  readonly [name in keyof F]: F[name]["kind"] extends "boolean" ? boolean
    : F[name]["kind"] extends "number" ? number
    : F[name]["kind"] extends "words" ? readonly string[]
    : readonly number[];
};

/**
 * Parses `--name`, `--name=VALUE` and `--name VALUE`. Words of a list are checked against its fallback and `more`,
 * which hold them all. With `--quick` the fallbacks are those of `quick`.
 * @throws UsageError
 */
export function parseBenchFlags<const F extends BenchFlags>(
  args: readonly string[],
  known: F,
  quick: Readonly<Record<string, number | readonly number[]>>,
): BenchValues<F> {
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(known)) values[name] = flag.kind === "boolean" ? false : flag.fallback;
  if (args.includes("--quick")) Object.assign(values, quick);
  for (let index = 0; index < args.length; index++) {
    const argument = args[index]!;
    if (!argument.startsWith("--")) throw new UsageError(`Unexpected argument ${argument}; see --help`);
    const equals = argument.indexOf("=");
    const name = argument.slice(2, equals < 0 ? undefined : equals);
    const flag = Object.hasOwn(known, name) ? known[name] : undefined;
    if (flag === undefined) throw new UsageError(`Unknown flag --${name}${didYouMean(name, known)}`);
    const text = equals >= 0 ? argument.slice(equals + 1) : flag.kind === "boolean" ? undefined : args[++index];
    values[name] = parseValue(name, flag, text);
  }
  return values as BenchValues<F>;
}

/** The flags with their defaults, one a line, for a help page. */
export function flagsHelp(flags: BenchFlags): string {
  const rows = Object.entries(flags).map(([name, flag]) => {
    const value = { boolean: "", number: " N", numbers: " N,N,...", words: " NAME,..." }[flag.kind];
    const fallback = flag.kind === "boolean"
      ? ""
      : ` (${Array.isArray(flag.fallback) ? flag.fallback : flag.fallback})`;
    return { left: `--${name}${value}`, right: `${flag.help}${fallback}` };
  });
  const width = Math.max(...rows.map(({ left }) => left.length));
  return rows.map(({ left, right }) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}

function parseValue(name: string, flag: BenchFlag, text: string | undefined): unknown {
  if (flag.kind === "boolean") {
    if (text !== undefined) throw new UsageError(`Flag --${name} takes no value; see --help`);
    return true;
  }
  if (text === undefined || text === "") throw new UsageError(`Flag --${name} needs a value; see --help`);
  if (flag.kind === "number") return parseNumber(name, text);
  const parts = text.split(",");
  if (flag.kind === "numbers") return parts.map((part) => parseNumber(name, part));
  const words = [...flag.fallback, ...flag.more ?? []];
  const unknown = parts.find((part) => !words.includes(part));
  if (unknown !== undefined) {
    throw new UsageError(`Flag --${name} knows ${words.join(", ")}, not ${JSON.stringify(unknown)}`);
  }
  return parts;
}

function parseNumber(name: string, text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new UsageError(`Flag --${name} needs whole numbers, not ${JSON.stringify(text)}`);
  return Number(text);
}

function didYouMean(name: string, known: BenchFlags): string {
  const near = nearest(name, Object.keys(known));
  return near === undefined ? "; see --help" : `; did you mean --${near}?`;
}
