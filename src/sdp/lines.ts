/** A body as lines that keep their ends, so that what is not edited stays as it came (RFC 8866 §5). @module */
import { SdpSyntaxError } from "./errors.ts";

/** 32 streams as browsers describe them take about 2,000. */
const MAX_LINES = 2500;

/** One line. Its text and its end, joined, are the bytes that came. */
export interface SdpLine {
  readonly text: string;
  /** RFC 8866 §5 wants CRLF and has parsers accept LF; the last line may have none. */
  readonly ending: "\r\n" | "\n" | "";
}

/**
 * Splits an octet string into lines.
 * @throws SdpSyntaxError for more than 2,500 lines, and for a CR that ends no line: some parsers take it for an end, and
 * would read another body than we.
 */
export function splitLines(body: string): SdpLine[] {
  const lines: SdpLine[] = [];
  for (let start = 0; start < body.length;) {
    if (lines.length === MAX_LINES) throw new SdpSyntaxError(`Cannot parse the SDP: more than ${MAX_LINES} lines`);
    const found = body.indexOf("\n", start);
    const lineFeed = found < 0 ? body.length : found;
    const hasReturn = body.charCodeAt(found - 1) === 13;
    const text = body.slice(start, hasReturn ? found - 1 : lineFeed);
    lines.push({ text, ending: found < 0 ? "" : hasReturn ? "\r\n" : "\n" });
    if (text.includes("\r")) throw new SdpSyntaxError("Cannot parse the SDP: a CR without LF", lines.length);
    start = lineFeed + 1;
  }
  return lines;
}
