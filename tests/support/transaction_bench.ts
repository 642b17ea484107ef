/** Transactions with everything around them played by the test. @module */
import { createResponse, type SipMessage, SipRequest, SipResponse } from "../../src/sip/message.ts";
import { parseMessage } from "../../src/sip/parse_message.ts";
import type { ClientFailure, InviteClientOutputs, ServerEnding, ServerOutputs } from "../../src/transaction/outputs.ts";
import type { ClientHandler, ClientTransaction } from "../../src/transaction/client_transaction.ts";
import { TransactionLayer, type TransactionOptions, type TransactionUser } from "../../src/transaction/layer.ts";
import type { ServerTransaction } from "../../src/transaction/server_transaction.ts";
import type { Flow, ListenPoint, Target } from "../../src/transport/flow.ts";
import { FakeClock, RecordingLogger, seededRandom } from "./fakes.ts";
import { FakeTransport, flowFrom, listenPoint } from "./fake_transport.ts";

/** What may be told of a request; the rest is alice calling bob. */
export interface RequestFields {
  readonly branch?: string;
  /** The whole Via in place of one made of `branch`; more than one are separated by commas. */
  readonly via?: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly toTag?: string;
  readonly requestUri?: string;
  /** Further lines, without CRLF. */
  readonly lines?: readonly string[];
}

/** A request from alice at 192.0.2.2 to bob. */
export function requestOf(method: string, fields: RequestFields = {}): SipRequest {
  const { branch = "z9hG4bKalice1", callId = "call-1", cseq = 1, toTag, requestUri = "sip:bob@example.com" } = fields;
  const message = parseMessage([
    `${method} ${requestUri} SIP/2.0`,
    `Via: ${fields.via ?? `SIP/2.0/UDP 192.0.2.2:5060;branch=${branch}`}`,
    "Max-Forwards: 70",
    "From: <sip:alice@example.com>;tag=a1",
    `To: <sip:bob@example.com>${toTag === undefined ? "" : `;tag=${toTag}`}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    ...fields.lines ?? [],
    "Content-Length: 0",
    "\r\n",
  ].join("\r\n"));
  if (message instanceof SipRequest) return message;
  throw new TypeError("not a request");
}

/** The response of whoever got `request`, as it comes from the wire. */
export function responseTo(request: SipRequest, status: number, toTag?: string): SipResponse {
  const message = parseMessage(createResponse(request, status, undefined, toTag).serialize());
  if (message instanceof SipResponse) return message;
  throw new TypeError("not a response");
}

/** `INVITE`, or `180`. */
export function nameOf(message: SipMessage): string {
  return message instanceof SipRequest ? message.method : String(message.status);
}

/** The parts of all machines that a clock drives. */
export interface TimedMachine {
  readonly nextDeadlineMs: number;
  handleTimeout(nowMs: number): void;
}

/** Writes down what a machine says: `0 send INVITE`, `500 up 180`, `32000 failed timeout`. */
export class OutputRecorder implements InviteClientOutputs, ServerOutputs {
  nowMs = 0;
  readonly events: string[] = [];
  send(text: string): void {
    this.#add(`send ${nameOf(parseMessage(text))}`);
  }
  passUp(response: SipResponse): void {
    this.#add(`up ${response.status}`);
  }
  sendCancel(): void {
    this.#add("cancel");
  }
  failed(kind: ClientFailure): void {
    this.#add(`failed ${kind}`);
  }
  terminated(ending?: ServerEnding): void {
    this.#add(ending === undefined ? "terminated" : `terminated ${ending}`);
  }
  #add(event: string): void {
    this.events.push(`${this.nowMs} ${event}`);
  }

  /** The events since the last call, without their times. */
  takeNames(): string {
    return this.events.splice(0).map((event) => event.slice(event.indexOf(" ") + 1)).join(", ");
  }

  /** Lets time jump from deadline to deadline until `untilMs`, or until nothing is due any more. */
  run(machine: TimedMachine, untilMs = Infinity): void {
    for (let atMs = machine.nextDeadlineMs; atMs < Infinity && atMs <= untilMs; atMs = machine.nextDeadlineMs) {
      this.nowMs = atMs;
      machine.handleTimeout(atMs);
    }
    if (untilMs < Infinity) this.nowMs = untilMs;
  }
}

/** Writes down what a client transaction tells: `180`, `timeout`. */
export class HandlerRecorder implements ClientHandler {
  readonly events: string[] = [];
  response(response: SipResponse): void {
    this.events.push(`${response.status}`);
  }
  failed(kind: ClientFailure): void {
    this.events.push(kind);
  }
}

/** A layer, its transport, and a user that does what the test says. */
export class TransactionBench implements TransactionUser {
  readonly clock = new FakeClock(0);
  readonly log = new RecordingLogger();
  readonly transport = new FakeTransport();
  readonly layer: TransactionLayer;
  readonly requests: ServerTransaction[] = [];
  readonly acks: SipRequest[] = [];
  readonly cancels: { cancel: ServerTransaction; invite: ServerTransaction | undefined }[] = [];
  readonly #received = new Map<ServerTransaction, SipRequest>();
  /** What the user does with a request at once. */
  onRequest: (transaction: ServerTransaction) => void = () => {};

  constructor(options: Partial<TransactionOptions> = {}) {
    const { clock, log } = this;
    this.layer = new TransactionLayer(this.transport, this, { clock, log, random: seededRandom() }, options);
  }

  request(request: SipRequest, transaction: ServerTransaction): void {
    this.requests.push(transaction);
    this.#received.set(transaction, request);
    this.onRequest(transaction);
  }
  ack(request: SipRequest): void {
    this.acks.push(request);
  }
  cancel(request: SipRequest, cancel: ServerTransaction, invite: ServerTransaction | undefined): void {
    this.#received.set(cancel, request);
    this.cancels.push({ cancel, invite });
  }

  /** A message arrives; a copy, as every one from the wire is. */
  receive(message: SipMessage, flow: Flow = flowFrom("192.0.2.2")): void {
    this.layer.handleMessage(parseMessage(message.serialize()), flow);
  }

  /** A request arrives that is new; returns its transaction. */
  serve(method: string, fields: RequestFields = {}, flow?: Flow): ServerTransaction {
    this.receive(requestOf(method, fields), flow);
    return this.requests.at(-1)!;
  }

  /** What a transaction was made of. */
  received(transaction: ServerTransaction): SipRequest {
    return this.#received.get(transaction)!;
  }

  /** The user responds. */
  respond(transaction: ServerTransaction, status: number): void {
    transaction.respond(createResponse(this.received(transaction), status, undefined, "b1"));
  }

  /** Sends a request to bob; returns the transaction, the request with our Via, and what its handler hears. */
  send(
    method: string,
    target: Target = { transport: "udp", address: "192.0.2.3", port: 5060 },
    point: ListenPoint = listenPoint(target.transport),
  ): { client: ClientTransaction; request: SipRequest; events: string[] } {
    const handler = new HandlerRecorder();
    const request = requestOf(method);
    const client = this.layer.createClient(request, target, point, handler);
    return { client, request, events: handler.events };
  }

  /** Time goes on from deadline to deadline, until nothing is due within `durationMs`. */
  advance(durationMs: number): void {
    const endMs = this.clock.nowMs() + durationMs;
    for (let atMs = this.layer.nextDeadlineMs; atMs <= endMs; atMs = this.layer.nextDeadlineMs) {
      if (atMs > this.clock.nowMs()) this.clock.advance(atMs - this.clock.nowMs());
      this.layer.handleTimeouts(this.clock.nowMs());
    }
    this.clock.advance(endMs - this.clock.nowMs());
  }

  /** `INVITE`, `180` ... of what was sent since the last call. */
  sentNames(): string {
    return this.transport.take().map(nameOf).join(" ");
  }
}
