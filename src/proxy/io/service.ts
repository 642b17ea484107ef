/** The proxy as a running service: transports, databases and timers around `core.ts`. @module */
import { type Config, type Paths, resolveIn } from "../../config/mod.ts";
import { ipaddr } from "../../deps/ipaddr.ts";
import type { Logger } from "../../env/log.ts";
import { systemClock } from "../../io/clock.ts";
import { DeadlineDriver } from "../../io/deadline_driver.ts";
import { defaultAddress } from "../../io/default_address.ts";
import { systemRandom } from "../../io/random.ts";
import { Undo } from "../../io/undo.ts";
import { UnixDispatcherClient } from "../../mediaproxy/io/dispatcher_client.ts";
import { LocationDatabase } from "../../registrar/io/location_database.ts";
import { openUsers } from "../../registrar/io/users.ts";
import { createDnsResolver } from "../../server_location/io/dns_resolver.ts";
import { serializeHostPort } from "../../sip/uri.ts";
import type { ListenPoint } from "../../transport/flow.ts";
import { StartError } from "../../io/program.ts";
import { openTransport, type RunningTransport } from "../../transport/io/transport.ts";
import { ControlInterface } from "../control.ts";
import { type CoreSettings, ProxyCore } from "../core.ts";
import { residentialScript } from "../default_script.ts";
import { createOperations } from "../operations.ts";
import type { RoutingScript } from "../script.ts";
import { listenForCommands } from "./control_socket.ts";
import { NO_DIALOG_STORE } from "../dialog_store.ts";
import { DialogDatabase } from "./dialog_database.ts";
import { keptRouteKey, newRouteKey } from "./route_key.ts";
import { loadScript } from "./script_loader.ts";
import { readTlsFiles } from "./tls_files.ts";

/** A proxy that is running. */
export interface RunningProxy extends AsyncDisposable {
  readonly listenPoints: readonly ListenPoint[];
  /** The domains that it serves. */
  readonly domains: readonly string[];
  /** Registrations and engaged dialogs at the moment. */
  readonly bindingCount: number;
  readonly dialogCount: number;
  /** What it has counted. */
  statistics(): Readonly<Record<string, number>>;
  /** Loads script, users and certificate anew; what cannot be used is logged, and the old stays. */
  reload(): Promise<void>;
  /** Stops. Calls go on; registrations and dialogs are on disk. */
  close(): Promise<void>;
}

/** In `state_dir`. */
const ROUTE_KEY_FILE = "route.key";

/** `udp 192.0.2.1:5060`, for messages. */
export function listenPointText({ transport, address, port }: ListenPoint): string {
  return `${transport} ${serializeHostPort(address, port)}`;
}

/**
 * Starts a proxy. Resolves once everything listens. `script` takes the place of the configured one.
 * @throws ListenError | ScriptError | UsersError | DatabaseError | SocketPathError | StartError
 */
export async function startProxy(
  config: Config,
  paths: Paths,
  log: Logger,
  script?: RoutingScript,
): Promise<RunningProxy> {
  const undo = new Undo();
  try {
    return await new ProxyService(config, paths, log, undo).start(script);
  } catch (error) {
    await undo.run();
    throw error;
  }
}

/** Puts the parts together, and holds them. */
class ProxyService {
  readonly #config: Config;
  readonly #paths: Paths;
  readonly #log: Logger;
  readonly #undo: Undo;
  readonly #driver: DeadlineDriver;
  #script: RoutingScript | undefined = undefined;

  constructor(config: Config, paths: Paths, log: Logger, undo: Undo) {
    this.#config = config;
    this.#paths = paths;
    this.#log = log;
    this.#undo = undo;
    this.#driver = undo.add(new DeadlineDriver(), (it) => it.close());
  }

  async start(script: RoutingScript | undefined): Promise<RunningProxy> {
    const { proxy: settings, mediaproxy: mediaSettings } = this.#config;
    const log = this.#log;
    const database = this.#databasePath();
    const transport = await this.#openTransport(() => core);
    const domains = this.#domains(transport);
    const routing = this.#routingSettings(domains);
    this.#script = script ?? await this.#loadScript(routing);
    const users = this.#undo.add(openUsers(this.#userSource(), log), (it) => it.close());
    const store = database === undefined
      ? undefined
      : this.#undo.add(new LocationDatabase(database, log), (it) => it.close());
    const dispatcher = this.#undo.add(
      new UnixDispatcherClient({
        path: resolveIn(this.#paths.runtimeDir, mediaSettings.socketPath),
        timeoutMs: mediaSettings.timeoutMs,
      }, log),
      (it) => it.close(),
    );
    const dialogStore = this.#undo.add(
      database === undefined ? NO_DIALOG_STORE : new DialogDatabase(database, log),
      (it) => it.close(),
    );
    const core: ProxyCore = this.#undo.add(
      new ProxyCore({
        settings: routing,
        mediaproxy: mediaSettings,
        clock: systemClock,
        random: systemRandom,
        log,
        transport,
        resolver: createDnsResolver(settings.dnsServers),
        dispatcher,
        users,
        locationStore: store,
        dialogStore,
        routeKey: this.#routeKey(),
        script: () => this.#script!,
        wake: this.#driver.rearm,
      }),
      (it) => it.close(),
    );
    core.restore();
    for (const part of core.timedParts) this.#driver.add(part);
    const { locations, dialogs, media } = core;
    const statistics = () => ({
      ...core.statistics(),
      ...Object.fromEntries(Object.entries(transport.counters).map(([name, count]) => [`transport_${name}`, count])),
    });
    const reloadScript = async () => {
      this.#script = script ?? await this.#loadScript(routing);
      log.info("the routing script is loaded anew");
    };
    await this.#listenForCommands(
      new ControlInterface(
        createOperations({
          dialogs,
          media,
          locations,
          clock: systemClock,
          domain: domains[0]!,
          statistics,
          reloadScript,
        }),
        log,
      ),
    );
    let closing: Promise<void> | undefined;
    const close = () => closing ??= this.#undo.run();
    return {
      listenPoints: transport.listenPoints,
      domains,
      get bindingCount() {
        return locations.size;
      },
      get dialogCount() {
        return dialogs.size;
      },
      statistics,
      reload: () => this.#reload(reloadScript, users, transport),
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  async #openTransport(core: () => ProxyCore): Promise<RunningTransport> {
    const { proxy: settings } = this.#config;
    const tls = readTlsFiles(settings, this.#paths.configDir);
    return this.#undo.add(
      await openTransport({
        listen: settings.listen,
        hostAddresses: hostAddresses(),
        certificate: tls.certificate,
        tlsCa: tls.ca,
        tlsVerifyPeer: settings.tlsVerifyPeer,
        maxConnections: settings.maxConnections,
        log: this.#log,
      }, {
        message: (message, flow) => core().proxy.receive(message, flow),
        malformed: (error, flow) => core().proxy.refuseMalformed(error, flow),
        connectionClosed: ({ connectionId }) => void core().locations.connectionClosed(connectionId),
      }),
      (it) => it.close(),
    );
  }

  #domains({ listenPoints }: RunningTransport): string[] {
    const { domains } = this.#config.proxy;
    if (domains.length > 0) return [...domains];
    return [...new Set(listenPoints.map(({ advertisedHost }) => advertisedHost.toLowerCase()))];
  }

  #routingSettings(domains: readonly string[]): CoreSettings {
    const { proxy: settings } = this.#config;
    const networks = settings.trustedPeers.map((it) => [ipaddr.parse(it.address), it.prefixLength] as const);
    return {
      ...settings,
      domains,
      realm: settings.realm ?? domains[0]!,
      isTrusted: (text) => {
        if (networks.length === 0) return false;
        const address = ipaddr.process(text);
        return networks.some(([network, length]) =>
          network.kind() === address.kind() && address.match(network as typeof address, length)
        );
      },
    };
  }

  #loadScript(routing: CoreSettings): Promise<RoutingScript> {
    const { script } = this.#config.proxy;
    if (script === undefined) return Promise.resolve(residentialScript(routing));
    return loadScript(resolveIn(this.#paths.configDir, script), routing);
  }

  #userSource() {
    const { users: { kind, path }, stateDir } = this.#config.proxy;
    return { kind, path: resolveIn(kind === "file" ? this.#paths.configDir : stateDir, path) };
  }

  /** Without a database nothing need be kept, but a key that is makes calls outlive a restart. */
  #routeKey(): Uint8Array {
    const { database, stateDir } = this.#config.proxy;
    const path = resolveIn(stateDir, ROUTE_KEY_FILE);
    try {
      this.#makeDirectoryOf(path);
      return keptRouteKey(path);
    } catch (error) {
      if (database !== undefined) throw error;
      this.#log.warning(`${(error as Error).message}; after a restart calls that are up may not find their way`);
      return newRouteKey();
    }
  }

  #databasePath(): string | undefined {
    const { database, stateDir } = this.#config.proxy;
    if (database === undefined) return undefined;
    const path = resolveIn(stateDir, database);
    this.#makeDirectoryOf(path);
    return path;
  }

  /** @throws StartError */
  #makeDirectoryOf(path: string): void {
    const directory = path.slice(0, path.lastIndexOf("/")) || "/";
    try {
      Deno.mkdirSync(directory, { recursive: true, mode: 0o750 });
    } catch (cause) {
      if (cause instanceof Deno.errors.NotCapable) throw cause; // it says itself what to do
      const reason = (cause as Error).message;
      throw new StartError(`Cannot make ${directory} ([Proxy] state_dir): ${reason}`, { cause });
    }
  }

  async #listenForCommands(control: ControlInterface): Promise<void> {
    const { controlSocket } = this.#config.proxy;
    if (controlSocket === undefined) return;
    const path = resolveIn(this.#paths.runtimeDir, controlSocket);
    this.#undo.add(
      await listenForCommands(path, (text) => control.handle(text), this.#log),
      (it) => it.close(),
    );
  }

  async #reload(
    reloadScript: () => Promise<void>,
    users: { reload(): boolean },
    transport: RunningTransport,
  ): Promise<void> {
    await reloadScript().catch((error: Error) => this.#log.error(`${error.message}; the old one stays`));
    users.reload();
    try {
      const { certificate } = readTlsFiles(this.#config.proxy, this.#paths.configDir);
      if (certificate === undefined) return;
      transport.useCertificate(certificate);
      this.#log.info("the TLS certificate is read anew");
    } catch (error) {
      this.#log.error(`${(error as Error).message}; the old certificate stays`);
    }
  }
}

/** What others reach this host by, for each family that it has. */
function hostAddresses(): { IPv4: string | undefined; IPv6: string | undefined } {
  return { IPv4: defaultAddress("IPv4"), IPv6: defaultAddress("IPv6") };
}
