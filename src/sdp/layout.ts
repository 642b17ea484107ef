/**
 * Which lines of a body matter to a relay, and where its sections begin: the session's, then one for each m= line
 * (RFC 8866 §5).
 * @module
 */
import { quoted } from "../env/log.ts";
import { SdpSyntaxError } from "./errors.ts";
import { type SdpLine, splitLines } from "./lines.ts";

/** The attributes that `description.ts` asks for. */
const KNOWN_ATTRIBUTE = /^(?:sendrecv|sendonly|recvonly|inactive|ice-ufrag:.*|ice-pwd:.*|candidate:.*)$/;
/** As many m= lines as the original module looks at. */
const MAX_STREAMS = 32;
const CONNECTION_LINE = /^c=IN IP[46] (\S+)/;

/** A c= line (RFC 8866 §5.7). */
export interface ConnectionLine {
  /** Index of the line. */
  readonly index: number;
  readonly address: string;
}

/** The session's section, or a stream's. Lines are indexes, `undefined` if there is no such line. */
export interface Section {
  /** The m= line; of no use in the session's section. */
  readonly first: number;
  /** The i= line, after which a c= line has its place (RFC 8866 §5). */
  title: number | undefined;
  /** The c= lines. There is one; RFC 8866 §5.7 has more for multicast only, but each is edited, so none leads astray. */
  readonly connections: number[];
  /** The a=rtcp line (RFC 3605). */
  rtcp: number | undefined;
  /** The first a=candidate line (RFC 8839 §5.1). */
  candidate: number | undefined;
}

export interface Layout {
  readonly lines: readonly SdpLine[];
  readonly session: Section;
  /** The o= line; `undefined` if there is none. */
  readonly origin: number | undefined;
  /** One for each m= line, in order. */
  readonly media: readonly Section[];
  /**
   * The m= lines, and of the others those whose attributes matter: all that sdp-transform is given. It tries some sixty
   * patterns on a line that it does not know, and most lines are codecs. 54 us became 32 for an offer of 20 lines, and
   * 14 ms became 0.3 for 2,500 lines of nonsense (Deno 2.9.6).
   */
  readonly attributes: string;
}

function createSection(first: number): Section {
  return { first, title: undefined, connections: [], rtcp: undefined, candidate: undefined };
}

/**
 * Finds the lines.
 * @throws SdpSyntaxError unless there is exactly one v= line, and for more than 32 m= lines.
 */
export function findLayout(body: string): Layout {
  const lines = splitLines(body);
  const session = createSection(0);
  const media: Section[] = [];
  let section = session;
  let origin: number | undefined = undefined;
  let versions = 0;
  let attributes = "";
  for (let index = 0; index < lines.length; index++) {
    const { text } = lines[index]!;
    if (text[1] !== "=") continue;
    switch (text[0]) {
      case "v":
        if (++versions > 1) throw new SdpSyntaxError("Cannot parse the SDP: a second v= line", index + 1);
        break;
      case "o":
        origin ??= index;
        break;
      case "m":
        if (media.length === MAX_STREAMS) throw new SdpSyntaxError(`Cannot relay more than ${MAX_STREAMS} streams`);
        media.push(section = createSection(index));
        attributes += `${text}\n`;
        break;
      case "i":
        section.title ??= index;
        break;
      case "c":
        section.connections.push(index);
        break;
      case "a":
        if (text.startsWith("candidate:", 2)) section.candidate ??= index;
        else if (text.startsWith("rtcp:", 2)) section.rtcp ??= index;
        if (KNOWN_ATTRIBUTE.test(text.slice(2))) attributes += `${text}\n`;
    }
  }
  if (versions === 0) throw new SdpSyntaxError("Cannot parse the SDP: it has no v= line");
  return { lines, session, origin, media, attributes };
}

/**
 * The c= lines of a section with their addresses.
 * @throws SdpSyntaxError for one of another network or address type than IP
 */
export function connectionLines(layout: Layout, section: Section): ConnectionLine[] {
  return section.connections.map((index) => {
    const { text } = layout.lines[index]!;
    const address = CONNECTION_LINE.exec(text)?.[1];
    if (address === undefined) throw new SdpSyntaxError(`Cannot parse ${quoted(text)} as a c= line`, index + 1);
    return { index, address };
  });
}
