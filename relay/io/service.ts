/** The relay as a running service: sockets, dispatchers and timers around the machine of `directory/session_directory.ts`. @module */
import { type Config, type RelayAddress, resolveIn } from "../../src/config/mod.ts";
import type { Logger } from "../../src/env/log.ts";
import { loadCredentials } from "../../src/io/credentials.ts";
import { defaultAddress } from "../../src/io/default_address.ts";
import { StartError } from "../../src/io/program.ts";
import { connectTls } from "../../src/io/tls_client.ts";
import type { SocketCounters } from "../port_pool.ts";
import { Carrier } from "./carrier.ts";
import { Dispatchers } from "./dispatchers.ts";
import { systemResolver } from "./resolve.ts";

const CONNECT_MS = 10_000;

/** A relay that is running. */
export interface RunningRelay extends AsyncDisposable {
  /** The addresses that its sockets are bound to. */
  readonly addresses: readonly string[];
  /** The isolates that carry media. */
  readonly workers: number;
  /** What its sockets have counted, about a second ago. */
  readonly counters: Readonly<SocketCounters>;
  /** The sessions that are up. */
  readonly sessionCount: number;
  /** Takes no new calls; settles when the last session has ended. */
  drain(): Promise<void>;
  /**
   * Ends one of the isolates, numbered from 1, as a fault of its own would: its sessions are reported as expired, those of
   * the others go on, and another isolate takes its place. For drills.
   */
  killWorker(number: number): void;
  /** Ends all sessions, reports them as expired, and stops. */
  close(): Promise<void>;
}

/**
 * Starts a relay. Resolves once its dispatchers have been looked up; it connects to them in its own time.
 * @throws StartError | CredentialsError
 */
export async function startRelay(config: Config, configDir: string, log: Logger): Promise<RunningRelay> {
  const settings = config.relay;
  if (settings.dispatchers.length === 0) {
    throw new StartError(
      "Cannot start: no dispatchers are configured; set dispatchers in [Relay], such as 192.0.2.1:25060",
    );
  }
  const addresses = settings.addresses.length > 0 ? settings.addresses : [onlyAddress(settings.advertisedIp)];
  for (const { address } of addresses) checkAddress(address);
  const credentials = await loadCredentials(resolveIn(configDir, config.tls.certsPath), "relay", log);
  const carrier = await Carrier.start(
    { config: settings, addresses, workers: settings.workers ?? navigator.hardwareConcurrency },
    (dispatcher, statistics) => dispatchers.expired(dispatcher, statistics),
    log,
  ).catch((error) => {
    credentials.close();
    throw error;
  });
  const { directory } = carrier;
  const dispatchers = new Dispatchers(
    { ...settings, entries: settings.dispatchers },
    {
      resolver: systemResolver,
      connect: (address, onLink) =>
        connectTls({
          host: address.host,
          port: address.port,
          credentials,
          passport: settings.passport,
          verifyIntervalMs: config.tls.verifyIntervalMs,
          timeoutMs: CONNECT_MS,
          log,
        }, onLink),
      handle: (name, command, headers, answer) => directory.handle(name, command, headers, answer),
      hasSessions: (name) => directory.hasSessionsOf(name),
      log,
    },
  );
  await dispatchers.start();
  let closing: Promise<void> | undefined;
  const close = async () => {
    await carrier.close();
    await dispatchers.close();
    credentials.close();
  };
  return {
    addresses: addresses.map(({ address }) => address),
    workers: carrier.workers,
    get counters() {
      return directory.counters;
    },
    get sessionCount() {
      return directory.sessionCount;
    },
    drain: () => carrier.drain(),
    killWorker: (number) => carrier.killWorker(number),
    close: () => closing ??= close(),
    [Symbol.asyncDispose]: () => closing ??= close(),
  };
}

/** The address of the interface with the default route. */
function onlyAddress(advertised: string | undefined): RelayAddress {
  const address = defaultAddress();
  if (address === undefined) throw new StartError("Cannot find this host's address; set relay_ip in [Relay]");
  return { address, advertised, networks: [] };
}

/** Ports are bound when calls need them; that the address is not this host's should be known before. */
function checkAddress(relayIp: string): void {
  try {
    // Any port will do: if another process has this one, the address is right.
    Deno.listenDatagram({ transport: "udp", hostname: relayIp, port: 49_151 }).close();
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse) return;
    throw new StartError(
      `Cannot use relay_ip ${relayIp}: ${(cause as Error).message}; it must be an address of this host`,
      {
        cause,
      },
    );
  }
}
