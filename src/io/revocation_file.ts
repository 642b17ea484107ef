/** Reading `crl.pem`. @module */
import { canonicalSerialNumber, pemBlocks, type RevocationList } from "../tls/revocation.ts";

/**
 * Decodes the lists in `crlText`, each of which one of the certificates in `caText` must have signed.
 * @throws Error saying what is wrong.
 */
export async function readRevocationLists(crlText: string, caText: string): Promise<RevocationList> {
  const blocks = pemBlocks(crlText, "X509 CRL");
  if (blocks.length === 0) {
    if (crlText.trim() !== "") throw new Error("it holds no X509 CRL");
    return { serialNumbers: new Set(), nextUpdateMs: Infinity };
  }
  // Loading this takes 180 ms, which a program without a list should not pay.
  const { X509Certificate, X509Crl } = await import("../deps/x509.ts");
  const authorities = pemBlocks(caText, "CERTIFICATE").map((pem) => new X509Certificate(pem));
  const serialNumbers = new Set<string>();
  let nextUpdateMs = Infinity;
  for (const block of blocks) {
    const crl = new X509Crl(block);
    const verdicts = await Promise.all(
      authorities.map((ca) => crl.verify({ publicKey: ca.publicKey }).catch(() => false)),
    );
    if (!verdicts.includes(true)) throw new Error("the list is not signed by a CA of ca.pem");
    for (const { serialNumber } of crl.entries) serialNumbers.add(canonicalSerialNumber(serialNumber));
    nextUpdateMs = Math.min(nextUpdateMs, crl.nextUpdate?.getTime() ?? Infinity);
  }
  return { serialNumbers, nextUpdateMs };
}
