/** What the routes and the core of the proxy work with; `io/service.ts` puts it together. @module */
import type { DeadlineQueue, Timed } from "../env/deadlines.ts";
import type { Clock } from "../env/clock.ts";
import type { Logger } from "../env/log.ts";
import type { RandomSource } from "../env/random.ts";
import type { MediaProxy } from "../mediaproxy/mod.ts";
import type { Authenticator } from "../registrar/authenticator.ts";
import type { Registrar } from "../registrar/registrar.ts";
import type { UserStore } from "../registrar/users.ts";
import type { ServerLocator } from "../server_location/server_locator.ts";
import type { SipRequest } from "../sip/message.ts";
import type { TransactionLayer } from "../transaction/mod.ts";
import type { SipTransport } from "../transport/flow.ts";
import type { EngagedMedia } from "./engaged_media.ts";
import type { OwnAddress } from "./own_address.ts";
import type { MergedRequests } from "./merged_requests.ts";
import type { RouteSignature } from "./route_signature.ts";
import type { RoutingScript, ScriptSettings } from "./script.ts";

/** What `[Proxy]` says about routing. */
export interface ProxySettings extends ScriptSettings {
  /** Of challenges. */
  readonly realm: string;
  /** Whether an address is one of `trusted_peers`. */
  readonly isTrusted: (address: string) => boolean;
  /** Timer C (RFC 3261 §16.6 step 11). */
  readonly inviteTimeoutMs: number;
  /** How long an engaged dialog may live. */
  readonly dialogTimeoutMs: number;
  /** For requests that have no Max-Forwards. */
  readonly maxForwards: number;
}

/** See the module comment. */
export interface ProxyServices {
  readonly settings: ProxySettings;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Logger;
  readonly transport: SipTransport;
  readonly transactions: TransactionLayer;
  readonly deadlines: DeadlineQueue<Timed>;
  readonly own: OwnAddress;
  readonly locator: ServerLocator;
  readonly registrar: Registrar;
  readonly users: UserStore;
  readonly authenticator: Authenticator;
  readonly mediaproxy: MediaProxy;
  readonly media: EngagedMedia;
  /** The REGISTERs that are being served. */
  readonly merged: MergedRequests;
  /** Of our Record-Routes. */
  readonly routeSignature: RouteSignature;
  /** The To tag of our own responses to a request, the same for its retransmissions (RFC 3261 §8.2.6.2, §8.2.7). */
  readonly toTag: (request: SipRequest) => string;
  /** The script of the moment: it may be loaded anew. */
  readonly script: () => RoutingScript;
}
