/** Our dispatcher and relay on the laboratory's public host, for whatever SIP server is there. @module */
import type { SessionStatistics } from "../../../src/control/mod.ts";
import { issueCertificate, makeCertificates } from "../../../src/io/certificate_files.ts";
import { type Lab, RELAY_ADDRESS } from "./lab.ts";
import { LabConnection } from "./lab_connection.ts";
import type { PeerProcess } from "./process.ts";
import { until } from "./until.ts";

const PROJECT = new URL("../../../", import.meta.url).pathname;
/** A program has to be compiled before it is ready, on a machine that may be busy. */
const START_DEADLINE_MS = 30_000;

/** How long media may pause until the relay takes it for lost. */
export const IDLE_TIMEOUT_SECONDS = 4;

/** The domain whose users the phones are. */
export const DOMAIN = "example.com";
/** The name in the SIP server's certificate. */
export const SERVER_NAME = "sip.example.com";

/** Where a dispatcher and a relay are on the public host. */
export interface MediaPlace {
  readonly relayAddress: string;
  readonly relaysPort: number;
  readonly managementPort: number;
}

const USUAL_PLACE: MediaPlace = { relayAddress: RELAY_ADDRESS, relaysPort: 25060, managementPort: 25061 };

/** Sections of a configuration, and their keys. */
export type Sections = Readonly<Record<string, Readonly<Record<string, string | number>>>>;

/** Dispatcher and relay, and where everything is. */
export class MediaService implements AsyncDisposable {
  readonly lab: Lab;
  readonly place: MediaPlace;
  readonly directory: string;
  readonly configPath: string;
  readonly dispatcherSocket: string;
  /** Where the SIP server takes JSON-RPC. */
  readonly controlSocket: string;
  /** The authority of all certificates. */
  readonly caFile: string;
  readonly programs: PeerProcess[] = [];
  #dispatcher: PeerProcess | undefined;
  #relay: PeerProcess | undefined;

  private constructor(lab: Lab, place: MediaPlace, directory: string) {
    this.lab = lab;
    this.place = place;
    this.directory = directory;
    this.configPath = `${directory}/config.ini`;
    this.dispatcherSocket = `${directory}/dispatcher.sock`;
    this.controlSocket = `${directory}/sip.sock`;
    this.caFile = `${directory}/tls/ca.pem`;
  }

  /** Starts both in a directory of their own. `more` joins the configuration, key by key. */
  static async start(
    lab: Lab,
    more: (service: MediaService) => Sections,
    place: MediaPlace = USUAL_PLACE,
  ): Promise<MediaService> {
    const service = new MediaService(lab, place, await Deno.makeTempDir({ prefix: "lab-" }));
    try {
      await makeCertificates(`${service.directory}/tls`);
      await issueCertificate(`${service.directory}/tls`, "sip", SERVER_NAME);
      await Deno.writeTextFile(service.configPath, iniText(merged(service.#sections(), more(service))));
      await service.#launchDispatcher();
      await service.startRelay();
    } catch (error) {
      await service[Symbol.asyncDispose]();
      throw error;
    }
    return service;
  }

  get dispatcher(): PeerProcess {
    return this.#dispatcher!;
  }

  get relay(): PeerProcess {
    return this.#relay!;
  }

  /** Starts a dispatcher in place of the one that has ended; resolves once the relay has joined it. */
  async startDispatcher(): Promise<void> {
    await this.#launchDispatcher();
    await this.dispatcher.line(/relay connected/, 0, START_DEADLINE_MS);
  }

  /** Starts a relay in place of the one that has ended; resolves once it has joined the dispatcher. */
  async startRelay(): Promise<void> {
    const from = this.dispatcher.lines.length;
    this.#relay = await this.startProgram("relay", ["relay/main.ts", "--config", this.configPath]);
    await this.dispatcher.line(/relay connected/, from, START_DEADLINE_MS);
  }

  async #launchDispatcher(): Promise<void> {
    this.#dispatcher = await this.startProgram("dispatcher", [
      ...["src/bin/dispatcher.ts", "--config", this.configPath, "--runtime-dir", this.directory],
    ]);
  }

  /** Starts one of our programs on the public host; resolves when it says that it is ready. */
  async startProgram(name: string, args: readonly string[]): Promise<PeerProcess> {
    const command = ["run", "-A", "--no-prompt", ...args];
    const program = this.lab.start(name, Deno.execPath(), command, { cwd: PROJECT });
    this.programs.push(program);
    try {
      await program.line(/\bready\b/, 0, START_DEADLINE_MS);
    } catch (error) {
      throw new Error(`Cannot start the ${name}\n${program.tail()}`, { cause: error });
    }
    return program;
  }

  /** The running sessions, as the management port tells. */
  async sessions(): Promise<SessionStatistics[]> {
    return JSON.parse(await this.ask("sessions")) as SessionStatistics[];
  }

  /** What the management port answers. */
  async ask(command: string): Promise<string> {
    let answer: string | undefined;
    const { managementPort } = this.place;
    await using connection = new LabConnection(this.lab.publicHost, "127.0.0.1", managementPort, (text) => {
      const end = text.indexOf("\r\n");
      if (end >= 0) answer ??= text.slice(0, end);
      return text;
    });
    await connection.write(`${command}\r\n`);
    return await until(`the dispatcher to answer ${command}`, () => answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.programs.splice(0).reverse()) await program.stop();
    await Deno.remove(this.directory, { recursive: true });
  }

  #sections(): Sections {
    const { relayAddress, relaysPort, managementPort } = this.place;
    return {
      Relay: {
        dispatchers: `127.0.0.1:${relaysPort}`,
        relay_ip: relayAddress,
        port_range: "50000:50400",
        reconnect_delay: 1,
        idle_timeout: IDLE_TIMEOUT_SECONDS,
      },
      Dispatcher: {
        socket_path: this.dispatcherSocket,
        listen: `127.0.0.1:${relaysPort}`,
        listen_management: `127.0.0.1:${managementPort}`,
        management_use_tls: "no",
      },
      TLS: { certs_path: `${this.directory}/tls` },
    };
  }
}

/** A SIP server in the laboratory, with its dispatcher and relay. */
export interface LabService extends AsyncDisposable {
  readonly media: MediaService;
  /** The dialogs that the SIP server knows. */
  dialogs(): Promise<unknown[]>;
  /** Ends the SIP server with a signal, and starts it again. */
  restart(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

function merged(first: Sections, second: Sections): Sections {
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  return Object.fromEntries([...names].map((name) => [name, { ...first[name], ...second[name] }]));
}

function iniText(sections: Sections): string {
  return Object.entries(sections).map(([section, keys]) =>
    [`[${section}]`, ...Object.entries(keys).map(([key, value]) => `${key} = ${value}`), ""].join("\n")
  ).join("\n");
}
