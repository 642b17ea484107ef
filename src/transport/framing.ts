/** How SIP messages stand in a stream of bytes: one after the other (TCP, TLS), or in WebSocket frames. @module */
import { type FramedFault, StreamFramer } from "../sip/stream_framer.ts";

/** What came. */
export type Framed =
  | { readonly kind: "message"; readonly text: string }
  /** `answer` is what goes back, as it stands in the stream; "" if nothing does. */
  | { readonly kind: "keepalive"; readonly answer: string }
  /** The peer says that it ends here. */
  | { readonly kind: "end"; readonly reason: string }
  | FramedFault;

/** One stream's way. Texts are octet strings. */
export interface Framing {
  /** Whether a message has begun and not ended. */
  readonly isUnfinished: boolean;
  /** What `chunk` completes. `chunk` is not kept. */
  push(chunk: Uint8Array): Framed[];
  /** A message as it stands in the stream. */
  frame(message: string): string;
  /** What makes a peer show now and then that it is there; "" if that is the peer's affair. */
  readonly ping: string;
  /** The last that is sent; "" if nothing is. */
  readonly farewell: string;
}

/** So many bytes may be a keepalive that has not ended yet. */
const KEEPALIVE_BYTES = 3;
const PONG = "\r\n";

/** Messages one after the other, with CRLFs between them (RFC 3261 §18.3, RFC 5626 §3.5.1). */
export class SipFraming implements Framing {
  readonly ping = "";
  readonly farewell = "";
  readonly #framer = new StreamFramer();

  get isUnfinished(): boolean {
    return this.#framer.bufferedBytes > KEEPALIVE_BYTES;
  }

  push(chunk: Uint8Array): Framed[] {
    return this.#framer.push(chunk).map((item) => item.kind === "ping" ? { kind: "keepalive", answer: PONG } : item);
  }

  frame(message: string): string {
    return message;
  }
}
