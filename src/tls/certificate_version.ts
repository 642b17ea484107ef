/** The version of an X.509 certificate, which Node's API does not tell. @module */

/**
 * 1, 2 or 3; 0 if the bytes do not begin like a certificate (RFC 5280 §4.1).
 *
 * ```text
 * 30 len | 30 len | A0 03 02 01 vv | ...    vv: version - 1; version 1 has no A0 element
 * ```
 */
export function certificateVersion(der: Uint8Array): number {
  const certificate = contentOfSequence(der, 0);
  const toBeSigned = certificate === undefined ? undefined : contentOfSequence(der, certificate);
  if (toBeSigned === undefined) return 0;
  if (der[toBeSigned] === 0x02) return 1; // the serial number comes first
  const [tag, length, innerTag, innerLength, version] = der.subarray(toBeSigned, toBeSigned + 5);
  const isVersion = tag === 0xa0 && length === 3 && innerTag === 0x02 && innerLength === 1;
  return isVersion && version !== undefined && version <= 2 ? version + 1 : 0;
}

/** Where the content of the SEQUENCE at `offset` begins. */
function contentOfSequence(der: Uint8Array, offset: number): number | undefined {
  const length = der[offset + 1];
  if (der[offset] !== 0x30 || length === undefined) return undefined;
  return offset + 2 + (length > 0x80 ? length - 0x80 : 0);
}
