/**
 * The proxy's Unix datagram socket for commands. Answers leave from a second socket, `PATH.answers`, because a send is
 * refused while a receive waits on the same socket.
 * @module
 */
import type { Logger } from "../../env/log.ts";
import { hasSocketFile, prepareSocketDirectory, SocketPathError } from "../../io/socket_path.ts";

/** A longer request is cut, and then it is no JSON. */
const MAX_REQUEST_BYTES = 64 * 1024;
/** So many requests are worked on at once; the system keeps some more, and then lets their senders wait. */
const MAX_PENDING = 100;
/** A client that does not take its answers is given up after this, so that others get theirs. */
const ANSWER_MS = 100;
/** Each of them takes a descriptor; beyond these nobody is answered. */
const MAX_DEAF = 20;
/** A live process takes a datagram at once, unless its queue is full, which also shows that it lives. */
const PROBE_MS = 1_000;
/** Wants no answer, and does nothing. */
const PROBE = '{"jsonrpc":"2.0","method":"ping"}';
/** Whoever may reach the directory may give commands: the dispatcher runs as another user. */
const SOCKET_MODE = 0o666;
/** Nobody has to send there. */
const ANSWER_MODE = 0o600;

/** Gives the answer to a request, or none. Never rejects. */
export type CommandHandler = (text: string) => Promise<string | undefined>;

export interface ControlSocket {
  /** Stops listening; commands that are being worked on get no answer any more. Twice is harmless. */
  close(): void;
}

/**
 * Listens on `path`. A file that a dead process left is removed; one on which a live process listens is not.
 * @throws SocketPathError
 */
export async function listenForCommands(path: string, handle: CommandHandler, log: Logger): Promise<ControlSocket> {
  prepareSocketDirectory(path);
  const answers = new AnswerSocket(`${path}.answers`, log);
  let socket: Deno.DatagramConn;
  try {
    if (hasSocketFile(path)) await removeStaleSocket(path, answers);
    socket = bind(path, SOCKET_MODE);
  } catch (error) {
    answers.close();
    throw error;
  }
  let closed = false;
  serve(socket, handle, answers).catch((error) => {
    if (!closed) log.error(`the control socket does not listen any more: ${error.message}`);
  });
  return {
    close() {
      if (closed) return;
      closed = true;
      socket.close();
      removeQuietly(path);
      answers.close();
    },
  };
}

/** @throws SocketPathError if a live process listens there */
async function removeStaleSocket(path: string, probe: AnswerSocket): Promise<void> {
  const outcome = await probe.send(PROBE, path, PROBE_MS);
  if (outcome !== "refused") {
    throw new SocketPathError(`Cannot listen on ${path}: another process does; stop it first`);
  }
  removeQuietly(path); // whoever made it is gone
}

/** @throws SocketPathError */
function bind(path: string, mode: number): Deno.DatagramConn {
  try {
    const socket = Deno.listenDatagram({ transport: "unixpacket", path });
    Deno.chmodSync(path, mode);
    return socket;
  } catch (cause) {
    throw new SocketPathError(`Cannot listen on ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Runs until the socket is closed, which rejects. */
async function serve(socket: Deno.DatagramConn, handle: CommandHandler, answers: AnswerSocket): Promise<never> {
  const buffer = new Uint8Array(MAX_REQUEST_BYTES);
  const decoder = new TextDecoder();
  let pending = 0;
  let finished = () => {};
  const work = async (text: string, client: string | null) => {
    const answer = await handle(text);
    if (answer !== undefined && client !== null) await answers.send(answer, client, ANSWER_MS);
    pending--;
    finished();
  };
  for (;;) {
    const [datagram, from] = await socket.receive(buffer);
    pending++;
    work(decoder.decode(datagram), clientOf(from));
    while (pending >= MAX_PENDING) await new Promise<void>((resolve) => finished = resolve);
  }
}

/** The name of the client's socket; `null` if it has none, and so cannot be answered. */
function clientOf(from: Deno.Addr): string | null {
  return (from as { readonly path: string | null }).path;
}

/** - `refused`: nobody takes datagrams there. `failed`: somebody may, but did not in time, or cannot. */
type SendOutcome = "sent" | "refused" | "failed";

/**
 * Sends one datagram after the other: a second send at a time would be refused. A send to a client that does not take
 * its answers waits until it does, even if the socket is closed: another socket takes the place then.
 */
class AnswerSocket {
  readonly #path: string;
  readonly #log: Logger;
  readonly #encoder = new TextEncoder();
  /** Clients for which a send waits still. They get no more answers meanwhile. */
  readonly #deaf = new Set<string>();
  #socket: Deno.DatagramConn;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** @throws SocketPathError */
  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#socket = this.#open();
  }

  /** Never rejects. */
  send(text: string, to: string, limitMs: number): Promise<SendOutcome> {
    const outcome = this.#last.then(() => this.#sendWithin(text, to, limitMs));
    this.#last = outcome;
    return outcome;
  }

  async #sendWithin(text: string, to: string, limitMs: number): Promise<SendOutcome> {
    if (this.#closed || this.#deaf.has(to) || this.#deaf.size >= MAX_DEAF) return "failed";
    const sending = this.#send(text, to);
    const limit = Promise.withResolvers<"late">();
    const timer = setTimeout(() => limit.resolve("late"), limitMs);
    const outcome = await Promise.race([sending, limit.promise]);
    clearTimeout(timer);
    if (outcome !== "late") return outcome;
    this.#log.warning(`a client of the control socket does not take its answers: ${to}`);
    this.#deaf.add(to);
    sending.then(() => this.#deaf.delete(to));
    this.#reopen();
    return "failed";
  }

  async #send(text: string, to: string): Promise<SendOutcome> {
    try {
      await this.#socket.send(this.#encoder.encode(text), { transport: "unixpacket", path: to });
      return "sent";
    } catch (error) {
      this.#log.debug(() => `cannot answer ${to}: ${(error as Error).message}`);
      const isGone = error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound;
      return isGone ? "refused" : "failed";
    }
  }

  #reopen(): void {
    closeQuietly(this.#socket);
    if (this.#closed) return;
    try {
      this.#socket = this.#open();
    } catch (error) {
      this.#log.error(`the control socket cannot answer any more: ${(error as Error).message}`);
    }
  }

  #open(): Deno.DatagramConn {
    if (hasSocketFile(this.#path)) removeQuietly(this.#path);
    return bind(this.#path, ANSWER_MODE);
  }

  close(): void {
    this.#closed = true;
    closeQuietly(this.#socket);
    removeQuietly(this.#path);
  }
}

function closeQuietly(socket: Deno.DatagramConn): void {
  try {
    socket.close();
  } catch {
    // closed already
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // there is none, or the bind that follows says why it cannot be used
  }
}
