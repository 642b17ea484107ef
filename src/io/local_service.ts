/**
 * Proxy, dispatcher and relay as processes of their own on this host, for a first try: certificates, users and a
 * configuration made on the spot, and for each program just the permissions that it needs.
 * @module
 */
import { bracketed } from "../control/media_header.ts";
import { makeCertificates } from "./certificate_files.ts";
import { Child } from "./child.ts";
import { freeTcpPort } from "./free_port.ts";

const PROJECT = new URL("../../", import.meta.url).pathname;

/** A user that phones can register with. */
export interface LocalUser {
  readonly name: string;
  readonly password: string;
}

/** Where a local service lives, and what it is made of. */
export interface LocalServiceOptions {
  /** An absolute path. */
  readonly directory: string;
  /** The address of SIP and media. */
  readonly address: string;
  readonly users: readonly LocalUser[];
  /** Networks whose phones are reached directly, for `routable_private_ranges`. */
  readonly directNetworks: string;
  readonly debug: boolean;
  /** Told what is being done. */
  readonly say: (text: string) => void;
}

/** What was chosen. */
export interface LocalLayout {
  readonly directory: string;
  readonly configFile: string;
  readonly dispatcherSocket: string;
  readonly controlSocket: string;
  readonly jsonlPath: string;
  readonly address: string;
  readonly sipPort: number;
  readonly dispatcherPort: number;
  readonly managementPort: number;
}

/** Chooses ports, and writes certificates, users and configuration. */
export async function prepareLocalService(options: LocalServiceOptions): Promise<LocalLayout> {
  const { directory, address, users, say } = options;
  Deno.mkdirSync(directory, { recursive: true, mode: 0o750 });
  const certificates = `${directory}/tls`;
  if (!exists(`${certificates}/ca.pem`)) {
    say(`making certificates in ${certificates}`);
    await makeCertificates(certificates);
  }
  const dispatcherPort = freeTcpPort("127.0.0.1", 25060);
  const layout: LocalLayout = {
    directory,
    configFile: `${directory}/config.ini`,
    dispatcherSocket: `${directory}/dispatcher.sock`,
    controlSocket: `${directory}/proxy.sock`,
    jsonlPath: `${directory}/sessions.jsonl`,
    address,
    sipPort: freeTcpPort(address, 5060),
    dispatcherPort,
    managementPort: freeTcpPort("127.0.0.1", Math.max(25061, dispatcherPort + 1)),
  };
  const lines = users.map(({ name, password }) => `${name}:${password}\n`).join("");
  writePrivate(`${directory}/users.txt`, `# Made on the spot, and made anew each time.\n${lines}`);
  writePrivate(layout.configFile, configuration(layout, options));
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

function writePrivate(path: string, text: string): void {
  Deno.writeTextFileSync(path, text, { mode: 0o600 });
}

function configuration(layout: LocalLayout, { directNetworks }: LocalServiceOptions): string {
  const sip = `${bracketed(layout.address)}:${layout.sipPort}`;
  return `; Made on the spot, and made anew each time. config.ini.sample explains the keys.
[Proxy]
listen = udp:${sip}, tcp:${sip}
domains = ${layout.address}
state_dir = ${layout.directory}
control_socket = ${layout.controlSocket}

[MediaProxy]
mediaproxy_socket = ${layout.dispatcherSocket}

[Relay]
dispatchers = 127.0.0.1:${layout.dispatcherPort}
relay_ip = ${layout.address}
routable_private_ranges = ${directNetworks}

[Dispatcher]
socket_path = ${layout.dispatcherSocket}
listen = 127.0.0.1:${layout.dispatcherPort}
listen_management = 127.0.0.1:${layout.managementPort}
accounting = jsonl

[OpenSIPS]
; The proxy ends calls whose media has stopped.
socket_path = ${layout.controlSocket}

[Accounting]
jsonl_path = ${layout.jsonlPath}
`;
}

/** The processes of a local service. */
export class LocalService {
  readonly layout: LocalLayout;
  readonly #debug: readonly string[];
  readonly #print: ((line: string) => void) | undefined;
  readonly #children: Child[] = [];

  /** `print` gets what the programs print, line by line; standard output by default. */
  constructor(layout: LocalLayout, debug: boolean, print?: (line: string) => void) {
    this.layout = layout;
    this.#debug = debug ? ["--debug"] : [];
    this.#print = print;
  }

  /** Starts all, the ones that others need first. Whether all are ready. */
  async start(): Promise<boolean> {
    for (const child of [this.#dispatcher, this.#relay, this.#proxy]) {
      await this.#started(child.call(this));
      if (!this.isRunning) return false;
    }
    return true;
  }

  async #started(child: Child): Promise<void> {
    this.#children.push(child);
    await Promise.race([child.ready, child.ended]);
  }

  /** Whether all run that were started, and none was told to stop. */
  get isRunning(): boolean {
    return this.#children.every(({ running, stopped }) => running && !stopped);
  }

  /** Sends a signal to all. */
  signal(signal: Deno.Signal): void {
    for (const child of this.#children) child.signal(signal);
  }

  /** Asks all to stop. Twice is harmless. */
  stop(): void {
    for (const child of this.#children) child.stop();
  }

  /**
   * Settles when all have ended. One without the others is of no use, so the first that ends takes them with it; its exit
   * code is the result, and whether it ended by itself.
   */
  async ended(): Promise<{ readonly code: number; readonly byItself: boolean }> {
    const first = await Promise.race(this.#children.map((child) => child.ended));
    const byItself = !this.#children.some(({ stopped }) => stopped);
    this.stop();
    await Promise.all(this.#children.map(({ ended }) => ended));
    return { code: first.code, byItself };
  }

  #dispatcher(): Child {
    const { directory, dispatcherSocket, controlSocket, dispatcherPort, managementPort } = this.layout;
    const sockets = [dispatcherSocket, controlSocket, `${directory}/opensips.sock`, `${directory}/kamailio.sock`];
    const kamailio = "/run/kamailio/kamailio_rpc.sock";
    const ports = [`127.0.0.1:${dispatcherPort}`, `127.0.0.1:${managementPort}`];
    const net = [...ports, ...[...sockets, kamailio].map((path) => `unix:${path}`)].join(",");
    const files = [directory, kamailio].join(",");
    return this.#child("dispatcher", "src/bin/dispatcher.ts", [
      `--allow-net=${net}`,
      `--allow-read=${files}`,
      `--allow-write=${files}`,
    ]);
  }

  #relay(): Child {
    // The code of its worker isolates is read as files are.
    const files = [this.layout.directory, PROJECT].join(",");
    return this.#child("relay", "relay/main.ts", [`--allow-read=${files}`]);
  }

  #proxy(): Child {
    const { directory } = this.layout;
    return this.#child("proxy", "src/bin/proxy.ts", [`--allow-read=${directory}`, `--allow-write=${directory}`]);
  }

  #child(name: string, file: string, permissions: readonly string[]): Child {
    const { configFile, directory } = this.layout;
    const flags = ["--config", configFile, "--runtime-dir", directory, ...this.#debug];
    return Child.deno(name, [`-P=${name}`, ...permissions], [`${PROJECT}${file}`, ...flags], this.#print);
  }
}
