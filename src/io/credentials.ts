/**
 * A program's certificate and key, and the judgement of its peers' certificates.
 *
 * `ca.pem`, `crl.pem`, `NAME.crt` and `NAME.key` are read at the start, and again when they change. Peers are judged here
 * and not by TLS, which refuses without saying why; that a peer has the key of its certificate, TLS does prove.
 * @module
 */
import { createPublicKey, X509Certificate } from "node:crypto";
import type { Logger } from "../env/log.ts";
import { type CertificateSubject, type Passport, passportRefusal } from "../tls/passport.ts";
import { canonicalSerialNumber, pemBlocks, type RevocationList } from "../tls/revocation.ts";
import { readRevocationLists } from "./revocation_file.ts";

/** The files cannot be used; the message says which, why, and what to do. */
export class CredentialsError extends Error {
  override name = "CredentialsError";
}

/** What a TLS context is made of: PEM texts. */
export interface KeyMaterial {
  readonly ca: readonly string[];
  readonly cert: string;
  readonly key: string;
}

/** How often the files' times are looked at. */
const POLL_MS = 5000;

interface Loaded {
  readonly material: KeyMaterial;
  readonly authorities: readonly X509Certificate[];
  readonly revocations: RevocationList;
  /** Times and sizes of the files, to see that they have changed. */
  readonly stamp: string;
}

/**
 * Reads the credentials `name` (`dispatcher`, `relay`, or an operator's) in `certsPath`.
 * @throws CredentialsError
 */
export async function loadCredentials(certsPath: string, name: string, log: Logger): Promise<Credentials> {
  const loaded = await load(certsPath, name);
  if (loaded.revocations.nextUpdateMs < Date.now()) {
    log.warning(`${certsPath}/crl.pem is older than its CA promised: make a new one, or revoked peers may be unknown`);
  }
  return new Credentials(certsPath, name, loaded, log);
}

export class Credentials {
  readonly #certsPath: string;
  readonly #name: string;
  readonly #log: Logger;
  readonly #listeners = new Set<() => void>();
  readonly #timer: ReturnType<typeof setInterval>;
  #loaded: Loaded;
  #failedStamp = "";
  #loading = false;

  /** Use `loadCredentials`. */
  constructor(certsPath: string, name: string, loaded: Loaded, log: Logger) {
    this.#certsPath = certsPath;
    this.#name = name;
    this.#loaded = loaded;
    this.#log = log;
    this.#timer = setInterval(() => this.reloadIfChanged(), POLL_MS);
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  get material(): KeyMaterial {
    return this.#loaded.material;
  }

  /** Calls `listener` whenever the files have been read anew; returns what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Stops looking at the files. Twice is harmless. */
  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  /** Reads the files if they have changed; what cannot be used is logged, and the old stays in force. */
  async reloadIfChanged(): Promise<void> {
    const stamp = stampOf(this.#certsPath, this.#name);
    if (this.#loading || stamp === this.#loaded.stamp || stamp === this.#failedStamp) return;
    this.#loading = true;
    try {
      this.#loaded = await load(this.#certsPath, this.#name);
      this.#log.info(`certificates in ${this.#certsPath} have changed, and are in force`);
      for (const listener of this.#listeners) listener();
    } catch (error) {
      this.#failedStamp = stamp; // files that are being written will change once more
      this.#log.error(`certificates have changed but cannot be used, the old ones stay: ${(error as Error).message}`);
    } finally {
      this.#loading = false;
    }
  }

  /** Why a peer with this certificate (DER) is refused; `undefined` if it is not. */
  refusal(certificate: Uint8Array | undefined, passport: Passport | undefined, nowWallMs: number): string | undefined {
    if (certificate === undefined) return "it presented no certificate";
    const { authorities, revocations } = this.#loaded;
    const peer = new X509Certificate(certificate);
    const issuer = authorities.find((authority) => peer.checkIssued(authority) && peer.verify(authority.publicKey));
    if (issuer === undefined) return `its certificate (${oneLine(peer.subject)}) is not issued by a CA of ca.pem`;
    const validity = validityRefusal(peer, nowWallMs) ?? validityRefusal(issuer, nowWallMs);
    if (validity !== undefined) return validity;
    if (revocations.serialNumbers.has(canonicalSerialNumber(peer.serialNumber))) {
      return `its certificate (${oneLine(peer.subject)}, serial ${peer.serialNumber}) is revoked`;
    }
    return passportRefusal(passport, subjectOf(peer));
  }
}

function validityRefusal({ subject, validFrom, validTo }: X509Certificate, nowWallMs: number): string | undefined {
  if (nowWallMs < Date.parse(validFrom)) {
    return `the certificate of ${oneLine(subject)} is not valid before ${validFrom}`;
  }
  if (nowWallMs > Date.parse(validTo)) return `the certificate of ${oneLine(subject)} expired on ${validTo}`;
  return undefined;
}

function oneLine(subject: string): string {
  return subject.split("\n").join(", ");
}

const SUBJECT_ATTRIBUTES: ReadonlyMap<string, keyof CertificateSubject> = new Map([
  ["O", "O"],
  ["OU", "OU"],
  ["CN", "CN"],
  ["C", "C"],
  ["L", "L"],
  ["ST", "ST"],
  ["emailAddress", "EMAIL"],
]);

function subjectOf({ subject }: X509Certificate): CertificateSubject {
  const attributes: Partial<Record<keyof CertificateSubject, string[]>> = {};
  for (const line of subject.split("\n")) {
    const [, name, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    const attribute = SUBJECT_ATTRIBUTES.get(name ?? "");
    if (attribute !== undefined && value !== undefined) (attributes[attribute] ??= []).push(value);
  }
  return attributes;
}

function files(certsPath: string, name: string) {
  return {
    ca: `${certsPath}/ca.pem`,
    crl: `${certsPath}/crl.pem`,
    cert: `${certsPath}/${name}.crt`,
    key: `${certsPath}/${name}.key`,
  };
}

function stampOf(certsPath: string, name: string): string {
  return Object.values(files(certsPath, name)).map((file) => {
    try {
      const { mtime, size, ino } = Deno.statSync(file);
      return `${mtime?.getTime()} ${size} ${ino}`;
    } catch {
      return "none";
    }
  }).join("; ");
}

async function load(certsPath: string, name: string): Promise<Loaded> {
  const stamp = stampOf(certsPath, name); // taken first: what changes meanwhile is read again
  const paths = files(certsPath, name);
  const ca = read(paths.ca);
  const cert = read(paths.cert);
  const key = read(paths.key);
  const authorities = pemBlocks(ca, "CERTIFICATE").map((pem) => parse(paths.ca, pem));
  if (authorities.length === 0) throw new CredentialsError(`Cannot use ${paths.ca}: it holds no certificate`);
  const own = parse(paths.cert, cert);
  if (!/-----BEGIN (RSA |EC )?PRIVATE KEY-----/.test(key)) {
    throw new CredentialsError(`Cannot use ${paths.key}: it holds no private key without a passphrase`);
  }
  checkKey(own, key, paths);
  return { material: { ca: [ca], cert, key }, authorities, revocations: await readCrl(paths.crl, ca), stamp };
}

function checkKey(certificate: X509Certificate, key: string, paths: { cert: string; key: string }): void {
  let belongs: boolean;
  try {
    belongs = certificate.publicKey.equals(createPublicKey(key));
  } catch (cause) {
    throw new CredentialsError(`Cannot use ${paths.key}: ${(cause as Error).message}`, { cause });
  }
  if (!belongs) throw new CredentialsError(`Cannot use ${paths.key}: it is not the key of ${paths.cert}`);
}

function read(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (cause) {
    const missing = cause instanceof Deno.errors.NotFound;
    const directory = file.slice(0, file.lastIndexOf("/"));
    const why = missing
      ? `there is no such file; "deno task certs ${directory}" makes all that is needed`
      : (cause as Error).message;
    throw new CredentialsError(`Cannot read ${file}: ${why}`, { cause });
  }
}

function parse(file: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new CredentialsError(`Cannot use ${file}: ${(cause as Error).message}`, { cause });
  }
}

async function readCrl(file: string, ca: string): Promise<RevocationList> {
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return { serialNumbers: new Set(), nextUpdateMs: Infinity };
    throw new CredentialsError(`Cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  try {
    return await readRevocationLists(text, ca);
  } catch (cause) {
    throw new CredentialsError(`Cannot use ${file}: ${(cause as Error).message}`, { cause });
  }
}
