/**
 * The operator's command: asks a dispatcher's management port, or a proxy's control socket.
 *
 * ```sh
 * deno task ctl summary
 * deno task ctl sessions --json
 * deno task ctl explain 3c26700ce4a4
 * deno task ctl phones
 * ```
 * @module
 */
import { type Config, MANAGEMENT_PORT, parseHostPort, type Paths, resolveIn, UsageError } from "../config/mod.ts";
import { ask, type ManagementAddress } from "../ctl/io/ask.ts";
import { askProxy } from "../ctl/io/ask_proxy.ts";
import { explainPage } from "../ctl/explain_page.ts";
import { sessionsPage, summaryPage } from "../ctl/pages.ts";
import { callsPage, phonesPage } from "../ctl/proxy_pages.ts";
import { runProgram, say, StartError } from "../io/program.ts";

interface Command {
  /** Who is asked. */
  readonly of: "dispatcher" | "proxy";
  /** By its name there. */
  readonly method: string;
  /** What has to be said besides. */
  readonly argument?: string;
  /** What people see of the answer. */
  page(answer: string): string;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  summary: { of: "dispatcher", method: "summary", page: summaryPage },
  sessions: { of: "dispatcher", method: "sessions", page: sessionsPage },
  explain: { of: "dispatcher", method: "explain", argument: "CALL-ID", page: explainPage },
  version: { of: "dispatcher", method: "version", page: (answer) => answer },
  phones: { of: "proxy", method: "ul_dump", page: phonesPage },
  calls: { of: "proxy", method: "dlg_list", page: (answer) => callsPage(answer, Date.now() / 1000) },
};

/** The flags that say where a dispatcher is. */
interface AddressFlags {
  readonly address?: string | undefined;
  readonly certificate?: string | undefined;
}

if (import.meta.main) {
  await runProgram({
    name: "ctl",
    summary: "Asks a dispatcher: summary (the relays), sessions (the calls' media), explain CALL-ID (why there " +
      "is no sound; the beginning of the Call-ID will do), version. " +
      "Asks a proxy: phones (who is registered), calls.",
    positionals: "COMMAND [CALL-ID]",
    extra: {
      json: { kind: "boolean", help: "print the answer as it is" },
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
    const [command, ...args] = flags.positionals;
    const known = COMMANDS[command ?? ""];
    if (known === undefined) {
      throw new UsageError(`Unknown command ${command ?? "(none)"}; one of ${Object.keys(COMMANDS).join(", ")}`);
    }
    if (args.length !== (known.argument === undefined ? 0 : 1) || args.some((text) => /\s/.test(text))) {
      throw new UsageError(
        `Cannot ask for ${flags.positionals.join(" ")}: it is ${command} ${known.argument ?? "alone"}`,
      );
    }
    const answer = known.of === "proxy"
      ? await askProxy(controlSocket(config, paths), known.method)
      : await ask(managementAddress(config, paths, flags.extra), [known.method, ...args].join(" "));
    return say(flags.extra.json ? answer : known.page(answer));
  });
}

/** @throws StartError if the proxy has none */
function controlSocket(config: Config, paths: Paths): string {
  const { controlSocket } = config.proxy;
  if (controlSocket === undefined) throw new StartError("Cannot ask the proxy: control_socket in [Proxy] is None");
  return resolveIn(paths.runtimeDir, controlSocket);
}

/** Where the dispatcher listens for operators. */
function managementAddress(config: Config, paths: Paths, flags: AddressFlags): ManagementAddress {
  const { listenManagement, managementUseTls } = config.dispatcher;
  const { host, port } = flags.address === undefined
    ? { host: reachable(listenManagement.hostname), port: listenManagement.port }
    : parseHostPort(flags.address, MANAGEMENT_PORT);
  const certsPath = resolveIn(paths.configDir, config.tls.certsPath);
  return { host, port, tls: managementUseTls ? { certsPath, name: flags.certificate ?? "dispatcher" } : undefined };
}

/** Where to connect for something that listens on every interface. */
function reachable(hostname: string): string {
  return hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "::1" : hostname;
}
