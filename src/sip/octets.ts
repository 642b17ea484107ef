/**
 * Octet strings: text with one character (0 to 255) for each byte of the wire. SIP is ASCII with islands of UTF-8 and
 * whatever a body holds; this form keeps every byte, and its lengths are byte lengths (RFC 3261 §7, §20.14).
 * @module
 */
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
const ENCODER = new TextEncoder();
/** `String.fromCharCode` takes so many arguments without overflowing any stack. */
const CHUNK = 8192;

/** Bytes to an octet string. `bytes` is not kept. */
export function decodeOctets(bytes: Uint8Array): string {
  // Plain ASCII, which is nearly everything, decodes to as many characters: ten times as fast as character by character.
  const text = UTF8.decode(bytes);
  if (text.length === bytes.length && !text.includes("\ufffd")) return text;
  let octets = "";
  for (let start = 0; start < bytes.length; start += CHUNK) {
    octets += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  }
  return octets;
}

/** An octet string to bytes. */
export function encodeOctets(octets: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(octets.length);
  encodeOctetsInto(octets, bytes);
  return bytes;
}

/**
 * Writes an octet string to the start of `buffer`, and returns how many bytes that took: the string's length.
 * @throws RangeError if the buffer is too small
 */
export function encodeOctetsInto(octets: string, buffer: Uint8Array<ArrayBuffer>): number {
  const { length } = octets;
  if (length > buffer.length) throw new RangeError(`Cannot encode ${length} bytes: the buffer has ${buffer.length}`);
  const { read, written } = ENCODER.encodeInto(octets, buffer);
  if (read === length && written === length) return length;
  for (let index = 0; index < length; index++) buffer[index] = octets.charCodeAt(index);
  return length;
}

/** Without the spaces and tabs around it. `trim()` would take bytes of UTF-8 too: 0xa0 ends an "à". */
export function trimSpace(octets: string): string {
  let start = 0;
  let end = octets.length;
  while (start < end && isSpace(octets.charCodeAt(start))) start++;
  while (end > start && isSpace(octets.charCodeAt(end - 1))) end--;
  return start === 0 && end === octets.length ? octets : octets.slice(start, end);
}

/** SP or HTAB. */
export function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Ordinary text to an octet string that holds its UTF-8. */
export function utf8ToOctets(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : decodeOctets(ENCODER.encode(text));
}

/** An octet string to ordinary text, for logs and JSON; bytes that are no UTF-8 become U+FFFD. */
export function octetsToUtf8(octets: string): string {
  return /^[\0-\x7f]*$/.test(octets) ? octets : UTF8.decode(encodeOctets(octets));
}
