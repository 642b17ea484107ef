/** The m= line (RFC 8866 §5.14). @module */
import { quoted } from "../env/log.ts";
import { SdpSyntaxError } from "./errors.ts";

/** Stricter than a token: the media type goes into the `media` header, in which `:` and `,` separate. */
const MEDIA_LINE = /^m=([A-Za-z0-9._+-]{1,32}) +(\d{1,5})(?:\/(\d{1,5}))? +(\S+)/;
const PORT = /^(m=\S+ +)\d+/;
const SUPPORTED = /^(?:rtp|udp)/i;

export interface MediaLine {
  /** `audio`, `video`, `image` ... */
  readonly type: string;
  /** 0: the stream is refused or was ended (RFC 3264 §6, §8.2). */
  readonly port: number;
  /** 1 if the line does not say. */
  readonly numberOfPorts: number;
  readonly proto: string;
}

/**
 * Parses an m= line as far as a relay needs it; the formats may be anything.
 * @throws SdpSyntaxError
 */
export function parseMediaLine(line: string, lineNumber: number): MediaLine {
  const [, type, port, count, proto] = MEDIA_LINE.exec(line) ?? [];
  if (type === undefined || proto === undefined || Number(port) > 65535) {
    throw new SdpSyntaxError(`Cannot parse ${quoted(line)} as an m= line`, lineNumber);
  }
  return { type, port: Number(port), numberOfPorts: Number(count ?? 1), proto };
}

/** The line with another port; all else stays. */
export function withPort(line: string, port: number): string {
  return line.replace(PORT, (_, before: string) => before + port);
}

/** Whether a relay can carry what this `proto` puts into UDP: RTP/AVP, RTP/SAVPF, UDP/TLS/RTP/SAVPF, udptl, udp ... */
export function isSupported(proto: string): boolean {
  return SUPPORTED.test(proto);
}
