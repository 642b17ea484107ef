/** Questions and answers over Unix datagram sockets: how SIP servers take commands. @module */

/** The most that one datagram brings. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Whoever answers may run as another user. */
const SOCKET_MODE = 0o666;

/** Where questions go, and where answers come. */
export interface DatagramPaths {
  /** Where the server listens. */
  readonly server: string;
  /** Our own socket; a file that is there already is taken for a dead process's, and removed. */
  readonly own: string;
}

/** Asks one server; one question at a time. */
export class DatagramClient {
  readonly #paths: DatagramPaths;
  /** Whether a datagram still waits for room in the server's queue: nothing ends that, not even closing its socket. */
  #stuck = false;

  constructor(paths: DatagramPaths) {
    this.#paths = paths;
  }

  /**
   * Sends `text` and returns the datagram that answers it, within `limitMs` altogether. Our socket is gone afterwards.
   * @throws Error naming the server's path and what went wrong.
   */
  async ask(text: string, limitMs: number): Promise<string> {
    const { server, own } = this.#paths;
    if (this.#stuck) throw new Error(`${server}: it takes no datagrams, its queue is full`);
    removeQuietly(own);
    const limit = Promise.withResolvers<never>();
    const timer = setTimeout(() => limit.reject(new Error(`it did not answer within ${limitMs / 1000} s`)), limitMs);
    let socket: Deno.DatagramConn | undefined;
    try {
      socket = Deno.listenDatagram({ transport: "unixpacket", path: own });
      Deno.chmodSync(own, SOCKET_MODE);
      const answer = this.#exchange(socket, text);
      answer.catch(() => {}); // when the time limit has won
      return await Promise.race([answer, limit.promise]);
    } catch (cause) {
      throw new Error(`${server}: ${(cause as Error).message}`, { cause });
    } finally {
      clearTimeout(timer);
      socket?.close();
      removeQuietly(own);
    }
  }

  async #exchange(socket: Deno.DatagramConn, text: string): Promise<string> {
    this.#stuck = true;
    try {
      await socket.send(new TextEncoder().encode(text), { transport: "unixpacket", path: this.#paths.server });
    } finally {
      this.#stuck = false;
    }
    const [answer] = await socket.receive(new Uint8Array(MAX_ANSWER_BYTES));
    return new TextDecoder().decode(answer);
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // there is none, or the bind that follows says why it cannot be used
  }
}
