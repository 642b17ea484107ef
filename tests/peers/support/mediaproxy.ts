/** Our dispatcher and relay as real processes, with a configuration file of their own. @module */
import { freeTcpPort, freeUdpBlock } from "./ports.ts";
import { PeerProcess } from "./process.ts";
import { DEFAULT_DEADLINE_MS } from "./until.ts";

const PROJECT = new URL("../../../", import.meta.url).pathname;
const RELAY_PORTS = 200; // 50 streams

/** No address that anything else has: neither the signalling's nor a party's. */
const RELAY_ADDRESS = "127.0.0.9";

/** A program has to be compiled before it is ready, on a machine that may be busy. */
const START_DEADLINE_MS = 30_000;

/** Keys of the `[Relay]` section that differ from the defaults. */
export type RelaySettings = Readonly<Record<string, string | number>>;

/** One relay's part of an installation. */
export interface RelayPlace {
  readonly configPath: string;
  readonly relayAddress: string;
  /** First port, and the one after the last. */
  readonly portRange: [number, number];
}

/** What the two programs share: where everything is. As a place it is the first relay's. */
export interface Installation extends RelayPlace {
  readonly directory: string;
  readonly dispatcherSocket: string;
  readonly accountingPath: string;
  readonly managementPort: number;
}

/** Writes configuration and certificates into `directory`. `rpcSocket` is where Kamailio takes JSON-RPC. */
export async function install(
  directory: string,
  rpcSocket: string,
  relaySettings: RelaySettings = {},
): Promise<Installation> {
  const certificates = `${directory}/tls`;
  await makeCertificates(certificates);
  const installation: Installation = {
    directory,
    configPath: `${directory}/config.ini`,
    dispatcherSocket: `${directory}/dispatcher.sock`,
    accountingPath: `${directory}/accounting.jsonl`,
    managementPort: freeTcpPort(),
    relayAddress: RELAY_ADDRESS,
    portRange: relayPorts(),
  };
  const listenPort = freeTcpPort();
  const sections: Record<string, Record<string, string | number>> = {
    Relay: {
      dispatchers: `127.0.0.1:${listenPort}`,
      relay_ip: installation.relayAddress,
      port_range: installation.portRange.join(":"),
      reconnect_delay: 1,
      ...relaySettings,
    },
    Dispatcher: {
      socket_path: installation.dispatcherSocket,
      listen: `127.0.0.1:${listenPort}`,
      listen_management: `127.0.0.1:${installation.managementPort}`,
      management_use_tls: "no",
      accounting: "jsonl",
    },
    TLS: { certs_path: certificates },
    Accounting: { jsonl_path: installation.accountingPath },
    Kamailio: { socket_path: rpcSocket },
  };
  const text = Object.entries(sections).map(([section, keys]) =>
    [`[${section}]`, ...Object.entries(keys).map(([key, value]) => `${key} = ${value}`), ""].join("\n")
  ).join("\n");
  await Deno.writeTextFile(installation.configPath, text);
  return installation;
}

/** Writes the configuration of one more relay, with `relayAddress` in the SDP; it reaches the dispatcher like the first. */
export async function installRelay(
  { directory, configPath, ...first }: Installation,
  relayAddress: string,
): Promise<RelayPlace> {
  const place = { configPath: `${directory}/relay-${relayAddress}.ini`, relayAddress, portRange: relayPorts() };
  const text = (await Deno.readTextFile(configPath))
    .replace(`relay_ip = ${first.relayAddress}`, `relay_ip = ${relayAddress}`)
    .replace(`port_range = ${first.portRange.join(":")}`, `port_range = ${place.portRange.join(":")}`);
  await Deno.writeTextFile(place.configPath, text);
  return place;
}

/** Starts the dispatcher; resolves once it listens. */
export function startDispatcher({ configPath, directory }: Installation): Promise<PeerProcess> {
  return startProgram("dispatcher", ["src/bin/dispatcher.ts", "--config", configPath, "--runtime-dir", directory]);
}

/** Starts the relay; resolves once it is ready, which is before it has found its dispatcher. */
export function startRelay({ configPath }: RelayPlace): Promise<PeerProcess> {
  return startProgram("relay", ["relay/main.ts", "--config", configPath]);
}

/** Sends one command to the dispatcher's management port, and returns the JSON value that it answers. */
export async function manage({ managementPort }: Installation, command: "sessions" | "summary"): Promise<unknown> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: managementPort });
  const timer = setTimeout(() => connection.close(), DEFAULT_DEADLINE_MS);
  try {
    await connection.write(new TextEncoder().encode(`${command}\r\n`));
    let text = "";
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(65_536);
    while (!text.includes("\r\n")) {
      const count = await connection.read(buffer);
      if (count === null) throw new Error(`Cannot read the answer to ${command}: closed after ${JSON.stringify(text)}`);
      text += decoder.decode(buffer.subarray(0, count), { stream: true });
    }
    return JSON.parse(text);
  } finally {
    clearTimeout(timer);
  }
}

function relayPorts(): [number, number] {
  const first = freeUdpBlock(RELAY_PORTS);
  return [first, first + RELAY_PORTS];
}

async function startProgram(name: string, args: string[]): Promise<PeerProcess> {
  const process = new PeerProcess(name, Deno.execPath(), ["run", "-A", "--no-prompt", ...args], { cwd: PROJECT });
  try {
    await process.line(/\bready\b/, 0, START_DEADLINE_MS);
  } catch (error) {
    await process.stop();
    throw new Error(`Cannot start the ${name}\n${process.tail()}`, { cause: error });
  }
  return process;
}

async function makeCertificates(directory: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", "scripts/make_certificates.ts", directory],
    cwd: PROJECT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot make certificates: ${new TextDecoder().decode(stderr)}`);
}
