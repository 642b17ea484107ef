/**
 * A program's certificate and key, and the judgement of its peers' certificates.
 *
 * `ca.pem`, `crl.pem`, `NAME.crt` and `NAME.key` are read at the start, and again when they change. Peers are judged here
 * and not by TLS, which refuses without saying why; that a peer has the key of its certificate, TLS does prove, but only for
 * certificates that its library can read (see `unprovable`).
 * @module
 */
import { createPublicKey, X509Certificate } from "node:crypto";
import { type Logger, quoted } from "../env/log.ts";
import { certificateVersion } from "../tls/certificate_version.ts";
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
  /** There is a list in crl.pem. */
  readonly hasRevocations: boolean;
  /** Times and sizes of the files, to see that they have changed. */
  readonly stamp: string;
}

/**
 * Reads the credentials `name` (`dispatcher`, `relay`, or an operator's) in `certsPath`.
 * @throws CredentialsError
 */
export async function loadCredentials(certsPath: string, name: string, log: Logger): Promise<Credentials> {
  const loaded = await load(certsPath, name);
  const { mode } = Deno.statSync(`${certsPath}/${name}.key`);
  if (((mode ?? 0) & 0o007) !== 0) log.warning(`${certsPath}/${name}.key can be read by anybody: chmod o= ${name}.key`);
  if (!loaded.hasRevocations) {
    log.warning(`${certsPath}/crl.pem holds no revocation list: certificates that were revoked are accepted`);
  } else if (loaded.revocations.nextUpdateMs < Date.now()) {
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
      const loaded = await load(this.#certsPath, this.#name);
      // A file that is being replaced is gone or empty for a moment, in which a revoked peer must not slip in.
      if (this.#loaded.hasRevocations && !loaded.hasRevocations) {
        throw new CredentialsError(`${this.#certsPath}/crl.pem holds no list any more; to run without one, restart`);
      }
      this.#loaded = loaded;
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
    if (certificate === undefined) return "it presented no certificate, or none that can be read";
    try {
      return this.#refusal(certificate, passport, nowWallMs);
    } catch (error) { // the peer's bytes made a library throw: its fault, and not the end of this process
      return `its certificate cannot be read: ${quoted((error as Error).message)}`;
    }
  }

  #refusal(certificate: Uint8Array, passport: Passport | undefined, nowWallMs: number): string | undefined {
    const { authorities, revocations } = this.#loaded;
    const peer = new X509Certificate(certificate);
    const unproven = unprovable(peer);
    if (unproven !== undefined) return unproven;
    const issuer = authorities.find((authority) => peer.checkIssued(authority) && peer.verify(authority.publicKey));
    if (issuer === undefined) return `its certificate (${subjectText(peer)}) is not issued by a CA of ca.pem`;
    const validity = validityRefusal(peer, nowWallMs) ?? validityRefusal(issuer, nowWallMs);
    if (validity !== undefined) return validity;
    if (revocations.serialNumbers.has(canonicalSerialNumber(peer.serialNumber))) {
      return `its certificate (${subjectText(peer)}, serial ${peer.serialNumber}) is revoked`;
    }
    return passportRefusal(passport, subjectOf(peer));
  }
}

/**
 * Why TLS cannot prove that the peer has the key of this certificate.
 *
 * Deno 2.9.6 skips the signature of the handshake when its library cannot read the certificate: one of version 1, which
 * `openssl x509 -req` makes unless told otherwise, or one that is encoded badly. Whoever has seen such a certificate
 * could present it, so it proves nothing.
 */
function unprovable(peer: X509Certificate): string | undefined {
  const version = certificateVersion(peer.raw);
  if (version !== 3) {
    return `its certificate (${
      subjectText(peer)
    }) is of X.509 version ${version}: without version 3, TLS does not prove ` +
      "that it has the key; make a certificate with extensions, such as subjectAltName";
  }
  try {
    // The one way to ask that library: it reads its trust anchors in the same way (0.2 ms).
    Deno.createHttpClient({ caCerts: [peer.toString()] }).close();
    return undefined;
  } catch (error) {
    return `its certificate (${subjectText(peer)}) is encoded badly (${
      (error as Error).message
    }): TLS does not prove that ` +
      "it has the key";
  }
}

function validityRefusal(certificate: X509Certificate, nowWallMs: number): string | undefined {
  const { validFrom, validTo } = certificate;
  if (nowWallMs < Date.parse(validFrom)) {
    return `the certificate of ${subjectText(certificate)} is not valid before ${validFrom}`;
  }
  if (nowWallMs > Date.parse(validTo)) return `the certificate of ${subjectText(certificate)} expired on ${validTo}`;
  return undefined;
}

/** For people. A subject may be empty, which Node gives as `undefined`, and is whatever the peer likes. */
function subjectText({ subject }: X509Certificate): string {
  return quoted(((subject as string | undefined) ?? "").split("\n").join(", "));
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

/** From the object and not from the text, in which a value with a line feed looks like another attribute. */
function subjectOf(certificate: X509Certificate): CertificateSubject {
  const subject = certificate.toLegacyObject().subject as unknown as Record<string, string | string[]>;
  const attributes: { -readonly [name in keyof CertificateSubject]: CertificateSubject[name] } = {};
  for (const [name, value] of Object.entries(subject)) {
    const attribute = SUBJECT_ATTRIBUTES.get(name);
    if (attribute !== undefined) attributes[attribute] = value;
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
  for (const authority of authorities) checkAuthority(authority, paths.ca);
  const own = parse(paths.cert, cert);
  if (!/-----BEGIN (RSA |EC )?PRIVATE KEY-----/.test(key)) {
    throw new CredentialsError(`Cannot use ${paths.key}: it holds no private key without a passphrase`);
  }
  checkKey(own, key, paths);
  const { revocations, hasRevocations } = await readCrl(paths.crl, ca);
  return { material: { ca: [ca], cert, key }, authorities, revocations, hasRevocations, stamp };
}

/** Deno 2.9.6 verifies nothing that P-521 signed, and says so only when asked to. */
function checkAuthority(authority: X509Certificate, file: string): void {
  try {
    authority.verify(authority.publicKey);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new CredentialsError(`Cannot use ${file}: ${why}; use a CA with P-256, P-384, Ed25519 or RSA`, { cause });
  }
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

async function readCrl(file: string, ca: string): Promise<Pick<Loaded, "revocations" | "hasRevocations">> {
  let text = "";
  try {
    text = Deno.readTextFileSync(file);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) {
      throw new CredentialsError(`Cannot read ${file}: ${(cause as Error).message}`, { cause });
    }
  }
  try {
    return { revocations: await readRevocationLists(text, ca), hasRevocations: text.trim() !== "" };
  } catch (cause) {
    throw new CredentialsError(`Cannot use ${file}: ${(cause as Error).message}`, { cause });
  }
}
