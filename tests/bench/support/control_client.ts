/** A SIP server's connection to the dispatcher: what Kamailio's mediaproxy module sends, byte for byte. @module */

/** A call as the module names it. */
export interface NamedCall {
  readonly callId: string;
  readonly callerPort: number;
  readonly calleePort: number;
}

export const OFFER = "offer";
export const ANSWER = "answer";
export const REMOVE = "remove";

/** The text of an INVITE's `update`. */
export function offerText({ callId, callerPort }: NamedCall): string {
  return updateText("request", callId, "", "Test UA/1.0 (caller)", callerPort);
}

/** The text of a 200's `update`. */
export function answerText({ callId, calleePort }: NamedCall): string {
  return updateText("reply", callId, `${callId}-uas`, "TestUAS/2.0 (callee)", calleePort);
}

/** The text of a BYE's `remove`. */
export function removeText({ callId }: NamedCall): string {
  return `remove\r\ncall_id: ${callId}@127.0.0.1\r\nfrom_tag: ${callId}-uac\r\nto_tag: ${callId}-uas\r\n\r\n`;
}

function updateText(type: string, callId: string, toTag: string, userAgent: string, port: number): string {
  return [
    "update",
    `type: ${type}`,
    "dialog_id: 3240:9982",
    `call_id: ${callId}@127.0.0.1`,
    "cseq: 1",
    "from_uri: alice@example.com",
    "to_uri: bob@example.net",
    `from_tag: ${callId}-uac`,
    `to_tag: ${toTag}`,
    `user_agent: ${userAgent}`,
    "signaling_ip: 127.0.0.1",
    "media_relay: ",
    `media: audio:127.0.0.1:${port}:sendrecv:ice=no`,
    "\r\n",
  ].join("\r\n");
}

const BUFFER_BYTES = 8192;

/** One connection; one request at a time. */
export class ControlClient implements Disposable {
  readonly #conn: Deno.UnixConn;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  readonly #buffer = new Uint8Array(BUFFER_BYTES);

  private constructor(conn: Deno.UnixConn) {
    this.#conn = conn;
  }

  static async connect(path: string): Promise<ControlClient> {
    return new ControlClient(await Deno.connect({ transport: "unix", path }));
  }

  /** Sends a request and returns the answer without its line end. */
  async ask(request: string): Promise<string> {
    const bytes = this.#encoder.encode(request);
    for (let offset = 0; offset < bytes.length;) offset += await this.#conn.write(bytes.subarray(offset));
    for (let length = 0;;) {
      const count = await this.#conn.read(this.#buffer.subarray(length));
      if (count === null) throw new Error("Cannot read an answer: the dispatcher has closed the connection");
      length += count;
      const text = this.#decoder.decode(this.#buffer.subarray(0, length));
      if (text.endsWith("\r\n")) return text.slice(0, -2);
    }
  }

  /** Sends an `update` and returns the port that the relay gave the one stream. */
  async port(request: string): Promise<number> {
    const answer = await this.ask(request);
    const [, port] = /^127\.0\.0\.1 (\d+)$/.exec(answer) ?? [];
    if (port === undefined) throw new Error(`Cannot set up a call: the dispatcher answers ${JSON.stringify(answer)}`);
    return Number(port);
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}
