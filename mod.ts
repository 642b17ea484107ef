/**
 * MediaProxy for Deno as a library: proxy, dispatcher and relay in your own process, the mediaproxy module for a proxy of
 * your own, the configuration, and the codecs of both mediaproxy wires. By subpath: `./sip`, `./sdp`, `./stun`,
 * `./mediaproxy`, `./control`, `./config`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "./src/deps/assert.ts";
 * import { parseMediaHeader } from "./mod.ts";
 *
 * assertEquals(parseMediaHeader("audio:192.0.2.1:6000:sendrecv:ice=no")[0]?.port, 6000);
 * ```
 * @module
 */
export {
  type AccountingBackend,
  type AccountingConfig,
  type AdvertisedAddress,
  type Config,
  ConfigError,
  type DatabaseConfig,
  defaultConfig,
  type DispatcherConfig,
  type ExtraFlag,
  type ExtraFlags,
  type ExtraValues,
  type Flags,
  type HostPort,
  type IceCandidateChoice,
  type ListenAddress,
  type ListenSpec,
  type LogFormat,
  type MediaProxyConfig,
  type Network,
  parseConfig,
  type ParsedConfig,
  type Paths,
  type PortRange,
  type ProxyConfig,
  type RadiusConfig,
  type RelayConfig,
  resolvePaths,
  type SipServerConfig,
  type TlsConfig,
  type UserSource,
} from "./src/config/mod.ts";
export * from "./src/control/mod.ts";
export { type RunningDispatcher, startDispatcher } from "./src/dispatcher/io/service.ts";
export { LOG_LEVELS, type LogFields, type Logger, type LogLevel, type LogMessage } from "./src/env/log.ts";
export type { Passport, PassportAttribute, PassportRule } from "./src/tls/passport.ts";
export type { SocketCounters } from "./relay/port_pool.ts";
export * from "./src/mediaproxy/mod.ts";
export { type DispatcherClientOptions, UnixDispatcherClient } from "./src/mediaproxy/io/dispatcher_client.ts";
export type * from "./src/proxy/script.ts";
export { residentialScript } from "./src/proxy/default_script.ts";
export { type RunningProxy, startProxy } from "./src/proxy/io/service.ts";
export { createLog, type ProgramLog } from "./src/io/log.ts";
export { type RunningRelay, startRelay } from "./relay/io/service.ts";
export { VERSION } from "./src/version.ts";
