/** Bytes as text with one character for each byte, so that lengths are lengths of bytes. @module */

/** The bytes as Latin-1 text. */
export function decodeLatin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The characters, all below U+0100, as bytes. */
export function encodeLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
