/** A directory with a CA, certificates and a revocation list. @module */
import {
  type KeyPair,
  makeAuthority,
  makeCertificate,
  makeRevocationList,
  serialNumberOf,
} from "../certificates/make.ts";

/** The programs that have certificates, and their CNs. */
export const ROLES: Readonly<Record<string, string>> = {
  dispatcher: "MediaProxy dispatcher",
  relay: "MediaProxy relay",
};

const DIRECTORY_MODE = 0o750;
const KEY_MODE = 0o600;
const CERTIFICATE_MODE = 0o644;

/** The directory cannot be used as asked; the message says why and what to do. */
export class CertificateFilesError extends Error {
  override name = "CertificateFilesError";
}

/**
 * Makes ca.pem, ca.key, crl.pem, and certificate and key of each role in `directory`, which is made too. Returns the
 * names of the files.
 * @throws CertificateFilesError if a file is there already, unless `force`.
 */
export async function makeCertificates(directory: string, options: { force?: boolean } = {}): Promise<string[]> {
  Deno.mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
  const nowMs = Date.now();
  const authority = await makeAuthority(nowMs);
  const files = new Map<string, [text: string, mode: number]>([
    ["ca.pem", [authority.certificate, CERTIFICATE_MODE]],
    ["ca.key", [authority.key, KEY_MODE]],
    ["crl.pem", [await makeRevocationList(authority, [], nowMs), CERTIFICATE_MODE]],
  ]);
  for (const [role, commonName] of Object.entries(ROLES)) {
    const { certificate, key } = await makeCertificate(authority, { commonName, nowMs });
    files.set(`${role}.crt`, [certificate, CERTIFICATE_MODE]).set(`${role}.key`, [key, KEY_MODE]);
  }
  const there = [...files.keys()].filter((name) => exists(`${directory}/${name}`));
  if (there.length > 0 && options.force !== true) {
    throw new CertificateFilesError(
      `Cannot make certificates in ${directory}: ${there.join(", ")} exist already; --force replaces them all`,
    );
  }
  for (const [name, [text, mode]] of files) write(`${directory}/${name}`, text, mode);
  return [...files.keys()];
}

/** Makes NAME.crt and NAME.key with the CA in `directory`, in place of those that may be there. */
export async function issueCertificate(directory: string, name: string, commonName: string): Promise<string[]> {
  const { certificate, key } = await makeCertificate(readAuthority(directory), { commonName, nowMs: Date.now() });
  write(`${directory}/${name}.key`, key, KEY_MODE);
  write(`${directory}/${name}.crt`, certificate, CERTIFICATE_MODE);
  return [`${name}.crt`, `${name}.key`];
}

/** Adds a certificate to crl.pem. Returns how many it lists now. */
export async function revokeCertificate(directory: string, certificateFile: string): Promise<number> {
  const { X509Crl } = await import("../deps/x509.ts");
  const file = `${directory}/crl.pem`;
  const serials = new Set(exists(file) ? new X509Crl(read(file)).entries.map((entry) => entry.serialNumber) : []);
  serials.add(serialNumberOf(read(certificateFile)));
  write(file, await makeRevocationList(readAuthority(directory), [...serials], Date.now()), CERTIFICATE_MODE);
  return serials.size;
}

function readAuthority(directory: string): KeyPair {
  return { certificate: read(`${directory}/ca.pem`), key: read(`${directory}/ca.key`) };
}

function read(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (cause) {
    throw new CertificateFilesError(`Cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** In one step, so that a program that watches the file never sees half of it. */
function write(file: string, text: string, mode: number): void {
  const draft = `${file}.new`;
  Deno.writeTextFileSync(draft, text, { mode });
  Deno.renameSync(draft, file);
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
