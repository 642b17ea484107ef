/** Asks a SIP server over a Unix datagram socket to end a dialog, and waits for its answer. @module */
import { endDialogRefusal, type EndDialogRequest, type SipServer } from "../end_dialog.ts";
import type { Logger } from "../../env/log.ts";
import { DatagramClient, type DatagramPaths } from "../../io/datagram_client.ts";

/** As long as the original waits. */
const ANSWER_MS = 3000;

/**
 * Sends requests one after the other to each server, and logs what became of them. A server that is not there, or does
 * not answer, costs a line in the log and nothing else.
 */
export class EndDialogClient {
  readonly #servers: Readonly<Record<SipServer, DatagramClient>>;
  readonly #log: Logger;
  readonly #last: Record<SipServer, Promise<void>> = { opensips: Promise.resolve(), kamailio: Promise.resolve() };

  constructor(paths: Readonly<Record<SipServer, DatagramPaths>>, log: Logger) {
    this.#servers = { opensips: new DatagramClient(paths.opensips), kamailio: new DatagramClient(paths.kamailio) };
    this.#log = log;
  }

  send(request: EndDialogRequest, callId: string): void {
    const { server } = request;
    this.#last[server] = this.#last[server].then(async () => {
      try {
        const answer = await this.#servers[server].ask(request.json, ANSWER_MS);
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
}
