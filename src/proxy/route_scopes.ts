/** What `branch` and `reply` routes see. @module */
import type { Logger } from "../env/log.ts";
import { aliasContact, isNatted } from "../registrar/nat.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import type { Flow } from "../transport/flow.ts";
import type { Call } from "./call.ts";
import type { Destination, IncomingReply, OutgoingBranch, UseMediaProxyResult } from "./script.ts";
import type { ProxyServices } from "./services.ts";
import { addressOfDestination } from "./media_destination.ts";

/** One copy of a request before it leaves. */
export class BranchScope implements OutgoingBranch {
  readonly request: SipRequest;
  readonly destination: Destination;
  readonly #call: Call;
  readonly #services: ProxyServices;

  constructor(call: Call, request: SipRequest, destination: Destination, services: ProxyServices) {
    this.#call = call;
    this.request = request;
    this.destination = destination;
    this.#services = services;
  }

  get avps(): Map<string, string> {
    return this.#call.avps;
  }

  get flags(): Set<string> {
    return this.#call.flags;
  }

  get log(): Logger {
    return this.#call.log;
  }

  useMediaProxy(): Promise<UseMediaProxyResult> {
    const { avps, source } = this.#call;
    return this.#services.mediaproxy.useMediaProxy({
      message: this.request,
      sourceAddress: source.address,
      destinationAddress: addressOfDestination(this.destination),
      avps,
    });
  }

  endMediaSession(): Promise<1 | -1> {
    return this.#call.endMediaSession();
  }
}

/** A response on its way upstream. */
export class ReplyScope implements IncomingReply {
  readonly response: SipResponse;
  readonly source: Flow;
  readonly #call: Call;
  readonly #services: ProxyServices;
  #isDropped = false;

  constructor(call: Call, response: SipResponse, source: Flow, services: ProxyServices) {
    this.#call = call;
    this.response = response;
    this.source = source;
    this.#services = services;
  }

  get avps(): Map<string, string> {
    return this.#call.avps;
  }

  get flags(): Set<string> {
    return this.#call.flags;
  }

  get log(): Logger {
    return this.#call.log;
  }

  get request(): SipRequest {
    return this.#call.request;
  }

  get status(): number {
    return this.response.status;
  }

  get isNatted(): boolean {
    return isNatted(this.response, this.source);
  }

  aliasContact(): void {
    aliasContact(this.response, this.source);
  }

  /** Whether the script keeps it back. */
  get isDropped(): boolean {
    return this.#isDropped;
  }

  drop(): void {
    if (this.status < 200) this.#isDropped = true;
    else this.log.warning(`the script cannot drop a ${this.status}: the caller waits for a final response`);
  }

  useMediaProxy(): Promise<UseMediaProxyResult> {
    return this.#services.mediaproxy.useMediaProxy({
      message: this.response,
      sourceAddress: this.source.address,
      destinationAddress: this.#call.source.address,
      avps: this.#call.avps,
      request: this.#call.received,
    });
  }

  endMediaSession(): Promise<1 | -1> {
    return this.#call.endMediaSession();
  }
}
