/** Where configuration and runtime files are. @module */

import type { Flags } from "./flags.ts";

/** The directory of config.ini and of the certificates, unless a flag says otherwise. */
export const DEFAULT_CONFIG_DIR = "/etc/mediaproxy";

/** The directory of sockets and state, unless a flag says otherwise. */
export const DEFAULT_RUNTIME_DIR = "/run/mediaproxy";

/** The files and directories of a program. */
export interface Paths {
  /** To be read; missing is fine unless it is `explicit`. */
  readonly configFile: string;
  /** Relative `certs_path` are seen from here. */
  readonly configDir: string;
  /** Relative `socket_path` are seen from here. */
  readonly runtimeDir: string;
  /** `--config` named the file, so it has to exist. */
  readonly explicit: boolean;
}

/** `--config` also moves the configuration directory, to where the file is, unless `--config-dir` is given. */
export function resolvePaths(flags: Pick<Flags, "configFile" | "configDir" | "runtimeDir">): Paths {
  const { configFile } = flags;
  const configDir = flags.configDir ?? (configFile === undefined ? DEFAULT_CONFIG_DIR : directoryOf(configFile));
  return {
    configFile: configFile ?? resolveIn(configDir, "config.ini"),
    configDir,
    runtimeDir: flags.runtimeDir ?? DEFAULT_RUNTIME_DIR,
    explicit: configFile !== undefined,
  };
}

/** `path`, seen from `directory` when it is relative: how `certs_path` and `socket_path` are meant. */
export function resolveIn(directory: string, path: string): string {
  return path.startsWith("/") ? path : `${directory.replace(/\/+$/, "")}/${path}`;
}

function directoryOf(file: string): string {
  const slash = file.lastIndexOf("/");
  return slash < 0 ? "." : file.slice(0, slash) || "/";
}
