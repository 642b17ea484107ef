/**
 * A phone for demonstrations and tests: registers, calls, answers, hangs up, and sends a tone instead of a voice. It has no
 * idea of the NAT that it is behind.
 * @module
 */
import type { Logger } from "../../env/log.ts";
import { DeadlineDriver } from "../../io/deadline_driver.ts";
import { systemClock } from "../../io/clock.ts";
import { systemRandom } from "../../io/random.ts";
import { answerChallenge } from "../../sip/digest.ts";
import { createResponse, type SipRequest, type SipResponse } from "../../sip/message.ts";
import { decodeOctets, encodeOctets } from "../../sip/octets.ts";
import { parseMessage } from "../../sip/parse_message.ts";
import { type ServerTransaction, TransactionLayer, type TransactionUser } from "../../transaction/mod.ts";
import type { Flow, ListenPoint, SipTransport, Target } from "../../transport/flow.ts";
import {
  calleeDialog,
  callerDialog,
  type DialogState,
  type Identity,
  inDialogRequest,
  newRequest,
} from "../messages.ts";
import type { PhoneNetwork, PhoneSocket } from "../network.ts";
import { audioSdp, readAudio } from "../sdp.ts";
import { AudioStream } from "./audio_stream.ts";

/** Who a phone is and where its service is. */
export interface TestPhoneOptions {
  readonly user: string;
  readonly password: string;
  readonly domain: string;
  readonly proxy: { readonly address: string; readonly port: number };
  /** The frequency of its tone. */
  readonly toneHz: number;
  readonly network: PhoneNetwork;
  readonly log: Logger;
}

/** A request that was refused; the message has the status. */
export class RefusedError extends Error {
  override name = "RefusedError";
  constructor(message: string, readonly response: SipResponse) {
    super(message);
  }
}

const SIP_PORT = 5060;
const FIRST_RTP_PORT = 4000;

/** See the module comment. */
export class TestPhone implements TransactionUser, AsyncDisposable {
  readonly options: TestPhoneOptions;
  readonly #socket: PhoneSocket;
  readonly #point: ListenPoint;
  readonly #layer: TransactionLayer;
  readonly #driver = new DeadlineDriver();
  readonly #calls = new Map<string, PhoneCall>();
  #rtpPort = FIRST_RTP_PORT;
  #awaited: PromiseWithResolvers<PhoneCall> = Promise.withResolvers();
  /** Answers with this; 200 picks up, 486 is busy, 180 rings for ever. */
  answerWith = 200;

  constructor(options: TestPhoneOptions) {
    this.options = options;
    const { network, log } = options;
    this.#socket = network.bind(SIP_PORT, (bytes, address, port) => this.#receive(bytes, address, port));
    this.#point = {
      transport: "udp",
      address: network.address,
      port: SIP_PORT,
      family: network.address.includes(":") ? "IPv6" : "IPv4",
      advertisedHost: network.address,
      advertisedPort: SIP_PORT,
    };
    const transport: SipTransport = {
      listenPoints: [this.#point],
      listenPointFor: () => this.#point,
      send: (text, target) => this.#socket.send(encodeOctets(text), target.address, target.port),
    };
    this.#layer = new TransactionLayer(transport, this, {
      clock: systemClock,
      random: systemRandom,
      log,
      wake: this.#driver.rearm,
    });
    this.#driver.add(this.#layer);
  }

  get identity(): Identity {
    const { user, domain } = this.options;
    const { address, port } = this.#socket;
    const host = address.includes(":") ? `[${address}]` : address;
    return { uri: `sip:${user}@${domain}`, contact: `<sip:${user}@${host}:${port}>` };
  }

  /** Registers for `expires` seconds; 0 unregisters. Resolves with the 200. @throws RefusedError */
  async register(expires = 600): Promise<SipResponse> {
    const { uri } = this.identity;
    const request = newRequest("REGISTER", `sip:${this.options.domain}`, this.identity, `<${uri}>`, systemRandom);
    request.appendHeader("expires", String(expires));
    return (await this.#request(request)).response;
  }

  /** Calls; resolves once it was answered. @throws RefusedError */
  async call(user: string): Promise<PhoneCall> {
    const uri = `sip:${user}@${this.options.domain}`;
    const audio = this.#openAudio();
    const request = newRequest("INVITE", uri, this.identity, `<${uri}>`, systemRandom);
    const offer = audioSdp(audio.address, audio.port);
    request.setBody(offer, "application/sdp");
    try {
      const { request: invite, response } = await this.#request(request);
      const call = new PhoneCall(this, audio, callerDialog(invite, response), offer, response.body);
      this.#calls.set(call.callId, call);
      this.sendInDialog(inDialogAck(call.dialog, this.identity.contact, invite));
      call.startAudio();
      return call;
    } catch (error) {
      audio.close();
      throw error;
    }
  }

  /** The next call that comes in, once it is answered and acknowledged. */
  nextCall(): Promise<PhoneCall> {
    return this.#awaited.promise;
  }

  #openAudio(): AudioStream {
    const port = this.#rtpPort;
    this.#rtpPort += 2;
    return new AudioStream(this.options.network, port, this.options.toneHz);
  }

  /** Sends a request until it has a final response, with credentials if they are asked for. */
  async #request(request: SipRequest): Promise<{ request: SipRequest; response: SipResponse }> {
    const { user, password } = this.options;
    let response = await this.#transact(request.clone());
    if (response.status === 401 || response.status === 407) {
      request.setHeader("cseq", `${request.cseq.sequence + 1} ${request.method}`);
      const [challenge, name] = response.status === 401
        ? ["www-authenticate", "authorization"]
        : ["proxy-authenticate", "proxy-authorization"];
      const { method, requestUri } = request;
      const credentials = { username: user, password, method, uri: requestUri };
      request.setHeader(name!, answerChallenge(response.headerFields(challenge!), credentials, systemRandom));
      response = await this.#transact(request.clone());
    }
    if (response.status >= 300) {
      throw new RefusedError(`${request.method} was answered ${response.status} ${response.reason}`, response);
    }
    return { request, response };
  }

  #transact(request: SipRequest): Promise<SipResponse> {
    return new Promise((resolve, reject) => {
      this.#layer.createClient(request, this.#proxy, this.#point, {
        response: (response) => response.status >= 200 && resolve(response),
        failed: (kind, reason) => reject(new Error(`${request.method} failed: ${kind}, ${reason}`)),
      });
    });
  }

  get #proxy(): Target {
    return { transport: "udp", ...this.options.proxy };
  }

  /** For `PhoneCall`. An ACK has no answer. */
  async sendInDialog(request: SipRequest): Promise<void> {
    if (request.method === "ACK") return this.#layer.sendRequestStateless(request, this.#proxy, this.#point);
    await this.#transact(request);
  }

  #receive(bytes: Uint8Array, address: string, port: number): void {
    const flow: Flow = { transport: "udp", listenPoint: this.#point, address, port, connectionId: 0 };
    try {
      this.#layer.handleMessage(parseMessage(decodeOctets(bytes)), flow);
    } catch (error) {
      this.options.log.debug(() => `not understood: ${(error as Error).message}`); // pings of one or four bytes among it
    }
  }

  request(request: SipRequest, transaction: ServerTransaction): void {
    switch (request.method) {
      case "INVITE":
        return this.#answer(request, transaction);
      case "BYE": {
        const call = this.#calls.get(request.callId);
        transaction.respond(createResponse(request, call === undefined ? 481 : 200, undefined, "phone"));
        return call?.end();
      }
      default: // OPTIONS above all: the service asks whether the phone is there
        transaction.respond(createResponse(request, 200, undefined, "phone"));
    }
  }

  #answer(request: SipRequest, transaction: ServerTransaction): void {
    transaction.onCancel = () => transaction.respond(createResponse(request, 487, undefined, "phone"));
    const tag = crypto.randomUUID().slice(0, 8);
    const respond = (status: number, change: (response: SipResponse) => void = () => {}) => {
      const response = createResponse(request, status, undefined, tag);
      for (const route of request.headerFields("record-route")) response.appendHeader("record-route", route);
      response.setHeader("contact", this.identity.contact);
      change(response);
      transaction.respond(response);
      return response;
    };
    respond(180);
    if (this.answerWith === 180) return;
    if (this.answerWith >= 300) return void respond(this.answerWith);
    const audio = this.#openAudio();
    const answer = audioSdp(audio.address, audio.port);
    const response = respond(200, (it) => it.setBody(answer, "application/sdp"));
    const call = new PhoneCall(this, audio, calleeDialog(request, response), answer, request.body);
    this.#calls.set(call.callId, call);
  }

  ack(request: SipRequest): void {
    const call = this.#calls.get(request.callId);
    if (call === undefined || call.isUp) return;
    call.startAudio();
    this.#awaited.resolve(call);
    this.#awaited = Promise.withResolvers();
  }

  cancel(cancel: SipRequest, transaction: ServerTransaction, invite: ServerTransaction | undefined): void {
    transaction.respond(createResponse(cancel, invite === undefined ? 481 : 200, undefined, "phone"));
  }

  /** For `PhoneCall`. */
  forget(call: PhoneCall): void {
    this.#calls.delete(call.callId);
  }

  /** Closes everything; calls that are up are left to the other side. */
  close(): void {
    for (const call of [...this.#calls.values()]) call.end();
    this.#layer.close();
    this.#driver.close();
    this.#socket.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

function inDialogAck(dialog: DialogState, contact: string, invite: SipRequest): SipRequest {
  const ack = inDialogRequest("ACK", dialog, contact);
  const credentials = invite.header("proxy-authorization");
  if (credentials !== undefined) ack.setHeader("proxy-authorization", credentials); // RFC 3261 §22.3
  return ack;
}

/** One call of a phone. */
export class PhoneCall {
  readonly audio: AudioStream;
  readonly dialog: DialogState;
  /** What this phone said, and what reached it from the other. */
  readonly localSdp: string;
  readonly remoteSdp: string;
  readonly #phone: TestPhone;
  readonly #ended = Promise.withResolvers<void>();
  isUp = false;

  constructor(phone: TestPhone, audio: AudioStream, dialog: DialogState, localSdp: string, remoteSdp: string) {
    this.#phone = phone;
    this.audio = audio;
    this.dialog = dialog;
    this.localSdp = localSdp;
    this.remoteSdp = remoteSdp;
  }

  get callId(): string {
    return this.dialog.callId;
  }

  /** Settles when either side has hung up. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Begins to send to where the other side's SDP says. */
  startAudio(): void {
    this.isUp = true;
    const remote = readAudio(this.remoteSdp);
    if (remote !== undefined) this.audio.sendTo(remote.address, remote.port);
  }

  /** Hangs up. */
  async hangUp(): Promise<void> {
    const bye = inDialogRequest("BYE", this.dialog, this.#phone.identity.contact);
    this.end();
    await this.#phone.sendInDialog(bye);
  }

  /** The call is over. Twice is harmless. */
  end(): void {
    this.isUp = false;
    this.audio.close();
    this.#phone.forget(this);
    this.#ended.resolve();
  }
}
