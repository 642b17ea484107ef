/**
 * Making a certificate authority, certificates and revocation lists, as PEM texts. P-256 keys with SHA-256; keys in
 * PKCS #8, which the original's GnuTLS reads too.
 * @module
 */
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
  X509CrlReason,
} from "../deps/x509.ts";
import { pemBlocks } from "../tls/revocation.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 24 * 3600 * 1000;
/** A CA outlives what it signs. */
const CA_DAYS = 20 * 365;
const CERTIFICATE_DAYS = 10 * 365;
const ORGANIZATION = "MediaProxy";
/** Hosts whose clocks are a little behind take a new certificate too. */
const BACKDATE_MS = DAY_MS;

/** A certificate with its key: PEM texts. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate is to say; times are wall milliseconds. */
export interface CertificateRequest {
  /** The CN, which is what passports look at. */
  readonly commonName: string;
  readonly organizationalUnit?: string;
  readonly nowMs: number;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

/** Makes a certificate authority. */
export async function makeAuthority(nowMs: number): Promise<KeyPair> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: subject("MediaProxy CA", "CA"),
    serialNumber: serialNumber(),
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + CA_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await exportKey(keys.privateKey) };
}

/** Makes a certificate that `authority` signs, for both ends of a connection. */
export async function makeCertificate(authority: KeyPair, request: CertificateRequest): Promise<KeyPair> {
  const { commonName, organizationalUnit = "Nodes", nowMs } = request;
  const issuer = new X509Certificate(authority.certificate);
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: subject(commonName, organizationalUnit),
    issuer: issuer.subjectName,
    serialNumber: serialNumber(),
    notBefore: new Date(request.notBeforeMs ?? nowMs - BACKDATE_MS),
    notAfter: new Date(request.notAfterMs ?? nowMs + CERTIFICATE_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([{ type: "dns", value: commonName.toLowerCase().replaceAll(" ", "-") }]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await exportKey(keys.privateKey) };
}

/** Makes a list of the certificates (PEM) that `authority` revokes. */
export async function makeRevocationList(
  authority: KeyPair,
  revoked: readonly string[],
  nowMs: number,
): Promise<string> {
  const crl = await X509CrlGenerator.create({
    issuer: new X509Certificate(authority.certificate).subjectName,
    thisUpdate: new Date(nowMs - BACKDATE_MS),
    nextUpdate: new Date(nowMs + CA_DAYS * DAY_MS),
    entries: revoked.map((serial) => ({
      serialNumber: serial,
      revocationDate: new Date(nowMs),
      reason: X509CrlReason.cessationOfOperation,
      issuer: "",
    })),
    signingAlgorithm: ALGORITHM,
    signingKey: await importKey(authority.key),
  });
  return PemConverter.encode(crl.rawData, "X509 CRL");
}

/** The serial number of a certificate (PEM), in hexadecimal. */
export function serialNumberOf(certificate: string): string {
  const [pem] = pemBlocks(certificate, "CERTIFICATE");
  if (pem === undefined) throw new SyntaxError("Cannot read the certificate: no CERTIFICATE block");
  return new X509Certificate(pem).serialNumber;
}

function subject(commonName: string, organizationalUnit: string): string {
  return `CN=${commonName},OU=${organizationalUnit},O=${ORGANIZATION}`;
}

/** 16 random bytes, positive (RFC 5280 §4.1.2.2). */
function serialNumber(): string {
  return `4${crypto.randomUUID().replaceAll("-", "").slice(1)}`;
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

async function exportKey(key: CryptoKey): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

function importKey(pem: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("pkcs8", PemConverter.decodeFirst(pem), ALGORITHM, false, ["sign"]);
}
