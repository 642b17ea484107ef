/** The relay as a running service: sockets, dispatchers and timers around the machine of `relay.ts`. @module */
import { type Config, type RelayAddress, resolveIn } from "../../src/config/mod.ts";
import type { Logger } from "../../src/env/log.ts";
import { systemClock } from "../../src/io/clock.ts";
import { loadCredentials } from "../../src/io/credentials.ts";
import { defaultAddress } from "../../src/io/default_address.ts";
import { StartError } from "../../src/io/program.ts";
import { connectTls } from "../../src/io/tls_client.ts";
import { VERSION } from "../../src/version.ts";
import { Interfaces } from "../interfaces.ts";
import { PortPool } from "../port_pool.ts";
import { Relay } from "../relay.ts";
import { createRoutableTest } from "../routable.ts";
import { Dispatchers } from "./dispatchers.ts";
import { systemResolver } from "./resolve.ts";
import { openMediaSocket, type SocketCounters } from "./media_socket.ts";

const SWEEP_MS = 1000;
const CONNECT_MS = 10_000;

/** A relay that is running. */
export interface RunningRelay extends AsyncDisposable {
  /** The addresses that its sockets are bound to. */
  readonly addresses: readonly string[];
  /** What its sockets have counted. */
  readonly counters: Readonly<SocketCounters>;
  /** The sessions that are up. */
  readonly sessionCount: number;
  /** Takes no new calls; settles when the last session has ended. */
  drain(): Promise<void>;
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
  const counters: SocketCounters = { late: 0, truncated: 0, sendFailed: 0 };
  const { start: firstPort, end: endPort } = settings.portRange;
  const interfaces = new Interfaces(addresses, firstPort, endPort, (hostname) => {
    const environment = { hostname, counters, log, nowMs: systemClock.nowMs };
    const options = { firstPort, endPort, restMs: settings.portRestTimeMs };
    return new PortPool(options, (port) => openMediaSocket(environment, port), log);
  });
  const relay: Relay = new Relay(
    {
      version: VERSION,
      portRange: `${firstPort}:${endPort}`,
      timeouts: settings,
      learning: settings.learning,
      rebinding: settings.rebinding,
      isRoutable: createRoutableTest(settings.routablePrivateRanges),
    },
    interfaces,
    systemClock,
    log,
    { expired: (dispatcher, statistics) => dispatchers.expired(dispatcher, statistics) },
  );
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
      handle: (name, command, headers) => relay.handle(name, command, headers),
      hasSessions: (name) => relay.hasSessionsOf(name),
      log,
    },
  );
  let drained = () => {};
  const timers = [
    setInterval(() => {
      relay.sweep();
      if (relay.draining && relay.sessionCount === 0) drained();
    }, SWEEP_MS),
  ];
  if (settings.trafficSamplingPeriodMs > 0) {
    timers.push(setInterval(() => relay.sampleTraffic(), settings.trafficSamplingPeriodMs));
  }
  await dispatchers.start();
  let closing: Promise<void> | undefined;
  const close = async () => {
    timers.forEach(clearInterval);
    relay.close();
    await dispatchers.close();
    credentials.close();
  };
  return {
    addresses: addresses.map(({ address }) => address),
    counters,
    get sessionCount() {
      return relay.sessionCount;
    },
    drain() {
      relay.drain();
      return new Promise((resolve) => drained = resolve);
    },
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
