/** baresip, a phone that people use, driven over its TCP control port. @module */
import type { Home } from "./lab.ts";
import { LabConnection } from "./lab_connection.ts";
import { accountLine, type BaresipAccount, CONTROL_PORT, writeBaresipFiles } from "./baresip_files.ts";
import type { PeerProcess } from "./process.ts";
import { programPath } from "./programs.ts";
import { after, readWav, type Sound, type SoundSource, toneMs } from "./recording.ts";
import { DEFAULT_DEADLINE_MS, until } from "./until.ts";

const RECORDING = /^dump-.*-dec\.wav$/;

/** What a phone says of itself: `REGISTER_OK`, `CALL_RINGING`, `CALL_CLOSED`, ... */
export interface PhoneEvent {
  readonly type: string;
  /** The peer's URI, or why a call was closed or a registration failed. */
  readonly param: string;
}

/** A running phone. */
export class Baresip implements SoundSource, AsyncDisposable {
  readonly account: BaresipAccount;
  /** Its log, with every SIP message that it sends and receives. */
  readonly process: PeerProcess;
  readonly events: PhoneEvent[] = [];
  readonly #connection: LabConnection;
  readonly #responses = new Map<string, string>();
  #requests = 0;

  private constructor(account: BaresipAccount, process: PeerProcess, namespace: string) {
    this.account = account;
    this.process = process;
    this.#connection = new LabConnection(
      namespace,
      "127.0.0.1",
      CONTROL_PORT + account.phone,
      (text) => this.#take(text),
    );
  }

  /** Starts a phone at one of a home's addresses; it registers if its account says so. */
  static async start(home: Home, account: BaresipAccount): Promise<Baresip> {
    await writeBaresipFiles(home, account);
    const process = home.start(
      `baresip (${account.user})`,
      programPath("stdbuf"), // a log that waits in a buffer is of no use to a test that waits for a line
      ["-oL", "-eL", programPath("baresip"), "-f", account.directory, "-s", "-v"],
    );
    try {
      await process.line(/^baresip is ready/);
      const phone = new Baresip(account, process, home.namespace);
      // Not from the file: nobody would see how its first registration went.
      await phone.#command("uanew", accountLine(account));
      return phone;
    } catch (error) {
      await process.stop();
      throw new Error(`Cannot start a phone\n${process.tail()}`, { cause: error });
    }
  }

  /** Its address without the scheme, which every list of calls shows. */
  get address(): string {
    return `${this.account.user}@${this.account.domain}`;
  }

  get uri(): string {
    return `sip:${this.address}`;
  }

  /** Starts a call to a SIP URI. */
  async dial(uri: string): Promise<void> {
    await this.#command("dial", uri);
  }

  /** Answers the call that comes in. */
  async accept(): Promise<void> {
    await this.#command("accept");
  }

  /** Ends the call: with BYE, CANCEL, or 486 (Busy Here), as its state demands. */
  async hangUp(): Promise<void> {
    await this.#command("hangup");
  }

  /** Puts the other party on hold. */
  async hold(): Promise<void> {
    await this.#command("hold");
  }

  async resume(): Promise<void> {
    await this.#command("resume");
  }

  /** Takes back the registration, and forgets the account. */
  async unregister(): Promise<void> {
    const from = this.process.lines.length;
    await this.#command("uadel", this.uri);
    await this.process.line(/^SIP\/2\.0 200 /, from);
  }

  /** Waits for an event of that type that has not been waited for, and returns what it tells. Those before it are forgotten. */
  async event(type: string, withinMs: number = DEFAULT_DEADLINE_MS): Promise<string> {
    return await until(`${type} at ${this.account.user}`, () => {
      if (this.process.status !== undefined) throw new Error(`Cannot wait for ${type}: ${this.process.name} ended`);
      const index = this.events.findIndex((event) => event.type === type);
      return index < 0 ? undefined : { param: this.events.splice(0, index + 1).at(-1)!.param };
    }, withinMs).then(({ param }) => param);
  }

  /** The addresses in the SDP of the last INVITE that it got. */
  offeredAddresses(): string[] {
    const { lines } = this.process;
    const invite = lines.findLastIndex((line) => line.startsWith("INVITE ") && line.endsWith("SIP/2.0"));
    const end = lines.findIndex((line, index) => index > invite && line.startsWith("SIP/2.0 "));
    const found = lines.slice(invite, end).filter((line) => /^c=IN IP[46] /.test(line));
    return [...new Set(found.map((line) => line.split(" ")[2]!))];
  }

  /** What the phone decoded in its last call. baresip 1.0 stops recording when the call is first held. */
  sound(): Sound {
    const names = [...Deno.readDirSync(this.account.directory)].map(({ name }) => name).filter((it) =>
      RECORDING.test(it)
    );
    return readWav(`${this.account.directory}/${names.sort().at(-1) ?? "none"}`);
  }

  /** Waits until `durationMs` of a tone have come from `source` (what the phone itself decodes) from now on. */
  async hears(frequencyHz: number, durationMs = 300, source: SoundSource = this): Promise<void> {
    const { length } = source.sound().samples;
    await until(
      () => `${this.account.user} to hear ${frequencyHz} Hz (${source.sound().samples.length - length} samples came)`,
      () => toneMs(after(source.sound(), length), frequencyHz) >= durationMs,
    );
  }

  tail(): string {
    return this.process.tail(120);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
    await this.#connection[Symbol.asyncDispose]();
  }

  /** Sends a command, and waits for the response. */
  async #command(command: string, params = ""): Promise<string> {
    const token = `${++this.#requests}`;
    const message = JSON.stringify({ command, params, token });
    await this.#connection.write(`${message.length}:${message},`);
    return await until(`${this.account.user} to answer ${command}`, () => {
      if (this.#connection.closed) throw new Error(`Cannot send ${command} to ${this.process.name}: not connected`);
      return this.#responses.get(token);
    });
  }

  /** Takes the netstrings out of `text`, and returns what is left of it. */
  #take(text: string): string {
    for (;;) {
      const colon = text.indexOf(":");
      const end = colon + 1 + Number(text.slice(0, colon));
      if (colon < 0 || text.length <= end) return text;
      this.#handle(JSON.parse(text.slice(colon + 1, end)) as Record<string, unknown>);
      text = text.slice(end + 1);
    }
  }

  #handle(message: Record<string, unknown>): void {
    if (message.event === true) this.events.push({ type: String(message.type), param: String(message.param ?? "") });
    else this.#responses.set(String(message.token), String(message.data));
  }
}
