/**
 * The operator's command: asks a dispatcher's management port.
 *
 * ```sh
 * deno task ctl summary
 * deno task ctl sessions --json
 * ```
 * @module
 */
import { parseHostPort } from "../config/mod.ts";
import { MANAGEMENT_PORT, resolveIn } from "../config/mod.ts";
import { ask, type ManagementAddress } from "../ctl/io/ask.ts";
import { sessionsPage, summaryPage } from "../ctl/pages.ts";
import { runProgram, say } from "../io/program.ts";
import { UsageError } from "../config/mod.ts";

const COMMANDS: Readonly<Record<string, (answer: string) => string>> = {
  summary: summaryPage,
  sessions: sessionsPage,
  version: (answer) => answer,
};

if (import.meta.main) {
  await runProgram({
    name: "ctl",
    summary: "Asks a dispatcher. Commands: summary (the relays), sessions (the calls), version.",
    positionals: "COMMAND",
    extra: {
      json: { kind: "boolean", help: "print the dispatcher's answer as it is" },
      address: {
        kind: "string",
        placeholder: "HOST:PORT",
        help: "the management port, unless it is the configured one",
      },
      certificate: {
        kind: "string",
        placeholder: "NAME",
        help: "use NAME.crt and NAME.key of certs_path (default: dispatcher)",
      },
    },
  }, async ({ flags, paths, config }) => {
    const [command, ...others] = flags.positionals;
    const show = COMMANDS[command ?? ""];
    if (show === undefined || others.length > 0) {
      throw new UsageError(
        `Unknown command ${flags.positionals.join(" ") || "(none)"}; one of ${Object.keys(COMMANDS).join(", ")}`,
      );
    }
    const { listenManagement, managementUseTls } = config.dispatcher;
    const { host, port } = flags.extra.address === undefined
      ? { host: reachable(listenManagement.hostname), port: listenManagement.port }
      : parseHostPort(flags.extra.address, MANAGEMENT_PORT);
    const address: ManagementAddress = {
      host,
      port,
      tls: managementUseTls
        ? { certsPath: resolveIn(paths.configDir, config.tls.certsPath), name: flags.extra.certificate ?? "dispatcher" }
        : undefined,
    };
    const answer = await ask(address, command!);
    return say(flags.extra.json ? answer : show(answer));
  });
}

/** Where to connect for something that listens on every interface. */
function reachable(hostname: string): string {
  return hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "::1" : hostname;
}
