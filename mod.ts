/**
 * MediaProxy for Deno as a library: a dispatcher in your own process, its configuration, and the codecs of both
 * mediaproxy wires (also by subpath: `./control`, `./config`).
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
  type ListenAddress,
  type LogFormat,
  type Network,
  parseConfig,
  type ParsedConfig,
  type Paths,
  type PortRange,
  type RadiusConfig,
  type RelayConfig,
  resolvePaths,
  type SipServerConfig,
  type TlsConfig,
} from "./src/config/mod.ts";
export * from "./src/control/mod.ts";
export { type RunningDispatcher, startDispatcher } from "./src/dispatcher/io/service.ts";
export { LOG_LEVELS, type LogFields, type Logger, type LogLevel, type LogMessage } from "./src/env/log.ts";
export type { Passport, PassportAttribute, PassportRule } from "./src/tls/passport.ts";
export type { SocketCounters } from "./relay/io/media_socket.ts";
export { createLog, type ProgramLog } from "./src/io/log.ts";
export { type RunningRelay, startRelay } from "./relay/io/service.ts";
export { VERSION } from "./src/version.ts";
