/** The dispatcher's Unix socket, on which SIP servers ask for relays. @module */
import { ControlConnection, type RequestHandler } from "../control_connection.ts";
import type { Logger } from "../../env/log.ts";

/** A SIP server sends a request only after the answer to the one before, so so many mean that something floods us. */
const MAX_PENDING = 1000;
const BUFFER_BYTES = 16 * 1024;
/** Whoever may reach the directory may command the dispatcher, as with the original; the directory decides. */
const SOCKET_MODE = 0o666;
const DIRECTORY_MODE = 0o750;

/** The socket's path cannot be used; the message says why and what to do. */
export class SocketPathError extends Error {
  override name = "SocketPathError";
}

export interface ControlServer {
  /** Stops listening and closes the connections; requests that wait for a relay are not answered any more. */
  close(): void;
}

/**
 * Listens on `path`. A file that a dead process left is removed; one on which a live process listens is not.
 * @throws SocketPathError
 */
export async function listenForRequests(path: string, handle: RequestHandler, log: Logger): Promise<ControlServer> {
  prepareDirectory(path);
  await removeStaleSocket(path);
  const listener = listen(path);
  const connections = new Set<Deno.UnixConn>();
  const server = (async () => {
    for await (const conn of listener) {
      connections.add(conn);
      serve(conn, handle, log)
        .catch((error) => logEnd(error, log))
        .finally(() => {
          connections.delete(conn);
          closeQuietly(conn);
        });
    }
  })();
  server.catch((error) => log.error(`the control socket does not listen any more: ${error.message}`));
  return {
    close() {
      listener.close();
      removeQuietly(path);
      for (const conn of connections) closeQuietly(conn);
    },
  };
}

/** A SIP server may go away in mid-request; any other end is a fault of ours, which costs this connection only. */
function logEnd(error: Error, log: Logger): void {
  const ordinary = error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.BadResource;
  if (ordinary) log.debug(`a SIP server's connection ended: ${error.message}`);
  else log.error(`internal error, a SIP server's connection is closed: ${error.stack}`);
}

function prepareDirectory(path: string): void {
  const directory = path.slice(0, path.lastIndexOf("/")) || "/";
  try {
    Deno.mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
    const { mode } = Deno.statSync(directory);
    const othersMayReplace = mode !== null && (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
    if (othersMayReplace) {
      throw new SocketPathError(
        `Cannot listen on ${path}: anybody may write to ${directory}; run chmod o-w ${directory}`,
      );
    }
  } catch (cause) {
    if (cause instanceof SocketPathError) throw cause;
    throw new SocketPathError(`Cannot use the directory ${directory}: ${(cause as Error).message}`, { cause });
  }
}

async function removeStaleSocket(path: string): Promise<void> {
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw new SocketPathError(`Cannot look at ${path}: ${(error as Error).message}`, { cause: error });
  }
  if (!info.isSocket) {
    throw new SocketPathError(`Cannot listen on ${path}: there is a file of that name that is no socket`);
  }
  let live: Deno.UnixConn | undefined;
  try {
    live = await Deno.connect({ transport: "unix", path });
  } catch {
    Deno.removeSync(path); // refused: whoever made it is gone
  }
  if (live !== undefined) {
    live.close();
    throw new SocketPathError(`Cannot listen on ${path}: another dispatcher does; stop it first`);
  }
}

function listen(path: string): Deno.UnixListener {
  try {
    const listener = Deno.listen({ transport: "unix", path });
    Deno.chmodSync(path, SOCKET_MODE);
    return listener;
  } catch (cause) {
    throw new SocketPathError(`Cannot listen on ${path}: ${(cause as Error).message}`, { cause });
  }
}

async function serve(conn: Deno.UnixConn, handle: RequestHandler, log: Logger): Promise<void> {
  const writer = new AnswerWriter(conn, log);
  let drained = () => {};
  const connection = new ControlConnection(handle, (text) => {
    writer.write(text);
    if (connection.pendingCount < MAX_PENDING) drained();
  }, log);
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) break;
    connection.received(buffer.subarray(0, count));
    if (connection.pendingCount >= MAX_PENDING) await new Promise<void>((resolve) => drained = resolve);
  }
  await writer.finished;
}

/** One write after the other: a short write is followed by its rest, not by the next answer. */
class AnswerWriter {
  readonly #conn: Deno.UnixConn;
  readonly #log: Logger;
  readonly #encoder = new TextEncoder();
  #waiting = "";
  #busy = false;
  /** Settles when what was given has been written. */
  finished: Promise<void> = Promise.resolve();

  constructor(conn: Deno.UnixConn, log: Logger) {
    this.#conn = conn;
    this.#log = log;
  }

  write(text: string): void {
    this.#waiting += text;
    if (!this.#busy) this.finished = this.#run();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    try {
      while (this.#waiting !== "") {
        const bytes = this.#encoder.encode(this.#waiting);
        this.#waiting = "";
        for (let offset = 0; offset < bytes.length;) offset += await this.#conn.write(bytes.subarray(offset));
      }
    } catch (error) {
      this.#waiting = "";
      this.#log.debug(() => `a SIP server did not wait for its answer: ${(error as Error).message}`);
    }
    this.#busy = false;
  }
}

/** So that no SIP server tries a socket on which nobody listens. */
function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Deno removes it too, sooner or later
  }
}

function closeQuietly(conn: Deno.UnixConn): void {
  try {
    conn.close();
  } catch {
    // closed already, by the other of the two places that do it
  }
}
