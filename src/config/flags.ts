/** The command line: the flags that all programs share, and those that a program adds. @module */

import { parseArgs } from "../deps/cli.ts";
import { nearest } from "./nearest.ts";

/** A flag that a program adds. */
export type ExtraFlag =
  | { readonly kind: "boolean"; readonly help: string }
  /** `placeholder` stands for the value in the help, such as `HOST:PORT`. */
  | { readonly kind: "string"; readonly placeholder: string; readonly help: string };

/** Flags by name, without the dashes. */
export type ExtraFlags = Readonly<Record<string, ExtraFlag>>;

/** What a program says about itself. */
export interface Program<E extends ExtraFlags = ExtraFlags> {
  /** As it is called on the command line. */
  readonly name: string;
  /** One sentence for the help. */
  readonly summary: string;
  /** Flags beyond the shared ones. */
  readonly extra?: E;
  /** How the arguments without dashes are written in the help, such as `COMMAND [CALL-ID]`. Without it there may be none. */
  readonly positionals?: string;
}

/** The values of the added flags: true or false for a boolean, the text or `undefined` for a string. */
export type ExtraValues<E extends ExtraFlags> = {
  readonly [name in keyof E]: E[name]["kind"] extends "boolean" ? boolean : string | undefined;
};

/** A command line. */
export interface Flags<E extends ExtraFlags = ExtraFlags> {
  /** `--config` */
  readonly configFile: string | undefined;
  /** `--config-dir` */
  readonly configDir: string | undefined;
  /** `--runtime-dir` */
  readonly runtimeDir: string | undefined;
  /** `--debug` */
  readonly debug: boolean;
  /** `--version` */
  readonly version: boolean;
  /** `--help` */
  readonly help: boolean;
  /** The flags that the program added, by their names. */
  readonly extra: ExtraValues<E>;
  /** The arguments without dashes, and all after `--`. */
  readonly positionals: readonly string[];
}

/** A command line that cannot be understood. The message is for the user. */
export class UsageError extends Error {
  /** The class, as stack traces print it. */
  override readonly name = "UsageError";
}

const SHARED_FLAGS = {
  "config": { kind: "string", placeholder: "FILE", help: "read this configuration file" },
  "config-dir": { kind: "string", placeholder: "DIR", help: "directory of config.ini and certificates" },
  "runtime-dir": { kind: "string", placeholder: "DIR", help: "directory of sockets and state" },
  "debug": { kind: "boolean", help: "log everything, whatever log_level says" },
  "version": { kind: "boolean", help: "print the version and exit" },
  "help": { kind: "boolean", help: "print this help and exit" },
} as const satisfies ExtraFlags;

/**
 * Parses a command line. A value follows its flag after a space or after `=`; of a repeated flag the last one counts.
 *
 * @throws {UsageError} on an unknown flag, an argument that the program does not take, a flag without its value, and a value
 * for a flag that takes none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * const flags = parseFlags(["--config", "/tmp/a.ini", "--debug"], { name: "relay", summary: "Carries media." });
 * assertEquals(flags.configFile, "/tmp/a.ini");
 * assertEquals(flags.debug, true);
 * ```
 */
export function parseFlags<const E extends ExtraFlags = Record<never, never>>(
  args: readonly string[],
  program: Program<E>,
): Flags<E> {
  const known: ReadonlyMap<string, ExtraFlag> = new Map(Object.entries({ ...program.extra, ...SHARED_FLAGS }));
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  args.slice(0, end).forEach((argument) => checkFlag(argument, known));
  const parsed = parseArgs(args, { boolean: namesOf(known, "boolean"), string: [...namesOf(known, "string"), "_"] });
  for (const name of namesOf(known, "string")) {
    if (parsed[name] === "") {
      throw new UsageError(`Flag --${name} needs a value; see --help`);
    }
  }
  const positionals = parsed._.map(String);
  if (positionals.length > 0 && program.positionals === undefined) {
    throw new UsageError(`Unexpected argument ${positionals[0]}${didYouMean(positionals[0]!, known)}`);
  }
  const extra = Object.fromEntries(Object.keys(program.extra ?? {}).map((name) => [name, parsed[name]]));
  return {
    configFile: parsed["config"] as string | undefined,
    configDir: parsed["config-dir"] as string | undefined,
    runtimeDir: parsed["runtime-dir"] as string | undefined,
    debug: parsed["debug"] === true,
    version: parsed["version"] === true,
    help: parsed["help"] === true,
    extra: extra as ExtraValues<E>,
    positionals,
  };
}

/** The help page, with the help of the flags in one column. Ends in a line break. */
export function helpText(program: Program): string {
  const usage = ["Usage:", program.name, "[FLAGS]", program.positionals].filter((part) => part !== undefined).join(" ");
  const flags = Object.entries({ ...program.extra, ...SHARED_FLAGS } as ExtraFlags);
  const rows = flags.map(([name, flag]) => ({
    left: flag.kind === "string" ? `--${name} ${flag.placeholder}` : `--${name}`,
    help: flag.help,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length));
  const lines = rows.map(({ left, help }) => `  ${left.padEnd(width)}  ${help}`);
  return [program.summary, "", usage, "", "Flags:", ...lines, ""].join("\n");
}

/** parseArgs alone would take `--debug=maybe` for true, `-x` for a flag of one letter, and `--a.b` for an object. */
function checkFlag(argument: string, known: ReadonlyMap<string, ExtraFlag>): void {
  if (!argument.startsWith("-") || argument === "-") {
    return;
  }
  const written = argument.split("=", 1)[0]!;
  const flag = written.startsWith("--") ? known.get(written.slice(2)) : undefined;
  if (flag === undefined) {
    throw new UsageError(`Unknown flag ${written}${didYouMean(written, known)}`);
  }
  if (flag.kind === "boolean" && argument !== written) {
    throw new UsageError(`Flag ${written} takes no value; see --help`);
  }
}

function namesOf(known: ReadonlyMap<string, ExtraFlag>, kind: ExtraFlag["kind"]): string[] {
  return [...known].filter(([, flag]) => flag.kind === kind).map(([name]) => name);
}

function didYouMean(word: string, known: ReadonlyMap<string, ExtraFlag>): string {
  const near = nearest(word.replace(/^-+/, ""), known.keys());
  return near === undefined ? "; see --help" : `; did you mean --${near}?`;
}
