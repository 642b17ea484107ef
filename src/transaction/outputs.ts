/**
 * What the machines say. Every input of a machine first changes its state and calls these last, so that whoever is
 * called finds the machine as it will be, and may call in again.
 * @module
 */
import type { SipResponse } from "../sip/message.ts";

/** Why a client transaction has no final response. */
export type ClientFailure = "timeout" | "transport";

/** The outputs of a client transaction. */
export interface ClientOutputs {
  /** Sends the request, again too, or the ACK. */
  send(text: string): void;
  /** A response for the user: no retransmission, except of a 2xx to an INVITE. */
  passUp(response: SipResponse): void;
  /** There will be no final response. Once, before `terminated`. */
  failed(kind: ClientFailure, reason: string): void;
  /** Once, the last. */
  terminated(): void;
}

/** The outputs of an INVITE client transaction. */
export interface InviteClientOutputs extends ClientOutputs {
  /** Sends a CANCEL, which is a transaction of its own (RFC 3261 §9.1). Once at most. */
  sendCancel(): void;
}

/** How a server transaction ended: as it should; without the ACK of its final response; without a final response. */
export type ServerEnding = "done" | "unacknowledged" | "abandoned";

/** The outputs of a server transaction. */
export interface ServerOutputs {
  /** Sends a response, again too. */
  send(text: string): void;
  /** Once, the last. */
  terminated(ending: ServerEnding): void;
}
