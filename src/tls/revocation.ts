/** Certificate revocation lists (RFC 5280 §5). Node's TLS ignores them, so serial numbers are looked up here. @module */

/** A revocation list whose signature was verified. */
export interface RevocationList {
  /** Serial numbers in lower-case hexadecimal without leading zeros. */
  readonly serialNumbers: ReadonlySet<string>;
  /** When the CA promised a newer list, in wall milliseconds; Infinity if it did not. */
  readonly nextUpdateMs: number;
}

/** The blocks of a PEM text with the given label, such as `X509 CRL`. */
export function pemBlocks(text: string, label: string): string[] {
  return text.match(new RegExp(`-----BEGIN ${label}-----[\\s\\S]*?-----END ${label}-----`, "g")) ?? [];
}

/** A serial number in the form in which lists of them are compared. */
export function canonicalSerialNumber(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, "");
}
