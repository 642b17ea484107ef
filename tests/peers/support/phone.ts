/** One end of a call: a sipp process that plays `caller.xml` or `callee.xml`, and its user. @module */
import { decodeLatin1, encodeLatin1 } from "./latin1.ts";
import { freeUdpBlock, freeUdpPort, isBoundUdpPort } from "./ports.ts";
import { PeerProcess } from "./process.ts";
import { programPath } from "./programs.ts";
import { parseTrace, type TracedMessage } from "./sip_trace.ts";
import { DEFAULT_DEADLINE_MS, until } from "./until.ts";

const SCENARIOS = new URL("../scenarios/", import.meta.url).pathname;

/** What a user can wish for; the methods that the scenarios listen to. */
export type Wish = "PROGRESS" | "ANSWER" | "REFUSE" | "GIVE-UP" | "OFFER" | "HANG-UP";

export interface PhoneOptions {
  readonly scenario: "caller" | "callee" | "caller_plays" | "callee_echoes";
  readonly callId: string;
  readonly proxyPort: number;
  /** Where the trace goes. */
  readonly directory: string;
  /** Where sipp's own RTP is; only for the scenarios that have it. */
  readonly mediaAddress?: string;
  /** Keywords of the scenario file. */
  readonly keywords?: Readonly<Record<string, string>>;
  /** More arguments for sipp. */
  readonly args?: readonly string[];
}

/** A phone. `received` and `sent` wait until its trace shows a message. */
export class Phone implements AsyncDisposable {
  readonly port: number;
  readonly #options: PhoneOptions;
  readonly #tracePath: string;
  readonly #errorPath: string;
  readonly #process: PeerProcess;

  private constructor(options: PhoneOptions) {
    const { scenario, callId, directory } = options;
    this.#options = options;
    this.port = freeUdpPort();
    this.#tracePath = `${directory}/${callId}.${scenario}.trace`;
    this.#errorPath = `${directory}/${callId}.${scenario}.errors`;
    const keywords = Object.entries(options.keywords ?? {}).flatMap(([name, value]) => ["-key", name, value]);
    this.#process = new PeerProcess(`sipp ${scenario} of ${callId}`, programPath("sipp"), [
      ...["-sf", `${SCENARIOS}${scenario}.xml`, "-m", "1", "-cid_str", callId, "-nostdin"],
      ...[
        "-i",
        "127.0.0.1",
        "-p",
        `${this.port}`,
        "-mi",
        options.mediaAddress ?? "127.0.0.1",
        "-mp",
        `${freeUdpBlock(4)}`,
      ],
      ...["-timeout", "60", "-timeout_error", "-trace_msg", "-message_file", this.#tracePath],
      ...["-trace_err", "-error_file", this.#errorPath],
      ...keywords,
      ...(options.args ?? []),
      `127.0.0.1:${options.proxyPort}`,
    ], { cwd: directory });
  }

  /** Starts a phone that waits for a call; resolves once it listens. */
  static async waiting(options: PhoneOptions): Promise<Phone> {
    const phone = new Phone(options);
    try {
      await until(`${phone.#process.name} to listen`, () => phone.#checked(isBoundUdpPort(phone.port)));
    } catch (error) {
      await phone[Symbol.asyncDispose]();
      throw error;
    }
    return phone;
  }

  /** Starts a phone that calls at once. */
  static calling(options: PhoneOptions): Phone {
    return new Phone(options);
  }

  /** What this phone has sent and received so far, the user's wishes left out. */
  messages(): TracedMessage[] {
    try {
      return parseTrace(decodeLatin1(Deno.readFileSync(this.#tracePath)))
        .filter(({ head }) => !head.includes("\r\nX-Wish: "));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return []; // nothing was sent yet
      throw error;
    }
  }

  /** The `nth` message of a kind (`INVITE`, `200 INVITE`) that this phone received. */
  received(kind: string, nth = 1, withinMs?: number): Promise<TracedMessage> {
    return this.#message("received", kind, nth, withinMs);
  }

  /** The `nth` message of a kind that this phone sent. */
  sent(kind: string, nth = 1, withinMs?: number): Promise<TracedMessage> {
    return this.#message("sent", kind, nth, withinMs);
  }

  /** Has the user wish for something; `sdp` goes into the message that the phone sends then. */
  wish(wish: Wish, sdp?: string): void {
    const body = sdp ?? "";
    const text = [
      `${wish} sip:user@127.0.0.1 SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-wish-${crypto.randomUUID()}`,
      "From: <sip:user@127.0.0.1>;tag=user",
      "To: <sip:phone@127.0.0.1>",
      `Call-ID: ${this.#options.callId}`,
      `CSeq: 1 ${wish}`,
      `X-Wish: ${wish}`,
      "Content-Type: application/sdp",
      `Content-Length: ${body.length}`,
      "",
      body,
    ].join("\r\n");
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: freeUdpPort() });
    socket.send(encodeLatin1(text), { transport: "udp", hostname: "127.0.0.1", port: this.port })
      .finally(() => socket.close());
  }

  /** Waits until the phone has played its scenario to the end. @throws Error unless all went as the scenario says. */
  async finished(withinMs: number = DEFAULT_DEADLINE_MS): Promise<void> {
    const { code } = await this.#process.ended(withinMs);
    if (code !== 0) throw new Error(`Cannot finish ${this.#process.name}: code ${code}\n${this.tail()}`);
  }

  /** The trace in short, and what sipp complained about. */
  tail(): string {
    const messages = this.messages().map(({ direction, startLine }) => `    ${direction} ${startLine}`);
    const ended = this.#process.status === undefined ? "running" : `ended, code ${this.#process.status.code}`;
    return [`--- ${this.#process.name} (${ended})`, ...messages, readIfThere(this.#errorPath)].filter(Boolean).join(
      "\n",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.signal("SIGKILL"); // sipp would take its time to end calls that nobody waits for
    await this.#process.ended();
  }

  #message(direction: "sent" | "received", kind: string, nth: number, withinMs?: number): Promise<TracedMessage> {
    return until(
      () => `${kind} (${nth}) to be ${direction}\n${this.tail()}`,
      () => {
        const found = this.messages().filter((message) => message.direction === direction && message.kind === kind);
        return this.#checked(found[nth - 1]);
      },
      withinMs,
    );
  }

  // A phone that has given up will not send or receive what the test waits for.
  #checked<T>(found: T): T {
    const code = this.#process.status?.code;
    if (!found && code !== undefined && code !== 0) {
      throw new Error(`Cannot go on: sipp ended with code ${code}\n${this.#process.tail()}\n${this.tail()}`);
    }
    return found;
  }
}

function readIfThere(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
