/** Asks a SIP server over a Unix datagram socket to end a dialog, and waits for its answer. @module */
import { endDialogRefusal, type EndDialogRequest, type SipServer } from "../end_dialog.ts";
import type { Logger } from "../../env/log.ts";

/** As long as the original waits. */
const ANSWER_MS = 3000;
const MAX_ANSWER_BYTES = 64 * 1024;

export interface EndDialogPaths {
  /** Where the SIP server listens. */
  readonly server: string;
  /** Our own socket, to which it answers. */
  readonly own: string;
}

/**
 * Sends requests one after the other to each server, and logs what became of them. A server that is not there, or does
 * not answer, costs a line in the log and nothing else.
 */
export class EndDialogClient {
  readonly #paths: Readonly<Record<SipServer, EndDialogPaths>>;
  readonly #log: Logger;
  readonly #last: Record<SipServer, Promise<void>> = { opensips: Promise.resolve(), kamailio: Promise.resolve() };

  constructor(paths: Readonly<Record<SipServer, EndDialogPaths>>, log: Logger) {
    this.#paths = paths;
    this.#log = log;
  }

  send(request: EndDialogRequest, callId: string): void {
    const { server } = request;
    this.#last[server] = this.#last[server].then(async () => {
      try {
        const answer = await this.#exchange(this.#paths[server], request.json);
        const refusal = endDialogRefusal(answer);
        if (refusal === undefined) this.#log.info(`asked ${server} to end the dialog`, { callId });
        else this.#log.warning(`${server} did not end the dialog: ${refusal}`, { callId });
      } catch (error) {
        this.#log.error(`cannot ask ${server} to end the dialog: ${(error as Error).message}`, { callId });
      }
    });
  }

  /** Settles once everything sent was answered or given up. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#last));
  }

  async #exchange(paths: EndDialogPaths, json: string): Promise<string> {
    removeQuietly(paths.own);
    const socket = Deno.listenDatagram({ transport: "unixpacket", path: paths.own });
    const timer = setTimeout(() => socket.close(), ANSWER_MS);
    try {
      Deno.chmodSync(paths.own, 0o666); // the SIP server runs as another user, and must be able to answer
      await socket.send(new TextEncoder().encode(json), { transport: "unixpacket", path: paths.server });
      const [answer] = await socket.receive(new Uint8Array(MAX_ANSWER_BYTES));
      return new TextDecoder().decode(answer);
    } catch (cause) {
      const { message } = cause as Error;
      const reason = cause instanceof Deno.errors.Interrupted || cause instanceof Deno.errors.BadResource
        ? `${paths.server} did not answer within ${ANSWER_MS / 1000} s`
        : `${paths.server}: ${message}`;
      throw new Error(reason, { cause });
    } finally {
      clearTimeout(timer);
      closeQuietly(socket);
      removeQuietly(paths.own);
    }
  }
}

function closeQuietly(socket: Deno.DatagramConn): void {
  try {
    socket.close();
  } catch {
    // the time limit closed it
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // there is none, or the bind that follows says why it cannot be used
  }
}
