/** What is left of a call once its INVITE was answered. @module */
import type { SipRequest, SipResponse } from "../sip/message.ts";
import { parseMessage } from "../sip/parse_message.ts";
import type { ClientHandler } from "../transaction/mod.ts";
import type { Flow } from "../transport/flow.ts";
import type { Call } from "./call.ts";
import { routeReply } from "./reply_route.ts";
import type { ProxyServices } from "./services.ts";

/**
 * Sends on the 2xx that come late: one that is repeated because its ACK was lost, or that of another callee behind the
 * next proxy (RFC 6026 §7.2). They may come for the 32 s that the transaction lasts, and hardly ever do. So of the INVITE
 * only its text is kept, and the call made again from it.
 */
export class AnsweredCall implements ClientHandler {
  readonly #invite: string;
  readonly #makeAgain: (invite: SipRequest) => Call;
  readonly #services: ProxyServices;

  /** `makeAgain` must not refer to the call, or all of that is kept. */
  constructor(invite: SipRequest, makeAgain: (invite: SipRequest) => Call, services: ProxyServices) {
    this.#invite = invite.serialize();
    this.#makeAgain = makeAgain;
    this.#services = services;
  }

  response(response: SipResponse, source: Flow): void {
    response.removeFirstValue("via");
    const call = this.#makeAgain(parseMessage(this.#invite) as SipRequest);
    const routed = routeReply(call, response, source, this.#services);
    if (routed === undefined) return call.respond(response);
    routed.then(() => call.respond(response), (error: Error) => call.log.error(`internal error: ${error.stack}`));
  }

  failed(): void {} // it has its final response
}
