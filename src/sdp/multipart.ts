/**
 * The SDP within a message body, which may have company: multipart/mixed, multipart/related, multipart/alternative and
 * what else is multipart (RFC 5621 §3, RFC 2046 §5.1).
 * @module
 */

/** A range of a body: from `start` up to, not including, `end`. */
export interface BodyRange {
  readonly start: number;
  readonly end: number;
}

/** Multiparts within a multipart, as far as they are looked through. */
const MAX_DEPTH = 2;
const MEDIA_TYPE = /^\s*([^\s;,/]+\/[^\s;,]+)/;
/** RFC 2046 §5.1.1: up to 70 characters, in quotes if one of them is no token character. */
const BOUNDARY = /;\s*boundary\s*=\s*(?:"([^"\\]{1,70})"|([^\s";,]{1,70}))/i;
const CONTENT_TYPE = /^(?:content-type|c)\s*:(.*)$/im;
/** What else than these is not text that can be edited. */
const PLAIN_ENCODING = /^(?:7bit|8bit|binary)$/i;
const TRANSFER_ENCODING = /^content-transfer-encoding\s*:\s*(\S*)/im;
const FOLD = /\r?\n[ \t]+/g;
/** White space may stand between a boundary and its line's end (RFC 2046 §5.1.1). */
const REST_OF_DELIMITER = /[ \t]*(\r?\n|$)/y;

/**
 * Finds the first application/sdp in a body; `undefined` if there is none. Nothing but that range needs to change when
 * the SDP does.
 *
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * assertEquals(findSdp("application/sdp", "v=0\r\n"), { start: 0, end: 5 });
 * assertEquals(findSdp("text/plain", "v=0\r\n"), undefined);
 * ```
 */
export function findSdp(contentType: string | undefined, body: string): BodyRange | undefined {
  return contentType === undefined ? undefined : find(contentType, body, 0, body.length, 0);
}

function find(contentType: string, body: string, start: number, end: number, depth: number): BodyRange | undefined {
  const mediaType = MEDIA_TYPE.exec(contentType)?.[1]?.toLowerCase() ?? "";
  if (mediaType === "application/sdp") return start < end ? { start, end } : undefined;
  const [, quoted, token] = mediaType.startsWith("multipart/") ? BOUNDARY.exec(contentType) ?? [] : [];
  const boundary = quoted ?? token;
  if (boundary === undefined || depth === MAX_DEPTH) return undefined;
  for (const part of parts(body, start, end, `--${boundary}`)) {
    const found = findInPart(body, part, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findInPart(body: string, { start, end }: BodyRange, depth: number): BodyRange | undefined {
  const content = startOfContent(body, start, end);
  const headers = body.slice(start, content).replace(FOLD, " ");
  const encoding = TRANSFER_ENCODING.exec(headers)?.[1] ?? "binary";
  const contentType = CONTENT_TYPE.exec(headers)?.[1];
  if (contentType === undefined || !PLAIN_ENCODING.test(encoding)) return undefined;
  return find(contentType, body, content, end, depth);
}

/** Behind the empty line that ends the headers, which may be the first line. */
function startOfContent(body: string, start: number, end: number): number {
  for (let lineStart = start; lineStart < end;) {
    const lineFeed = body.indexOf("\n", lineStart);
    if (lineFeed < 0 || lineFeed >= end) break;
    const isEmpty = lineFeed === lineStart || (lineFeed === lineStart + 1 && body[lineStart] === "\r");
    lineStart = lineFeed + 1;
    if (isEmpty) return lineStart;
  }
  return end;
}

/** What stands between two delimiter lines; what comes before the first and behind the last is for nobody. */
function* parts(body: string, start: number, end: number, delimiter: string): Iterable<BodyRange> {
  let partStart = -1;
  for (let at = body.indexOf(delimiter, start); at >= 0 && at < end; at = body.indexOf(delimiter, at + 1)) {
    if (at > start && body[at - 1] !== "\n") continue;
    const behind = at + delimiter.length;
    const isLast = body.startsWith("--", behind);
    REST_OF_DELIMITER.lastIndex = isLast ? behind + 2 : behind;
    const rest = REST_OF_DELIMITER.exec(body);
    if (rest === null) continue; // a longer boundary that begins with this one
    if (partStart >= 0) yield { start: partStart, end: endOfPart(body, partStart, at) };
    if (isLast) return;
    partStart = rest.index + rest[0].length;
  }
}

/** The line end before a delimiter belongs to the delimiter (RFC 2046 §5.1.1). */
function endOfPart(body: string, start: number, delimiterAt: number): number {
  if (delimiterAt === start) return start;
  return delimiterAt - (delimiterAt - 2 >= start && body[delimiterAt - 2] === "\r" ? 2 : 1);
}
