/** The files of `[Proxy] tls_*`. @module */
import { type ProxyConfig, resolveIn } from "../../config/mod.ts";
import { StartError } from "../../io/program.ts";
import type { ServerCertificate } from "../../transport/io/listeners.ts";

/** What the files hold, in PEM; `undefined` where none is named. */
export interface TlsFiles {
  readonly certificate: ServerCertificate | undefined;
  readonly ca: readonly string[] | undefined;
}

/** Reads the files that are named. @throws StartError naming the key and the file */
export function readTlsFiles(settings: ProxyConfig, configDir: string): TlsFiles {
  const read = (key: string, path: string) => {
    const file = resolveIn(configDir, path);
    try {
      return Deno.readTextFileSync(file);
    } catch (cause) {
      throw new StartError(`Cannot read ${file} ([Proxy] ${key}): ${(cause as Error).message}`, { cause });
    }
  };
  const { tlsCertificate, tlsKey, tlsCa } = settings;
  return {
    certificate: tlsCertificate === undefined || tlsKey === undefined
      ? undefined
      : { cert: read("tls_certificate", tlsCertificate), key: read("tls_key", tlsKey) },
    ca: tlsCa === undefined ? undefined : [read("tls_ca", tlsCa)],
  };
}
