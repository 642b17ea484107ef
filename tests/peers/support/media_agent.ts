/**
 * A program for a phone's place, and the hand that moves it: sends RTP, RTCP or anything else from sockets there, and tells
 * what came to them. A test speaks to it through a Unix socket, which no network namespace hides: one JSON object a line
 * in, one out.
 *
 * Argument: the path of the Unix socket.
 * @module
 */
import type { Home, Lab } from "./lab.ts";
import { type PeerProcess } from "./process.ts";
import { type Arrivals, type Sending, TalkingSocket } from "./talking_socket.ts";

/** What a socket of the program at `from` is to send; opened if it is not yet. */
export type AgentSending = Sending & { readonly from: string };

type Request = { readonly send: AgentSending } | { readonly arrived: string } | { readonly open: string };

/** The program seen from the test. */
export class MediaAgent implements AsyncDisposable {
  readonly #program: PeerProcess;
  readonly #conn: Deno.UnixConn;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #text = "";
  #last: Promise<unknown> = Promise.resolve();

  private constructor(program: PeerProcess, conn: Deno.UnixConn) {
    this.#program = program;
    this.#conn = conn;
    this.#lines = conn.readable.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Starts the program in a home, or on the public host. */
  static async start(place: Pick<Home | Lab, "start">, directory: string): Promise<MediaAgent> {
    const path = `${directory}/agent-${crypto.randomUUID().slice(0, 8)}.sock`;
    const args = ["run", "-A", "--no-prompt", new URL(import.meta.url).pathname, path];
    const program = place.start("media agent", Deno.execPath(), args);
    await program.line(/agent ready/, 0, 30_000);
    return new MediaAgent(program, await Deno.connect({ transport: "unix", path }));
  }

  /** Resolves when all is sent. */
  async send(send: AgentSending): Promise<void> {
    await this.#ask({ send });
  }

  async open(place: string): Promise<void> {
    await this.#ask({ open: place });
  }

  /** What has come to one of its sockets since that was asked last. */
  arrived(place: string): Promise<Arrivals> {
    return this.#ask({ arrived: place }) as Promise<Arrivals>;
  }

  #ask(request: Request): Promise<unknown> {
    return this.#last = this.#last.then(async () => {
      await writeAll(this.#conn, `${JSON.stringify(request)}\n`);
      while (!this.#text.includes("\n")) {
        const { value, done } = await this.#lines.read();
        if (done) throw new Error(`the media agent has ended\n${this.#program.tail()}`);
        this.#text += value;
      }
      const end = this.#text.indexOf("\n");
      const answer = JSON.parse(this.#text.slice(0, end));
      this.#text = this.#text.slice(end + 1);
      return answer;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lines.cancel();
    await this.#program.stop();
  }
}

async function writeAll(conn: Deno.UnixConn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
}

async function serve(path: string): Promise<void> {
  const sockets = new Map<string, TalkingSocket>();
  const socketOf = (place: string) => {
    let socket = sockets.get(place);
    if (socket === undefined) sockets.set(place, socket = new TalkingSocket(place));
    return socket;
  };
  const answerTo = async (request: Request): Promise<unknown> => {
    if ("send" in request) await socketOf(request.send.from).send(request.send);
    else if ("open" in request) socketOf(request.open);
    else return socketOf(request.arrived).takeArrivals();
    return {};
  };
  const listener = Deno.listen({ transport: "unix", path });
  // deno-lint-ignore no-console -- a program's output
  console.log("agent ready");
  const conn = await listener.accept();
  let text = "";
  for await (const chunk of conn.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (text + chunk).split("\n");
    text = lines.pop()!;
    for (const line of lines) await writeAll(conn, `${JSON.stringify(await answerTo(JSON.parse(line)))}\n`);
  }
  Deno.exit(0);
}

if (import.meta.main) await serve(Deno.args[0]!);
