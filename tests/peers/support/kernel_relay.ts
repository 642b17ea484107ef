// deno-lint-ignore-file camelcase -- keys of the configuration
/** Our dispatcher and relay on the host of a `KernelLab`, and the SIP server that commands them: the test itself. @module */
import type { RelaySummary, SessionStatistics } from "../../../src/control/statistics.ts";
import { makeCertificates } from "../../../src/io/certificate_files.ts";
import { ControlClient } from "../../bench/support/control_client.ts";
import { removeHeaders, type UpdateFields, updateHeaders } from "../../support/control_messages.ts";
import type { KernelLab } from "./kernel_lab.ts";
import { LabConnection } from "./lab_connection.ts";
import type { RelaySettings } from "./mediaproxy.ts";
import { PeerProcess } from "./process.ts";
import { programPath } from "./programs.ts";
import { until } from "./until.ts";

const PROJECT = new URL("../../../", import.meta.url).pathname;
const START_DEADLINE_MS = 30_000;

/** A permission set of deno.json for the relay. */
export type PermissionSet = "relay" | "relay-kernel";

/** How the relay is run. */
export interface KernelRelayOptions {
  /** @default "relay-kernel" */
  readonly permissions?: PermissionSet;
  /** @default "relay/main.ts" */
  readonly program?: string;
  /** What goes before its command line. */
  readonly relayPrefix?: readonly string[];
}

export class KernelRelay implements AsyncDisposable {
  readonly #lab: KernelLab;
  /** Where its configuration and its accounting are. */
  readonly directory: string;
  readonly #options: KernelRelayOptions;
  #control: ControlClient | undefined = undefined;
  dispatcher: PeerProcess | undefined = undefined;
  relay: PeerProcess | undefined = undefined;

  private constructor(lab: KernelLab, directory: string, options: KernelRelayOptions) {
    this.#lab = lab;
    this.directory = directory;
    this.#options = options;
  }

  /** Starts both; the relay with the given settings. */
  static async start(lab: KernelLab, settings: RelaySettings, options: KernelRelayOptions = {}): Promise<KernelRelay> {
    const it = new KernelRelay(lab, await Deno.makeTempDir({ prefix: "kernel-" }), options);
    try {
      await it.#install(settings);
      it.dispatcher = await it.#program("dispatcher", ["-A", "src/bin/dispatcher.ts"]);
      await it.startRelay();
      it.#control = await ControlClient.connect(`${it.directory}/dispatcher.sock`);
    } catch (error) {
      await it[Symbol.asyncDispose]();
      throw error;
    }
    return it;
  }

  async #install(settings: RelaySettings): Promise<void> {
    await makeCertificates(`${this.directory}/tls`);
    const relay = {
      kernel_after: 0,
      workers: 2,
      reconnect_delay: 1,
      routable_private_ranges: "10.0.0.0/8, fd00::/8",
      port_range: "40000:42000",
      ...settings,
    };
    await Deno.writeTextFile(
      `${this.directory}/config.ini`,
      `[Relay]
dispatchers = 127.0.0.1:25060
${Object.entries(relay).map(([key, value]) => `${key} = ${value}`).join("\n")}
[Dispatcher]
socket_path = ${this.directory}/dispatcher.sock
listen = 127.0.0.1:25060
listen_management = 127.0.0.1:25061
management_use_tls = no
accounting = jsonl
[Accounting]
jsonl_path = ${this.directory}/accounting.jsonl
[TLS]
certs_path = ${this.directory}/tls
`,
    );
  }

  /** Starts the relay, also in the place of one that has ended. */
  async startRelay(): Promise<void> {
    const { permissions = "relay-kernel", program = "relay/main.ts", relayPrefix = [] } = this.#options;
    const before = this.dispatcher!.lines.length;
    this.relay = await this.#program("relay", [`-P=${permissions}`, "--allow-read", program], relayPrefix);
    await this.dispatcher!.line(/relay connected/, before, START_DEADLINE_MS);
  }

  async #program(name: string, args: readonly string[], prefix: readonly string[] = []): Promise<PeerProcess> {
    const flags = ["--config", `${this.directory}/config.ini`, "--runtime-dir", this.directory];
    const deno = [...prefix, Deno.execPath(), "run", "--no-prompt", ...args, ...flags];
    const command = ["netns", "exec", this.#lab.host, ...deno];
    const program = new PeerProcess(name, programPath("ip"), command, { cwd: PROJECT });
    try {
      await program.line(/\bready\b/, 0, START_DEADLINE_MS);
      return program;
    } catch (cause) {
      await program.stop();
      throw new Error(`Cannot start the ${name}\n${program.tail()}`, { cause });
    }
  }

  /** Sends an offer or answer; returns the relay's address and port for its one stream. */
  async update(fields: UpdateFields): Promise<{ hostname: string; port: number }> {
    const place = await this.tryUpdate(fields);
    if (place === undefined) throw new Error(`Cannot set up a call: it was refused\n${this.relay!.tail()}`);
    return place;
  }

  /** The same, but undefined if it is refused. */
  async tryUpdate(fields: UpdateFields): Promise<{ hostname: string; port: number } | undefined> {
    const lines = [...updateHeaders(fields)].map(([name, value]) => `${name}: ${value}`);
    const answer = await this.#control!.ask(["update", ...lines, "\r\n"].join("\r\n"));
    const [hostname, port] = answer.split(" ");
    if (answer !== "error" && port === undefined) throw new Error(`Cannot understand the answer ${answer}`);
    return port === undefined ? undefined : { hostname: hostname!, port: Number(port) };
  }

  /** Ends a call; returns its statistics as they were accounted. */
  async remove(callId = "c1"): Promise<SessionStatistics> {
    await this.end(callId);
    return await this.accounted(callId);
  }

  /** Ends a call. */
  async end(callId: string): Promise<void> {
    const lines = [...removeHeaders(callId)].map(([name, value]) => `${name}: ${value}`);
    await this.#control!.ask(["remove", ...lines, "\r\n"].join("\r\n"));
  }

  /** Waits until a call was accounted for. */
  accounted(callId = "c1"): Promise<SessionStatistics> {
    return until(`the statistics of ${callId}`, async () => {
      const text = await Deno.readTextFile(`${this.directory}/accounting.jsonl`).catch(() => "");
      const calls = text.split("\n").filter(Boolean).map((line) => JSON.parse(line) as SessionStatistics);
      return calls.find(({ call_id }) => call_id === callId);
    });
  }

  sessions(): Promise<SessionStatistics[]> {
    return this.#manage("sessions");
  }

  async summary(): Promise<RelaySummary> {
    const [summary] = await this.#manage<RelaySummary[]>("summary");
    return summary!;
  }

  async #manage<T>(command: string): Promise<T> {
    let answer: string | undefined;
    await using connection = new LabConnection(this.#lab.host, "127.0.0.1", 25061, (text) => {
      const end = text.indexOf("\r\n");
      if (end >= 0) answer ??= text.slice(0, end);
      return text;
    });
    await connection.write(`${command}\r\n`);
    return JSON.parse(await until(`an answer to ${command}`, () => answer)) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#control?.[Symbol.dispose]();
    await this.relay?.stop();
    await this.dispatcher?.stop();
    await Deno.remove(this.directory, { recursive: true });
  }
}
