/**
 * What every program does around its work: flags, configuration, log, signals, and errors that say what to do next.
 *
 * | exit code | meaning                                                  |
 * | --------- | -------------------------------------------------------- |
 * | 0         | ended as asked                                           |
 * | 1         | could not start, or failed                               |
 * | 2         | the command line or the configuration is not acceptable |
 * @module
 */
import {
  type Config,
  ConfigError,
  type ExtraFlags,
  type Flags,
  helpText,
  type LogFormat,
  parseConfig,
  parseFlags,
  type Paths,
  type Program,
  resolvePaths,
  UsageError,
} from "../config/mod.ts";
import type { LogLevel } from "../env/log.ts";
import { VERSION } from "../version.ts";
import { createLog, type ProgramLog } from "./log.ts";

/** What a program has to work with. */
export interface ProgramContext<E extends ExtraFlags> {
  readonly flags: Flags<E>;
  readonly paths: Paths;
  readonly config: Config;
}

/** A reason not to start that the user can do something about. The message says what. */
export class StartError extends Error {
  override name = "StartError";
}

/**
 * Parses the command line, answers `--version` and `--help`, reads the configuration, runs `main`, and ends the process
 * with its exit code.
 */
export async function runProgram<const E extends ExtraFlags>(
  program: Program<E>,
  main: (context: ProgramContext<E>, warnings: readonly string[]) => Promise<number>,
): Promise<never> {
  Deno.exit(await run(program, main));
}

async function run<const E extends ExtraFlags>(
  program: Program<E>,
  main: (context: ProgramContext<E>, warnings: readonly string[]) => Promise<number>,
): Promise<number> {
  try {
    const flags = parseFlags(Deno.args, program);
    if (flags.version) return say(VERSION);
    if (flags.help) return say(helpText(program).trimEnd());
    const paths = resolvePaths(flags);
    const { config, warnings } = readConfig(paths);
    return await main({ flags, paths, config }, warnings);
  } catch (error) {
    return complain(program.name, error);
  }
}

/**
 * Reads the configuration file. A missing one means the defaults, unless the command line names it.
 * @throws ConfigError | StartError
 */
export function readConfig({ configFile, explicit }: Paths): { config: Config; warnings: readonly string[] } {
  let text = "";
  try {
    text = Deno.readTextFileSync(configFile);
  } catch (cause) {
    const missing = cause instanceof Deno.errors.NotFound;
    const forbidden = cause instanceof Deno.errors.NotCapable;
    if (explicit || !(missing || forbidden)) {
      throw new StartError(
        `Cannot read the configuration ${configFile}: ${missing ? "there is no such file" : reason(cause)}`,
        {
          cause,
        },
      );
    }
  }
  return parseConfig(text, configFile);
}

/** The program's log, with what the configuration's reading had to say already in it. */
export function openLog(level: LogLevel, format: LogFormat, debug: boolean, warnings: readonly string[]): ProgramLog {
  const log = createLog(debug ? "debug" : level, format);
  for (const warning of warnings) log.warning(warning);
  return log;
}

/** A line on standard output; 0, the exit code that goes with it. */
export function say(text: string): 0 {
  // deno-lint-ignore no-console -- standard output is what a program says to its user
  console.log(text);
  return 0;
}

function complain(name: string, error: unknown): number {
  // deno-lint-ignore no-console -- before there is a log
  const print = (text: string) => console.error(`${name}: ${text}`);
  if (error instanceof UsageError || error instanceof ConfigError) {
    error.message.split("\n").forEach(print);
    return 2;
  }
  print(error instanceof Error && isExpected(error) ? reason(error) : `${(error as Error)?.stack ?? error}`);
  return 1;
}

function isExpected(error: Error): boolean {
  return /^(StartError|SocketPathError|CredentialsError|ListenError|ScriptError|UsersError|DatabaseError|AnswerError)$/
    .test(
      error.name,
    ) ||
    error instanceof Deno.errors.NotCapable;
}

/** An error's message; for a missing permission, with the way to give it. */
function reason(error: unknown): string {
  const { message } = error as Error;
  if (!(error instanceof Deno.errors.NotCapable)) return message;
  return `${message}; the program's permission set is in deno.json, and a flag of deno run replaces its part of the set`;
}

export interface SignalHandlers {
  readonly stop: (signal: "SIGTERM" | "SIGINT") => void;
  readonly hangup: () => void;
  readonly toggleDebug: () => void;
}

/** Listens for signals. SIGUSR1, which the original uses, would open Deno's inspector, so it is SIGUSR2. */
export function handleSignals({ stop, hangup, toggleDebug }: SignalHandlers): void {
  Deno.addSignalListener("SIGTERM", () => stop("SIGTERM"));
  Deno.addSignalListener("SIGINT", () => stop("SIGINT"));
  Deno.addSignalListener("SIGHUP", hangup);
  Deno.addSignalListener("SIGUSR2", toggleDebug);
}
