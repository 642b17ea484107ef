/** Our dispatcher and relay, as processes of their own with a configuration of their own. @module */
import type { RelaySummary, SessionStatistics } from "../../../src/control/mod.ts";
import { makeCertificates } from "../../../src/io/certificate_files.ts";
import { PeerProcess } from "../../peers/support/process.ts";
import { freeTcpPort } from "../../peers/support/ports.ts";
import { until } from "../../peers/support/until.ts";
import { collectedHeapBytes, inspectorFlag } from "./inspector.ts";
import { relayV8Flags } from "./v8_flags.ts";

const PROJECT = new URL("../../../", import.meta.url).pathname;
const START_DEADLINE_MS = 60_000;
/** Longer than any run, because the generator's calls are silent most of the time. */
const NEVER_SECONDS = 86_400;

export interface ProgramsOptions {
  /** As in the configuration. */
  readonly portRange: string;
  readonly portRestTimeSeconds: number;
  /** Of the relay; one for each core without it. */
  readonly workers?: number;
  /** What to put before the relay's command line. */
  readonly relayPrefix?: readonly string[];
  /** Flags of `deno run` for the relay. */
  readonly relayDenoFlags?: readonly string[];
  /** Flags of `deno run` for the dispatcher. */
  readonly dispatcherDenoFlags?: readonly string[];
  /** Whether their heaps will be asked for. */
  readonly inspected?: boolean;
}

/** A dispatcher with one relay. */
export interface Programs extends AsyncDisposable {
  readonly dispatcher: PeerProcess;
  readonly relay: PeerProcess;
  readonly socketPath: string;
  /** What the relays say of themselves. */
  relays(): Promise<RelaySummary[]>;
  /** The calls that are up. */
  sessions(): Promise<SessionStatistics[]>;
  /** V8's heap after a full collection; undefined unless they are inspected. */
  collectedHeapBytes(name: "dispatcher" | "relay"): Promise<number | undefined>;
}

/** Starts both and waits until the relay has found the dispatcher. */
export async function startPrograms(options: ProgramsOptions): Promise<Programs> {
  const { workers = navigator.hardwareConcurrency, relayPrefix = [], relayDenoFlags = [] } = options;
  const { dispatcherDenoFlags = [], inspected = false } = options;
  await using undo = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "mediaproxy-bench-" });
  const remove = () => Deno.removeSync(directory, { recursive: true });
  globalThis.addEventListener("unload", remove); // also when the run is interrupted
  undo.defer(() => {
    globalThis.removeEventListener("unload", remove);
    remove();
  });
  await makeCertificates(`${directory}/tls`);
  const managementPort = freeTcpPort();
  const configPath = `${directory}/config.ini`;
  Deno.writeTextFileSync(configPath, configuration({ ...options, workers }, directory, managementPort));
  const flags = ["--config", configPath, "--runtime-dir", directory];
  const inspectorPorts = { dispatcher: freeTcpPort(), relay: freeTcpPort() };
  const denoFlags = (name: keyof typeof inspectorPorts) => inspected ? [inspectorFlag(inspectorPorts[name])] : [];
  const dispatcher = undo.use(
    await startProgram("dispatcher", [], [...denoFlags("dispatcher"), ...dispatcherDenoFlags], [
      "src/bin/dispatcher.ts",
      ...flags,
    ]),
  );
  const relay = undo.use(
    await startProgram("relay", relayPrefix, [...relayV8Flags(), ...denoFlags("relay"), ...relayDenoFlags], [
      "relay/main.ts",
      ...flags,
    ]),
  );
  const relays = () => ask<RelaySummary[]>(managementPort, "summary");
  await until(
    () => `the relay to join the dispatcher\n${dispatcher.tail()}\n${relay.tail()}`,
    async () => (await relays()).length === 1,
    START_DEADLINE_MS,
  );
  const owned = undo.move();
  return {
    dispatcher,
    relay,
    socketPath: `${directory}/dispatcher.sock`,
    relays,
    sessions: () => ask<SessionStatistics[]>(managementPort, "sessions"),
    collectedHeapBytes: (name) =>
      inspected ? collectedHeapBytes(inspectorPorts[name], name === "relay" ? workers : 0) : Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function configuration(
  options: ProgramsOptions & { workers: number },
  directory: string,
  managementPort: number,
): string {
  const listenPort = freeTcpPort();
  return `[Relay]
dispatchers = 127.0.0.1:${listenPort}
relay_ip = 127.0.0.1
port_range = ${options.portRange}
port_rest_time = ${options.portRestTimeSeconds}
workers = ${options.workers}
stream_timeout = ${NEVER_SECONDS}
idle_timeout = ${NEVER_SECONDS}
reconnect_delay = 1
log_level = WARNING

[Dispatcher]
socket_path = ${directory}/dispatcher.sock
listen = 127.0.0.1:${listenPort}
listen_management = 127.0.0.1:${managementPort}
management_use_tls = no
log_level = WARNING

[TLS]
certs_path = ${directory}/tls
`;
}

async function startProgram(
  name: string,
  prefix: readonly string[],
  denoFlags: readonly string[],
  args: readonly string[],
): Promise<PeerProcess> {
  const [command, ...rest] = [...prefix, Deno.execPath(), "run", "-A", "--no-prompt", ...denoFlags, ...args];
  const process = new PeerProcess(name, command!, rest, { cwd: PROJECT });
  try {
    await process.line(/\bready\b/, 0, START_DEADLINE_MS);
    return process;
  } catch (cause) {
    await process.stop();
    throw new Error(`Cannot start the ${name}\n${process.tail()}`, { cause });
  }
}

async function ask<T>(managementPort: number, command: string): Promise<T> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: managementPort });
  await conn.write(new TextEncoder().encode(`${command}\r\n`));
  let text = "";
  for await (const chunk of conn.readable.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.endsWith("\r\n")) break;
  }
  return JSON.parse(text) as T;
}
