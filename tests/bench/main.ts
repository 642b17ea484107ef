/**
 * Benchmarks of the three programs, as processes of their own, on the loopback interface of a Linux host.
 *
 * ```sh
 * deno run -A tests/bench/main.ts relay|control|proxy [--json] [--quick]
 * ```
 * Progress goes to standard error, the result to standard output. Figures from one machine at one time compare with each
 * other only: read the ratios.
 *
 * | exit code | meaning                                          |
 * | --------- | ------------------------------------------------ |
 * | 0         | measured, whether or not the targets were met     |
 * | 1         | a program failed, or gave a wrong answer         |
 * | 2         | the command line is not acceptable               |
 * @module
 */
import { UsageError } from "../../src/config/mod.ts";
import { benchControl, CONTROL_FLAGS } from "./control_command.ts";
import { benchProxy, PROXY_FLAGS } from "./proxy_command.ts";
import { benchRelay, RELAY_FLAGS } from "./relay_command.ts";
import { print, progress } from "./support/figures.ts";
import { type BenchFlags, flagsHelp } from "./support/flags.ts";

interface BenchCommand {
  readonly summary: string;
  readonly flags: BenchFlags;
  /** Returns the exit code. */
  run(args: readonly string[]): Promise<number>;
}

const COMMANDS: Readonly<Record<string, BenchCommand>> = {
  relay: {
    summary: "packets through the relay, the bare loop and rtpengine; memory per session",
    flags: RELAY_FLAGS,
    run: benchRelay,
  },
  control: {
    summary: "calls set up and ended through dispatcher and relay",
    flags: CONTROL_FLAGS,
    run: benchControl,
  },
  proxy: {
    summary: "calls through the proxy and Kamailio, with and without media relays; memory over many calls",
    flags: PROXY_FLAGS,
    run: benchProxy,
  },
};

if (import.meta.main) {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => Deno.exit(1));
  }
  Deno.exit(await run(Deno.args));
}

async function run([name = "--help", ...args]: readonly string[]): Promise<number> {
  try {
    if (name === "--help") {
      print(help());
      return 0;
    }
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) {
      throw new UsageError(`${name.startsWith("-") ? "Unknown flag" : "There is no command"} ${name}; see --help`);
    }
    if (args.includes("--help")) {
      print(commandHelp(name, command));
      return 0;
    }
    return await command.run(args);
  } catch (error) {
    const expected = error instanceof UsageError;
    progress(
      expected || !(error instanceof Error) ? String((error as Error).message ?? error) : error.stack ?? error.message,
    );
    return expected ? 2 : 1;
  }
}

function help(): string {
  const pages = Object.entries(COMMANDS).map(([name, command]) => commandHelp(name, command));
  return ["Measures proxy, dispatcher and relay on the loopback interface.", ...pages].join("\n\n");
}

function commandHelp(name: string, { summary, flags }: BenchCommand): string {
  return `bench ${name} [FLAGS]: ${summary}\n${flagsHelp(flags)}`;
}
