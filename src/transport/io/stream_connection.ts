/** SIP over a stream: TCP, TLS or WebSocket (RFC 3261 §18.3, RFC 7118 §5). @module */
import { encodeOctets } from "../../sip/octets.ts";
import { BadRequestError, parseMessage } from "../../sip/parse_message.ts";
import { SipSyntaxError } from "../../sip/errors.ts";
import { SipRequest } from "../../sip/message.ts";
import type { FramedFault } from "../../sip/stream_framer.ts";
import type { Flow } from "../flow.ts";
import type { Framed, Framing } from "../framing.ts";
import { deliver, type TransportContext } from "../handler.ts";
import type { ByteStream } from "./byte_stream.ts";
import { type Connection, type ConnectionOwner, MAX_BUFFERED_BYTES } from "./connection.ts";

const BUFFER_BYTES = 16 * 1024;
/** A peer that connected says something, and whoever began a message ends it, within so long. */
const MESSAGE_MS = 30_000;
/** A peer takes what is sent within so long. */
const WRITE_MS = 30_000;
/** What was sent before the end may leave for so long. */
const CLOSE_MS = 5000;
/** A peer that is to be pinged is so often. */
const PING_MS = 30_000;
/** One that has said nothing for so long, though it was pinged, is gone. */
const SILENCE_MS = 90_000;

interface Waiting {
  /** As it stands in the stream. */
  readonly octets: string;
  readonly failed: (reason: string) => void;
}

/** See the module comment. `run` reads until the end. */
export class StreamConnection implements Connection {
  readonly flow: Flow;
  /** When something last came or left. */
  activeAtMs: number;
  readonly #stream: ByteStream;
  readonly #owner: ConnectionOwner;
  readonly #context: TransportContext;
  readonly #framing: Framing;
  /** When something last came, and when a ping was last sent. */
  #heardAtMs: number;
  #pingedAtMs: number;
  /** Since when a message of the peer's is due; `Infinity` if none is. */
  #awaitedSinceMs: number;
  /** Since when the peer has not taken what is being written; `Infinity` if nothing is. */
  #writingSinceMs = Infinity;
  #closeTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #writing = false;
  #reason: string | undefined = undefined;

  /** `isAwaited`: the peer opened it to say something, and has not shown yet that it speaks the protocol. */
  constructor(
    flow: Flow,
    stream: ByteStream,
    owner: ConnectionOwner,
    context: TransportContext,
    framing: Framing,
    isAwaited: boolean,
  ) {
    this.flow = flow;
    this.#stream = stream;
    this.#owner = owner;
    this.#context = context;
    this.activeAtMs = context.clock.nowMs();
    this.#framing = framing;
    this.#heardAtMs = this.#pingedAtMs = this.activeAtMs;
    this.#awaitedSinceMs = isAwaited ? this.activeAtMs : Infinity;
  }

  /** Ends the connection of a peer that holds it up. */
  sweep(nowMs: number): void {
    if (nowMs - this.#awaitedSinceMs > MESSAGE_MS) this.#endStalled("the peer does not finish a message");
    else if (nowMs - this.#writingSinceMs > WRITE_MS) this.#endStalled("the peer does not read");
    else if (this.#framing.ping !== "") this.#ping(nowMs);
  }

  #ping(nowMs: number): void {
    if (nowMs - this.#heardAtMs > SILENCE_MS) return this.#endStalled("the peer does not answer pings");
    if (nowMs - Math.max(this.#heardAtMs, this.#pingedAtMs) < PING_MS) return;
    this.#pingedAtMs = nowMs;
    this.#enqueue(this.#framing.ping);
  }

  #endStalled(reason: string): void {
    this.#context.counters.stalled++;
    this.#abort(reason);
  }

  /** Reads until the peer, or `close`, ends the connection. Never rejects. */
  async run(): Promise<void> {
    const buffer = new Uint8Array(BUFFER_BYTES);
    try {
      while (this.#reason === undefined) {
        const count = await this.#stream.read(buffer);
        if (count === null) break;
        this.activeAtMs = this.#heardAtMs = this.#context.clock.nowMs();
        const items = this.#framing.push(buffer.subarray(0, count));
        if (items.length > 0) this.#awaitedSinceMs = Infinity;
        if (this.#framing.isUnfinished && this.#awaitedSinceMs === Infinity) this.#awaitedSinceMs = this.activeAtMs;
        for (const item of items) this.#take(item);
      }
      this.#end("the peer closed it");
    } catch (error) {
      this.#end((error as Error).message);
    }
  }

  #take(item: Framed): void {
    switch (item.kind) {
      case "message":
        return deliver(item.text, this.flow, this.#context);
      case "keepalive":
        this.#context.counters.keepalives++;
        if (item.answer !== "") this.#enqueue(item.answer);
        return;
      case "end":
        return this.close(item.reason);
      case "fault":
        this.#fault(item);
    }
  }

  /** Where one message ends wrongly, nobody knows where the next begins: it is answered if it can be, and that is all. */
  #fault(fault: FramedFault): void {
    this.#context.counters.malformed++;
    this.#context.handler.malformed(errorOf(fault), this.flow);
    this.close(fault.reason);
  }

  send(octets: string, failed: (reason: string) => void): void {
    if (this.#reason !== undefined) return queueMicrotask(() => failed("the connection is closed"));
    this.#enqueue(this.#framing.frame(octets), failed);
  }

  /** Sends octets as they are, after what waits already. */
  #enqueue(octets: string, failed: (reason: string) => void = () => {}): void {
    if (this.#reason !== undefined) return;
    this.#queue.push({ octets, failed });
    this.#queuedBytes += octets.length;
    if (this.#queuedBytes > MAX_BUFFERED_BYTES) {
      this.#context.counters.overflowed++;
      return this.#abort("the peer does not read");
    }
    if (this.#writing) return;
    this.#writing = true;
    // What is sent within one turn leaves in one write.
    queueMicrotask(() => this.#write());
  }

  async #write(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      this.#queuedBytes = 0;
      try {
        this.#writingSinceMs = this.#context.clock.nowMs();
        const bytes = encodeOctets(batch.map(({ octets }) => octets).join(""));
        for (let offset = 0; offset < bytes.length;) offset += await this.#stream.write(bytes.subarray(offset));
        this.#context.counters.sent += batch.length;
        this.activeAtMs = this.#context.clock.nowMs();
      } catch (error) {
        this.#fail(batch, (error as Error).message);
        this.#end((error as Error).message);
      }
      this.#writingSinceMs = Infinity;
    }
    this.#writing = false;
    if (this.#reason !== undefined) this.#closeStream();
  }

  #fail(batch: readonly Waiting[], reason: string): void {
    this.#context.counters.failed += batch.length;
    for (const { failed } of batch) failed(reason);
  }

  /** Ends it once what was sent has left, or after a while. */
  close(reason: string): void {
    const { farewell } = this.#framing;
    if (farewell !== "") this.#enqueue(farewell);
    this.#end(reason);
  }

  #end(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    if (!this.#writing) this.#closeStream();
    else this.#closeTimer = setTimeout(() => this.#closeStream(), CLOSE_MS);
    this.#owner.closed(this, reason);
  }

  /** Ends it at once: nobody takes what was sent. */
  #abort(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const waiting = this.#queue;
    this.#queue = [];
    this.#closeStream();
    queueMicrotask(() => this.#fail(waiting, reason));
    this.#owner.closed(this, reason);
  }

  #closeStream(): void {
    clearTimeout(this.#closeTimer);
    try {
      this.#stream.close();
    } catch {
      // closed already, by the peer's end
    }
  }
}

/** The fault as an error: one that can be answered if its head is a request's. */
function errorOf({ reason, statusHint, head }: FramedFault): SipSyntaxError {
  try {
    const message = parseMessage(head);
    if (message instanceof SipRequest && message.method !== "ACK") {
      return new BadRequestError(reason, statusHint, message);
    }
  } catch (error) { // the head alone lacks its body, and what is wrong with it is another matter
    if (error instanceof BadRequestError) return new BadRequestError(reason, statusHint, error.request);
  }
  return new SipSyntaxError(reason, statusHint);
}
