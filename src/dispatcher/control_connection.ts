/**
 * One SIP server process's connection to the dispatcher: requests in, answers out in the same order.
 *
 * A SIP server looks for the end of an answer only in what it reads last, so each answer leaves in one write.
 * @module
 */
import { type Request, RequestFramer, RequestSyntaxError } from "../control/request.ts";
import type { Logger } from "../env/log.ts";

/** Executes a request; calls back exactly once. */
export type RequestHandler = (request: Request, answer: (text: string) => void) => void;

export class ControlConnection {
  readonly #requests = new RequestFramer();
  readonly #handle: RequestHandler;
  readonly #write: (text: string) => void;
  readonly #log: Logger;
  /** Answers that are due, in order; "" until they are known. */
  readonly #due: { text: string }[] = [];

  constructor(handle: RequestHandler, write: (text: string) => void, log: Logger) {
    this.#handle = handle;
    this.#write = write;
    this.#log = log;
  }

  /** Requests whose answers have not left yet. */
  get pendingCount(): number {
    return this.#due.length;
  }

  /** Bytes from the SIP server. `chunk` is not kept. */
  received(chunk: Uint8Array): void {
    for (const request of this.#requests.push(chunk)) {
      const slot = { text: "" };
      this.#due.push(slot);
      const answer = (text: string) => {
        slot.text = `${text}\r\n`;
        this.#flush();
      };
      if (request instanceof RequestSyntaxError) {
        this.#log.error(request.message);
        answer("error");
      } else {
        this.#handle(request, answer);
      }
    }
  }

  #flush(): void {
    let ready = 0;
    while (ready < this.#due.length && this.#due[ready]!.text !== "") ready++;
    if (ready === 0) return;
    this.#write(this.#due.splice(0, ready).map(({ text }) => text).join(""));
  }
}
