/** A transport that keeps what is sent, and lets it fail when told. @module */
import type { SipMessage, SipRequest, SipResponse } from "../../src/sip/message.ts";
import { parseMessage } from "../../src/sip/parse_message.ts";
import type { Flow, ListenPoint, SipTransport, Target, Transport } from "../../src/transport/flow.ts";

/** A message that was handed to the transport. */
export interface SentMessage {
  readonly text: string;
  readonly target: Target;
  /** Tells the sender that it has not left. The real transport does so later, never from within `send`. */
  readonly failed: (reason: string) => void;
}

/** A listen point at 192.0.2.1 and the transport's usual port. */
export function listenPoint(transport: Transport = "udp", fields: Partial<ListenPoint> = {}): ListenPoint {
  const port = transport === "tls" ? 5061 : 5060;
  const address = "192.0.2.1";
  return { transport, address, port, family: "IPv4", advertisedHost: address, advertisedPort: port, ...fields };
}

/** The way from a peer to `point`; a connection, unless it is UDP, has the number 1. */
export function flowFrom(address: string, port = 5060, point: ListenPoint = listenPoint()): Flow {
  const { transport } = point;
  return { transport, listenPoint: point, address, port, connectionId: transport === "udp" ? 0 : 1 };
}

/** Remembers messages instead of sending them. */
export class FakeTransport implements SipTransport {
  readonly listenPoints: readonly ListenPoint[];
  /** Everything that was sent, the oldest first. */
  readonly sent: SentMessage[] = [];
  /** Why a message to `target` cannot leave; `undefined` if it can. */
  refusal: (target: Target) => string | undefined = () => undefined;
  readonly #refused: (() => void)[] = [];
  #taken = 0;

  constructor(listenPoints: readonly ListenPoint[] = [listenPoint()]) {
    this.listenPoints = listenPoints;
  }

  listenPointFor({ transport, address, listenPoint }: Target): ListenPoint | undefined {
    const family = address.includes(":") ? "IPv6" : "IPv4";
    return listenPoint ?? this.listenPoints.find((point) => point.transport === transport && point.family === family);
  }

  send(text: string, target: Target, failed: (reason: string) => void): void {
    this.sent.push({ text, target, failed });
    const reason = this.refusal(target);
    if (reason !== undefined) this.#refused.push(() => failed(reason));
  }

  /** Lets the senders know of what was refused; returns of how many messages. */
  settle(): number {
    const refused = this.#refused.splice(0);
    for (const tell of refused) tell();
    return refused.length;
  }

  /** The messages since the last call, parsed. */
  take(): SipMessage[] {
    const messages = this.sent.slice(this.#taken).map(({ text }) => parseMessage(text));
    this.#taken = this.sent.length;
    return messages;
  }

  /** The requests among {@linkcode take}. */
  takeRequests(): SipRequest[] {
    return this.take().filter((message): message is SipRequest => "method" in message);
  }

  /** The responses among {@linkcode take}. */
  takeResponses(): SipResponse[] {
    return this.take().filter((message): message is SipResponse => "status" in message);
  }
}
