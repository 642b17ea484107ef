/**
 * Makes what dispatcher and relays need to trust each other.
 *
 * ```sh
 * deno task certs /etc/mediaproxy/tls
 * ```
 * @module
 */
import { type ExtraFlags, helpText, parseFlags, type Program, UsageError } from "../src/config/mod.ts";
import {
  CertificateFilesError,
  issueCertificate,
  makeCertificates,
  revokeCertificate,
  ROLES,
} from "../src/io/certificate_files.ts";

const PROGRAM = {
  name: "certs",
  summary: "Makes a CA, certificates for dispatcher and relay, and a revocation list in DIR, ready to use.",
  positionals: "DIR",
  extra: {
    force: { kind: "boolean", help: "replace what is in DIR; every relay and dispatcher needs the new files then" },
    renew: {
      kind: "string",
      placeholder: "ROLE",
      help: "make a new certificate for dispatcher or relay with the CA in DIR",
    },
    client: {
      kind: "string",
      placeholder: "NAME",
      help: "make NAME.crt and NAME.key for an operator with the CA in DIR",
    },
    revoke: { kind: "string", placeholder: "FILE", help: "add the certificate in FILE to crl.pem in DIR" },
  },
} as const satisfies Program<ExtraFlags>;

Deno.exit(await main());

async function main(): Promise<number> {
  try {
    const flags = parseFlags(Deno.args, PROGRAM);
    if (flags.help) return say(helpText(PROGRAM).trimEnd());
    const [directory, ...others] = flags.positionals;
    if (directory === undefined || others.length > 0) {
      throw new UsageError("Name one directory, such as /etc/mediaproxy/tls");
    }
    const { renew, client, revoke, force } = flags.extra;
    if (revoke !== undefined) {
      const count = await revokeCertificate(directory, revoke);
      return say(
        `crl.pem lists ${count} certificates now.\nCopy it to every dispatcher and relay: they read it when it changes.`,
      );
    }
    if (renew !== undefined) return say(made(directory, await issueCertificate(directory, renew, commonNameOf(renew))));
    if (client !== undefined) return say(made(directory, await issueCertificate(directory, client, client)));
    const files = await makeCertificates(directory, { force });
    return say(
      `${made(directory, files)}\nCopy ca.pem, crl.pem, relay.crt and relay.key to the certs_path of each relay.\n` +
        "Keep ca.key safe: whoever has it can make relays and dispatchers.",
    );
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof CertificateFilesError || error instanceof SyntaxError)) {
      throw error;
    }
    // deno-lint-ignore no-console -- a command's output
    console.error(`certs: ${error.message}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

function commonNameOf(role: string): string {
  const commonName = Object.hasOwn(ROLES, role) ? ROLES[role] : undefined;
  if (commonName === undefined) throw new UsageError(`Unknown role ${role}; one of ${Object.keys(ROLES).join(", ")}`);
  return commonName;
}

function made(directory: string, files: readonly string[]): string {
  return `Made in ${directory}: ${files.join(", ")}`;
}

function say(text: string): 0 {
  // deno-lint-ignore no-console -- a command's output
  console.log(text);
  return 0;
}
