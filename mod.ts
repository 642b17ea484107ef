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
  type Config,
  ConfigError,
  defaultConfig,
  parseConfig,
  type ParsedConfig,
  type Paths,
  resolvePaths,
} from "./src/config/mod.ts";
export * from "./src/control/mod.ts";
export { type RunningDispatcher, startDispatcher } from "./src/dispatcher/io/service.ts";
export type { LogFields, Logger, LogLevel } from "./src/env/log.ts";
export { createLog, type LogFormat, type ProgramLog } from "./src/io/log.ts";
export { type RunningRelay, startRelay } from "./relay/io/service.ts";
export { VERSION } from "./src/version.ts";
