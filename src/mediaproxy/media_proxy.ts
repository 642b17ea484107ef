/**
 * The functions of the mediaproxy module: `use_media_proxy()` and `end_media_session()` (PROTOCOL 2). The message is edited
 * once the dispatcher has answered, or not at all.
 * @module
 */
import { type Logger, quoted } from "../env/log.ts";
import {
  endsIceNegotiation,
  findSdp,
  ICE_CANDIDATES,
  type IceCandidate,
  parseSdp,
  rewriteSdp,
  SdpSyntaxError,
  type SessionDescription,
} from "../sdp/mod.ts";
import { type SipMessage, SipRequest, SipResponse } from "../sip/message.ts";
import { parseAnswer, type RelayPorts } from "./answer.ts";
import { type DispatcherClient, DispatcherError } from "./dispatcher_client.ts";
import * as results from "./media_result.ts";
import type { MediaResult } from "./media_result.ts";
import { RequestError, serializeRemove, serializeUpdate, type SessionName, signalingIpValue } from "./request.ts";
import type { MediaProxySettings } from "./settings.ts";

/** A message, and what it does not say itself. */
export interface MediaCall {
  /** Its body is edited in place. Nobody else may change it until the function has returned. */
  readonly message: SipMessage;
  /** Where the message came from; an AVP may say better. */
  readonly sourceAddress: string;
  /** Where the message goes, if that is known. */
  readonly destinationAddress?: string | undefined;
  /** The variables of the routing script, by their bare names. */
  readonly avps: ReadonlyMap<string, string>;
  /** Lets the dispatcher have the dialog ended when its media times out. */
  readonly dialogId?: string | undefined;
  /** For a reply: the request of its transaction. */
  readonly request?: SipRequest | undefined;
  /** Fixed when the dialog was engaged; comes before the AVP and the setting. */
  readonly iceCandidate?: IceCandidate | undefined;
}

/** A description that is to be relayed, and how its message gets the edited one. */
interface Offered {
  readonly description: SessionDescription;
  readonly replace: (sdp: string) => void;
}

const UNKNOWN_AGENT = "unknown agent";

/** The module. Calls do not wait for each other. */
export class MediaProxy {
  readonly #settings: MediaProxySettings;
  readonly #dispatcher: DispatcherClient;
  readonly #log: Logger;

  constructor(settings: MediaProxySettings, dispatcher: DispatcherClient, log: Logger) {
    this.#settings = settings;
    this.#dispatcher = dispatcher;
    this.#log = log;
  }

  /** Whether the parameter `disable` is set: then the functions return -1, as they do in the original. */
  get disabled(): boolean {
    return this.#settings.disabled;
  }

  /**
   * Makes the media of a message's SDP go through a relay. Returns 1 if it does, if the SDP has no stream that a relay can
   * carry, or if a 200 for an INVITE has no SDP, which is told to the dispatcher; -1 on errors, which are logged; -2 if the
   * message has no SDP. With -1 and -2 the message is as it was. Never rejects on account of a message or a dispatcher.
   */
  async useMediaProxy(call: MediaCall): Promise<1 | -1 | -2> {
    return (await this.useMediaProxyDetailed(call)).code;
  }

  /** The same with the reason in words. */
  async useMediaProxyDetailed(call: MediaCall): Promise<MediaResult> {
    const result = await this.#guard(() => this.#use(call));
    return this.#report("use_media_proxy", call.message.callId, result);
  }

  /**
   * Ends a session; `session` may be the message that ended the call. Returns 1 if the dispatcher removed it, or it had
   * expired, else -1.
   */
  async endMediaSession(session: SessionName): Promise<1 | -1> {
    const result = await this.#guard(() => this.#end(session));
    return this.#report("end_media_session", session.callId, result).code === 1 ? 1 : -1;
  }

  /** The candidate that streams with ICE get, as the AVPs and the settings say: what a dialog is engaged with. */
  iceCandidateFor(avps: ReadonlyMap<string, string>): IceCandidate {
    const text = valueOf(avps, this.#settings.iceCandidateAvp);
    if (text === "") return this.#settings.iceCandidate;
    const found = ICE_CANDIDATES.find((candidate) => candidate === text.toLowerCase());
    if (found === undefined) this.#log.warning(() => `the AVP with the ICE candidate holds ${quoted(text)}: ignored`);
    return found ?? this.#settings.iceCandidate;
  }

  async #use(call: MediaCall): Promise<MediaResult> {
    if (this.disabled) return results.DISABLED;
    const offered = this.#findOffered(call);
    if ("code" in offered) return offered;
    const { description } = offered;
    const line = await this.#dispatcher.ask(this.#update(call, description));
    if (description === undefined) return results.ANSWER_TOLD;
    const relay = parseAnswer(line);
    if (relay === undefined) return results.failure(`the dispatcher answered ${quoted(line)}`);
    const [wanted, given] = [description.supportedStreams.length, relay.ports.length];
    if (given < wanted) {
      const reason = `the dispatcher gave ${given} ports for ${wanted} streams`;
      if (call.message instanceof SipRequest) return results.failure(reason);
      // The answer has streams that the offer had not: a fault of the callee's, for which the others need not suffer.
      const { callId } = call.message;
      this.#log.warning(`use_media_proxy: ${reason}, the others stay as they are`, { callId });
    }
    offered.replace(this.#rewrite(call, description, relay));
    return results.RELAYED;
  }

  /** What is to be relayed; an object without description if there is only an answer to tell. */
  #findOffered({ message, request }: MediaCall): Offered | { readonly description: undefined } | MediaResult {
    const { body } = message;
    const range = findSdp(message.header("content-type"), body);
    if (range === undefined) return isAnswer(message) ? { description: undefined } : results.NO_SDP;
    const sdp = body.slice(range.start, range.end);
    if (endsIceNegotiation(message instanceof SipRequest ? sdp : sdpOf(request))) return results.END_OF_ICE;
    const description = parseSdp(sdp);
    if (description.supportedStreams.length === 0) return results.NOTHING_TO_RELAY;
    return {
      description,
      replace: (edited) => message.setBody(body.slice(0, range.start) + edited + body.slice(range.end)),
    };
  }

  #update(call: MediaCall, description: SessionDescription | undefined): string {
    const { message, request, avps, dialogId = "", sourceAddress } = call;
    const isRequest = message instanceof SipRequest;
    return serializeUpdate({
      type: isRequest ? "request" : "reply",
      dialogId,
      callId: message.callId,
      cseq: (isRequest ? message : request ?? message).cseq.sequence,
      fromUri: message.from.uri,
      toUri: message.to.uri,
      fromTag: message.fromTag,
      // Several callees may be ringing, each with a tag of its own; the session gets that of the one who answers.
      toTag: !isRequest && message.status < 200 ? "" : message.toTag,
      userAgent: message.header("user-agent") || message.header("server") || UNKNOWN_AGENT,
      signalingIp: valueOf(avps, this.#settings.signalingIpAvp) ||
        signalingIpValue(sourceAddress, call.destinationAddress),
      mediaRelay: valueOf(avps, this.#settings.mediaRelayAvp),
      learning: valueOf(avps, this.#settings.learningAvp),
      media: description?.supportedStreams,
    });
  }

  #rewrite(call: MediaCall, description: SessionDescription, { address, ports }: RelayPorts): string {
    const iceCandidate = call.iceCandidate ?? this.iceCandidateFor(call.avps);
    return rewriteSdp(description, { address, ports, iceCandidate });
  }

  async #end(session: SessionName): Promise<MediaResult> {
    if (this.disabled) return results.DISABLED;
    const line = await this.#dispatcher.ask(serializeRemove(session));
    if (line === "removed") return results.REMOVED;
    return line === "error" ? results.NO_SESSION : results.failure(`the dispatcher answered ${quoted(line)}`);
  }

  /** What a peer may be to blame for becomes a result; what we are to blame for goes on as it is. */
  async #guard(work: () => Promise<MediaResult>): Promise<MediaResult> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof SdpSyntaxError || error instanceof DispatcherError || error instanceof RequestError) {
        return results.failure(error.message);
      }
      throw error;
    }
  }

  #report(name: string, callId: string, result: MediaResult): MediaResult {
    const level = results.isFault(result) ? "warning" : "debug";
    this.#log[level](() => `${name}: ${result.code}, ${result.reason}`, { callId });
    return result;
  }
}

/** The first value that one of the AVPs has; "" if none has one. */
function valueOf(avps: ReadonlyMap<string, string>, names: readonly string[]): string {
  for (const name of names) {
    const value = avps.get(name);
    if (value) return value;
  }
  return "";
}

/** A reply that answers the call: the relay starts its timers, whether there is SDP in it or not. */
function isAnswer(message: SipMessage): boolean {
  return message instanceof SipResponse && message.status === 200 && message.cseq.method === "INVITE";
}

function sdpOf(request: SipRequest | undefined): string {
  const range = request && findSdp(request.header("content-type"), request.body);
  return request === undefined || range === undefined ? "" : request.body.slice(range.start, range.end);
}
