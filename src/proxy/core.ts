/**
 * The parts of a proxy put together: everything that decides, and nothing of the system. `io/service.ts` gives it sockets,
 * files and a clock; tests give it others.
 * @module
 */
import type { Dialog } from "../dialog/dialog.ts";
import { DialogTable } from "../dialog/dialog_table.ts";
import type { Clock } from "../env/clock.ts";
import { DeadlineQueue, type Timed } from "../env/deadlines.ts";
import type { Logger } from "../env/log.ts";
import type { RandomSource } from "../env/random.ts";
import { type DispatcherClient, MediaProxy, type MediaProxySettings } from "../mediaproxy/mod.ts";
import { Authenticator } from "../registrar/authenticator.ts";
import { Keepalive } from "../registrar/keepalive.ts";
import { type LocationStore, LocationTable } from "../registrar/location.ts";
import { Registrar, type RegistrarOptions } from "../registrar/registrar.ts";
import type { UserStore } from "../registrar/users.ts";
import { type Resolver, ServerLocator } from "../server_location/mod.ts";
import type { DigestAlgorithm } from "../sip/digest.ts";
import { TransactionLayer } from "../transaction/mod.ts";
import type { SipTransport } from "../transport/flow.ts";
import { type DialogStore, recordOf, restoreDialog } from "./dialog_store.ts";
import { EngagedMedia } from "./engaged_media.ts";
import { OwnAddress } from "./own_address.ts";
import { PhonePinger } from "./phone_pinger.ts";
import { Proxy, sendLocal, toTagMaker } from "./proxy.ts";
import { MergedRequests } from "./merged_requests.ts";
import { RouteSignature } from "./route_signature.ts";
import type { RoutingScript } from "./script.ts";
import type { ProxyServices, ProxySettings } from "./services.ts";

/** What `[Proxy]` says that concerns the core. */
export interface CoreSettings extends ProxySettings, RegistrarOptions {
  readonly digestAlgorithms: readonly DigestAlgorithm[];
  readonly nonceLifetimeMs: number;
  readonly natPingIntervalMs: number;
  readonly maxTransactions: number;
}

/** What a proxy has of the world. */
export interface CoreOptions {
  readonly settings: CoreSettings;
  readonly mediaproxy: MediaProxySettings;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Logger;
  readonly transport: SipTransport;
  readonly resolver: Resolver;
  readonly dispatcher: DispatcherClient;
  readonly users: UserStore;
  /** Without it registrations do not outlive the process. */
  readonly locationStore?: LocationStore | undefined;
  readonly dialogStore: DialogStore;
  /** Of the signatures in our Record-Routes: 32 bytes, the same after a restart. */
  readonly routeKey: Uint8Array;
  /** The script of the moment. */
  readonly script: () => RoutingScript;
  /** Called when something is due earlier. */
  readonly wake: () => void;
}

/** Something with a deadline of its own. */
export interface TimedPart {
  readonly nextDeadlineMs: number;
  handleTimeouts(nowMs: number): void;
}

/** Of all addresses together. */
const MAX_BINDINGS = 1_000_000;
const MAX_DIALOGS = 200_000;

/** See the module comment. */
export class ProxyCore {
  readonly proxy: Proxy;
  readonly locations: LocationTable;
  readonly dialogs: DialogTable = new DialogTable(MAX_DIALOGS);
  readonly media: EngagedMedia;
  readonly #transactions: TransactionLayer;
  readonly #keepalive: Keepalive;
  readonly #services: ProxyServices;
  readonly #options: CoreOptions;

  constructor(options: CoreOptions) {
    const { settings, clock, random, log, transport, users, wake } = options;
    this.#options = options;
    this.locations = new LocationTable({
      clock,
      log,
      maxBindings: MAX_BINDINGS,
      ...options.locationStore === undefined ? {} : { store: options.locationStore },
      wake,
    });
    const own = new OwnAddress(transport.listenPoints, settings.domains);
    const mediaproxy = new MediaProxy(options.mediaproxy, options.dispatcher, log);
    this.media = this.#engagedMedia(mediaproxy, own);
    const transactions = () => this.#transactions;
    this.#services = {
      settings,
      clock,
      random,
      log,
      transport,
      get transactions() {
        return transactions();
      },
      deadlines: new DeadlineQueue<Timed>(wake),
      own,
      locator: new ServerLocator(transport, options.resolver, { clock, random }),
      registrar: new Registrar(this.locations, settings, log),
      users,
      authenticator: new Authenticator({
        realm: settings.realm,
        nonceLifetimeMs: settings.nonceLifetimeMs,
        algorithms: settings.digestAlgorithms,
        users,
        random,
      }),
      mediaproxy,
      media: this.media,
      merged: new MergedRequests(),
      routeSignature: new RouteSignature(options.routeKey),
      toTag: toTagMaker(random),
      script: options.script,
    };
    this.proxy = new Proxy(this.#services);
    this.#transactions = new TransactionLayer(transport, this.proxy, { clock, random, log, wake }, {
      maxServerTransactions: settings.maxTransactions,
    });
    this.#keepalive = new Keepalive({
      intervalMs: settings.natPingIntervalMs,
      random,
      output: new PhonePinger(this.#services, this.locations, () => this.#keepalive),
      wake,
    });
    this.locations.observe(this.#keepalive);
  }

  #engagedMedia(mediaproxy: MediaProxy, own: OwnAddress): EngagedMedia {
    const { settings, clock, random, log, dialogStore } = this.#options;
    return new EngagedMedia({
      dialogs: this.dialogs,
      mediaproxy,
      own,
      clock,
      random,
      log,
      dialogTimeoutMs: settings.dialogTimeoutMs,
      signalingIpAvp: this.#options.mediaproxy.signalingIpAvp,
      sendLocal: (request, target, callLog) => void sendLocal(request, target, callLog, this.#services),
      changed: (dialog: Dialog) => {
        if (dialog.state === "ended") dialogStore.remove(dialog.id);
        else dialogStore.put(recordOf(dialog, clock.nowMs(), clock.wallMs()));
      },
    });
  }

  /** Takes over what the stores kept: registrations and calls from before a restart. */
  restore(): void {
    const { transport, dialogStore, clock, log } = this.#options;
    const { restored } = this.locations.restore(transport.listenPoints);
    for (const record of dialogStore.load()) {
      const dialog = restoreDialog(record, clock.nowMs(), clock.wallMs());
      if (dialog === undefined) dialogStore.remove(record.id);
      else this.dialogs.add(dialog);
    }
    if (restored + this.dialogs.size === 0) return;
    log.info(`${restored} contacts and ${this.dialogs.size} calls are known from before`);
  }

  /** What waits for its time. */
  get timedParts(): readonly TimedPart[] {
    const { dialogs, media } = this;
    const lifetimes = {
      get nextDeadlineMs() {
        return dialogs.nextDeadlineMs;
      },
      handleTimeouts: (nowMs: number) => media.handleTimeout(nowMs),
    };
    return [this.#transactions, this.#services.deadlines, this.locations, this.#keepalive, lifetimes];
  }

  /** What it has counted, and what there is at the moment. */
  statistics(): Readonly<Record<string, number>> {
    return {
      ...this.proxy.counters,
      ...this.#transactions.counts,
      bindings: this.locations.size,
      dialogs: this.dialogs.size,
    };
  }

  /** Ends all transactions without a word. */
  close(): void {
    this.#transactions.close();
  }
}
