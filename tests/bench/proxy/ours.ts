/** Our proxy as a subject: the real program, with a routing script for the benchmark. @module */
import { freeTcpPort, freeUdpPort } from "../../peers/support/ports.ts";
import { PeerProcess } from "../../peers/support/process.ts";
import { collectedHeapBytes, inspectorFlag } from "../support/inspector.ts";
import { startPrograms } from "../support/our_programs.ts";
import { CALLEE_ADDRESS, MEDIA_PORTS, type Module, type ProxySubject, type ProxySubjectOptions } from "./subject.ts";

export const OURS = "ours";

const PROJECT = new URL("../../../", import.meta.url).pathname;
const ROUTE = new URL("./route.ts", import.meta.url).href;
const START_DEADLINE_MS = 60_000;
/** Those of half a minute at some thousand calls a second; as with Kamailio's memory, the default is for less. */
const MAX_TRANSACTIONS = 1_000_000;

/** Starts the proxy. */
export async function startOurs({ module, calleePort, inspected }: ProxySubjectOptions): Promise<ProxySubject> {
  await using undo = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "proxy-bench-" });
  undo.defer(() => Deno.remove(directory, { recursive: true }));
  const programs = module === "none"
    ? undefined
    : undo.use(await startPrograms({ portRange: MEDIA_PORTS.ours, portRestTimeSeconds: 0, inspected }));
  const port = freeUdpPort();
  Deno.writeTextFileSync(`${directory}/users.txt`, "nobody:nothing\n", { mode: 0o600 });
  Deno.writeTextFileSync(`${directory}/config.ini`, configuration(directory, port, programs?.socketPath));
  Deno.writeTextFileSync(`${directory}/script.ts`, script(module, calleePort));
  const inspectorPort = freeTcpPort();
  const process = undo.use(
    new PeerProcess(OURS, Deno.execPath(), [
      ...["run", "-A", "--no-prompt", ...inspected ? [inspectorFlag(inspectorPort)] : [], "src/bin/proxy.ts"],
      ...["--config", `${directory}/config.ini`, "--runtime-dir", directory],
    ], { cwd: PROJECT }),
  );
  try {
    await process.line(/\bready\b/, 0, START_DEADLINE_MS);
  } catch (cause) {
    throw new Error(`Cannot start the proxy\n${process.tail()}`, { cause });
  }
  const owned = undo.move();
  return {
    name: OURS,
    port,
    process,
    programs,
    collectedHeapBytes: () => inspected ? collectedHeapBytes(inspectorPort) : Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Everything that costs something without being part of a call is off, as it is in Kamailio's configuration. */
function configuration(directory: string, port: number, dispatcherSocket: string | undefined): string {
  return `[Proxy]
listen = udp:127.0.0.1:${port}
authenticate = no
state_dir = ${directory}
database = None
control_socket = None
script = ${directory}/script.ts
max_transactions = ${MAX_TRANSACTIONS}
log_level = WARNING

[MediaProxy]
${dispatcherSocket === undefined ? "disable = yes" : `mediaproxy_socket = ${dispatcherSocket}`}
`;
}

function script(module: Module, calleePort: number): string {
  return `import { benchScript } from ${JSON.stringify(ROUTE)};
export default benchScript("${module}", "sip:bob@${CALLEE_ADDRESS}:${calleePort}");
`;
}
