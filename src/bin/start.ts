/**
 * Everything on this host for a first try: makes certificates and a configuration, starts dispatcher and relay as
 * processes of their own with their own permission sets, and says what to do next.
 *
 * ```sh
 * deno task start
 * ```
 * @module
 */
import { bracketed } from "../control/media_header.ts";
import { makeCertificates } from "../io/certificate_files.ts";
import { Child } from "../io/child.ts";
import { defaultAddress } from "../io/default_address.ts";
import { freeTcpPort } from "../io/free_port.ts";
import { handleSignals, runProgram, say, StartError } from "../io/program.ts";

const PROJECT = new URL("../../", import.meta.url).pathname;

/** Where this run lives. */
interface Layout {
  readonly runtimeDir: string;
  readonly configFile: string;
  readonly socketPath: string;
  readonly jsonlPath: string;
  readonly relayIp: string;
  readonly dispatcherPort: number;
  readonly managementPort: number;
}

if (import.meta.main) {
  await runProgram({
    name: "start",
    summary: "Runs a dispatcher and a relay on this host, with certificates and a configuration made on the spot.",
    extra: {
      "relay-ip": { kind: "string", placeholder: "ADDRESS", help: "carry media on this address of the host" },
    },
  }, async ({ flags, paths }) => {
    const runtimeDir = flags.runtimeDir === undefined ? defaultRuntimeDir() : paths.runtimeDir;
    const layout = await prepare(runtimeDir, flags.extra["relay-ip"] ?? defaultAddress() ?? "127.0.0.1");
    const debug = flags.debug ? ["--debug"] : [];
    const children: Child[] = [];
    const allRun = () => children.every(({ running, stopped }) => running && !stopped);
    const start = (child: Child) => {
      children.push(child);
      return Promise.race([child.ready, child.ended]);
    };
    const stop = () => children.forEach((child) => child.stop());
    handleSignals({ stop, hangup: stop, toggleDebug: () => children.forEach((child) => child.signal("SIGUSR2")) });
    await start(dispatcher(layout, debug));
    // A relay whose dispatcher is not there yet would try again only after reconnect_delay.
    if (allRun()) await start(relay(layout, debug));
    if (allRun()) say(nextSteps(layout));
    // One without the other is of no use, so the first that ends takes the other with it.
    const first = await Promise.race(children.map((child) => child.ended));
    const stopping = children.some(({ stopped }) => stopped);
    stop();
    await Promise.all(children.map(({ ended }) => ended));
    if (!stopping) say("start: a program has ended by itself, its last lines say why; everything is stopped");
    return stopping ? 0 : first.code || 1;
  });
}

/** Below the user's own directories; what lies there may be deleted whenever nothing runs. */
function defaultRuntimeDir(): string {
  const base = Deno.env.get("XDG_RUNTIME_DIR") ?? Deno.env.get("HOME");
  if (!base) throw new StartError("Cannot choose a runtime directory: HOME is not set; give --runtime-dir DIR");
  return `${base}/.mediaproxy`;
}

async function prepare(runtimeDir: string, relayIp: string): Promise<Layout> {
  const directory = runtimeDir.startsWith("/") ? runtimeDir : `${Deno.cwd()}/${runtimeDir}`;
  Deno.mkdirSync(directory, { recursive: true, mode: 0o750 });
  const certificates = `${directory}/tls`;
  if (!exists(`${certificates}/ca.pem`)) {
    say(`start: making certificates in ${certificates}`);
    await makeCertificates(certificates);
  }
  const dispatcherPort = freeTcpPort("127.0.0.1", 25060);
  const layout: Layout = {
    runtimeDir: directory,
    configFile: `${directory}/config.ini`,
    socketPath: `${directory}/dispatcher.sock`,
    jsonlPath: `${directory}/sessions.jsonl`,
    relayIp,
    dispatcherPort,
    managementPort: freeTcpPort("127.0.0.1", Math.max(25061, dispatcherPort + 1)),
  };
  Deno.writeTextFileSync(layout.configFile, configuration(layout), { mode: 0o600 });
  return layout;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function configuration(layout: Layout): string {
  return `; Made by "deno task start", and made anew each time. config.ini.sample explains the keys.
[Relay]
dispatchers = 127.0.0.1:${layout.dispatcherPort}
relay_ip = ${layout.relayIp}
; Phones on this network and on this host are reached directly.
routable_private_ranges = 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 127.0.0.0/8

[Dispatcher]
socket_path = ${layout.socketPath}
listen = 127.0.0.1:${layout.dispatcherPort}
listen_management = 127.0.0.1:${layout.managementPort}
accounting = jsonl

[Accounting]
jsonl_path = ${layout.jsonlPath}
`;
}

function dispatcher(layout: Layout, flags: readonly string[]): Child {
  const { runtimeDir, socketPath, dispatcherPort, managementPort } = layout;
  const sipServers = ["/run/opensips/socket", "/run/kamailio/kamailio_rpc.sock"];
  const sockets = [socketPath, `${runtimeDir}/opensips.sock`, `${runtimeDir}/kamailio.sock`, ...sipServers];
  const net = [`127.0.0.1:${dispatcherPort}`, `127.0.0.1:${managementPort}`, ...sockets.map((path) => `unix:${path}`)];
  const files = [runtimeDir, ...sipServers].join(",");
  return Child.deno(
    "dispatcher",
    ["-P=dispatcher", `--allow-net=${net.join(",")}`, `--allow-read=${files}`, `--allow-write=${files}`],
    [`${PROJECT}src/bin/dispatcher.ts`, "--config", layout.configFile, "--runtime-dir", runtimeDir, ...flags],
  );
}

function relay({ configFile, runtimeDir }: Layout, flags: readonly string[]): Child {
  return Child.deno(
    "relay",
    ["-P=relay", `--allow-read=${runtimeDir}`],
    [`${PROJECT}relay/main.ts`, "--config", configFile, "--runtime-dir", runtimeDir, ...flags],
  );
}

function nextSteps({ socketPath, configFile, jsonlPath, relayIp, managementPort }: Layout): string {
  return `
Dispatcher and relay are running. Media goes through ${bracketed(relayIp)}.

1. Point your SIP server at the dispatcher. For Kamailio:
     modparam("mediaproxy", "mediaproxy_socket", "${socketPath}")
   and call engage_media_proxy() for each initial INVITE (with the dialog module), or use_media_proxy().
2. Make a call, and look at it:
     deno task ctl sessions --config ${configFile}
     deno task ctl summary --config ${configFile}      (management port 127.0.0.1:${managementPort})
3. Ended calls are written to ${jsonlPath}

Stop with Ctrl-C. README.md says how to run the programs one by one, and on many hosts.
`;
}
