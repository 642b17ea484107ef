/** The files of `[Proxy] tls_*`. @module */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { type ProxyConfig, resolveIn } from "../../config/mod.ts";
import { StartError } from "../../io/program.ts";
import type { ServerCertificate } from "../../transport/io/listeners.ts";

/** What the files hold, in PEM; `undefined` where none is named. */
export interface TlsFiles {
  readonly certificate: ServerCertificate | undefined;
  readonly ca: readonly string[] | undefined;
}

/** A file that a key of `[Proxy]` names. */
interface NamedFile {
  readonly key: string;
  readonly path: string;
  readonly text: string;
}

/** Reads the files that are named, and looks whether they can be used. @throws StartError naming the key and the file */
export function readTlsFiles({ tlsCertificate, tlsKey, tlsCa }: ProxyConfig, configDir: string): TlsFiles {
  const ca = tlsCa === undefined ? undefined : read("tls_ca", resolveIn(configDir, tlsCa));
  if (ca !== undefined) parseCertificate(ca);
  return {
    certificate: tlsCertificate === undefined || tlsKey === undefined
      ? undefined
      : readPair(resolveIn(configDir, tlsCertificate), resolveIn(configDir, tlsKey)),
    ca: ca === undefined ? undefined : [ca.text],
  };
}

function readPair(certificatePath: string, keyPath: string): ServerCertificate {
  const [certificate, key] = [read("tls_certificate", certificatePath), read("tls_key", keyPath)];
  const parsed = parseCertificate(certificate);
  if (!parsed.checkPrivateKey(parseKey(key))) {
    throw unusable(key, `it is not the key of the certificate ${certificate.path}`);
  }
  return { cert: certificate.text, key: key.text };
}

function read(key: string, path: string): NamedFile {
  try {
    return { key, path, text: Deno.readTextFileSync(path) };
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause; // it says itself what to do
    throw new StartError(`Cannot read ${path} ([Proxy] ${key}): ${(cause as Error).message}`, { cause });
  }
}

function parseCertificate(file: NamedFile): X509Certificate {
  try {
    return new X509Certificate(file.text);
  } catch (cause) {
    throw unusable(file, "there is no certificate in PEM in it", cause);
  }
}

function parseKey(file: NamedFile): KeyObject {
  try {
    return createPrivateKey(file.text);
  } catch (cause) {
    throw unusable(file, "there is no private key in PEM in it, or one with a passphrase", cause);
  }
}

function unusable({ key, path }: NamedFile, reason: string, cause?: unknown): StartError {
  return new StartError(`Cannot use ${path} ([Proxy] ${key}): ${reason}`, { cause });
}
