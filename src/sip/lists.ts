/** Comma-separated header values (RFC 3261 §7.3.1). @module */
import { trimSpace } from "./octets.ts";

/**
 * Splits at the commas outside of quoted strings and angle brackets; items are trimmed. An item may be empty where a peer
 * wrote two commas.
 */
export function splitList(text: string): string[] {
  if (!text.includes(",")) return [text];
  const items: string[] = [];
  let start = 0;
  for (let end = endOfItem(text, 0);; end = endOfItem(text, start)) {
    items.push(trimSpace(text.slice(start, end)));
    if (end >= text.length) return items;
    start = end + 1;
  }
}

/** The offset of the comma that ends the item that begins at `start`, or the text's length. */
export function endOfItem(text: string, start: number): number {
  let bracketed = false;
  for (let index = start; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case 0x22: // "
        if (!bracketed) index = endOfQuoted(text, index);
        break;
      case 0x3c: // <
        bracketed = true;
        break;
      case 0x3e: // >
        bracketed = false;
        break;
      case 0x2c: // ,
        if (!bracketed) return index;
    }
  }
  return text.length;
}

/** The offset of the quote that ends the quoted string that begins at `start`; the text's length if none does. */
export function endOfQuoted(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x5c) index++; // a backslash escapes whatever follows (RFC 3261 §25.1)
    else if (code === 0x22) return index;
  }
  return text.length;
}

/** The text of a quoted string, without quotes and escapes; other text as it is. */
export function unquote(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text;
  return text.slice(1, -1).replace(/\\(.)/gs, "$1");
}

/** `text` as a quoted string. */
export function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}
