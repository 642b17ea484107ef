/**
 * Configuration: `config.ini` and the command line, as values.
 *
 * 1. `flags.ts` parses the command line, `paths.ts` says which file that means; the program reads it.
 * 2. `ini_file.ts` cuts its text into sections and entries that know their line.
 * 3. `config.ts` finds unknown sections and keys, and has each section's schema (`relay_section.ts`, `dispatcher_section.ts`,
 *    `proxy_section.ts`, `mediaproxy_section.ts`, `other_sections.ts`) read the values (`values.ts`, `addresses.ts`,
 *    `listen_spec.ts`, and passports from `src/tls`) and check those that must go together.
 * 4. Either everything is right and the program gets one frozen `Config` with warnings, or `ConfigError` lists all problems.
 *
 * `config.ini.sample` explains every key; `sample_test.ts` holds it to the schema.
 *
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * const { config } = parseConfig("[Relay]\nport_range = 50000:51000", "config.ini");
 * assertEquals(config.relay.portRange, { start: 50000, end: 51000 });
 * assertEquals(config.relay.streamTimeoutMs, 90_000);
 * ```
 * @module
 */

export {
  type HostPort,
  type ListenAddress,
  type Network,
  parseHostPort,
  parseHostPortList,
  type PortRange,
} from "./addresses.ts";
export { type Config, ConfigError, defaultConfig, parseConfig, type ParsedConfig } from "./config.ts";
export { type AccountingBackend, type DispatcherConfig, MANAGEMENT_PORT } from "./dispatcher_section.ts";
export {
  type ExtraFlag,
  type ExtraFlags,
  type ExtraValues,
  type Flags,
  helpText,
  parseFlags,
  type Program,
  UsageError,
} from "./flags.ts";
export type { AdvertisedAddress, ListenSpec } from "./listen_spec.ts";
export type { IceCandidateChoice, MediaProxyConfig } from "./mediaproxy_section.ts";
export { nearest } from "./nearest.ts";
export type { AccountingConfig, DatabaseConfig, RadiusConfig, SipServerConfig, TlsConfig } from "./other_sections.ts";
export { DEFAULT_CONFIG_DIR, DEFAULT_RUNTIME_DIR, type Paths, resolveIn, resolvePaths } from "./paths.ts";
export type { ProxyConfig, UserSource } from "./proxy_section.ts";
export type { RelayAddress } from "./relay_addresses.ts";
export { DISPATCHER_PORT, type RelayConfig } from "./relay_section.ts";
export type { LogFormat } from "./values.ts";
export type { LogLevel } from "../env/log.ts";
export type { Passport, PassportAttribute, PassportRule } from "../tls/passport.ts";
