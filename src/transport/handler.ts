/** What is made of what transports receive. @module */
import type { Clock } from "../env/clock.ts";
import type { Logger } from "../env/log.ts";
import { SipSyntaxError } from "../sip/errors.ts";
import type { SipMessage } from "../sip/message.ts";
import { parseMessage } from "../sip/parse_message.ts";
import type { TransportCounters } from "./counters.ts";
import type { Flow } from "./flow.ts";

/** Whoever the messages are for. */
export interface TransportHandler {
  message(message: SipMessage, flow: Flow): void;
  /** Something that looked like a message, and cannot be used. */
  malformed(error: SipSyntaxError, flow: Flow): void;
  /** A connection has ended. */
  connectionClosed(flow: Flow): void;
}

/** What the transports share. */
export interface TransportContext {
  readonly handler: TransportHandler;
  readonly counters: TransportCounters;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Parses one message and hands it over. Whatever goes wrong costs this message and nothing else. */
export function deliver(octets: string, flow: Flow, { handler, counters, log }: TransportContext): void {
  try {
    let message: SipMessage;
    try {
      message = parseMessage(octets);
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      counters.malformed++;
      return handler.malformed(error, flow);
    }
    counters.received++;
    handler.message(message, flow);
  } catch (error) {
    log.error(`internal error, a message is lost: ${(error as Error).stack}`, { peer: flow.address });
  }
}
