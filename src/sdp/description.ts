/**
 * Reading of a session description: what a relay has to know of it. sdp-transform reads the attributes; the layout knows
 * where the lines are, so that `rewrite.ts` can edit them in place.
 * @module
 */
import { canonicalAddress, type Direction, type MediaDescription } from "../control/media_header.ts";
import { parse } from "../deps/sdp_transform.ts";
import { quoted } from "../env/log.ts";
import { SdpSyntaxError } from "./errors.ts";
import { connectionLines, findLayout, type Layout, type Section } from "./layout.ts";
import { isSupported, parseMediaLine } from "./media_line.ts";

/** One m= line with its attributes. Those of a stream that is not supported are not looked at. */
export interface SdpStream extends MediaDescription {
  readonly proto: string;
  /** Whether a relay can carry it; others are left alone. */
  readonly supported: boolean;
  /** Whether it has an ICE candidate for RTCP, component 2 (RFC 8839 §5.1). */
  readonly hasRtcpCandidate: boolean;
}

export interface SessionDescription {
  readonly streams: readonly SdpStream[];
  /** The streams that a relay can carry, in order. */
  readonly supportedStreams: readonly SdpStream[];
  /** Where the lines are. */
  readonly layout: Layout;
}

type Transform = ReturnType<typeof parse>;
type IceAttributes = Pick<Transform, "iceUfrag" | "icePwd">;

const HOLD = "0.0.0.0";
const REMOTE_CANDIDATES = /^a=remote-candidates:/m;

/**
 * Parses a body. It is an octet string: one character for each byte.
 *
 * @throws SdpSyntaxError if the lines or their order make no sense, or a stream that is supported cannot be relayed:
 * no address, a multicast address or a name, more than one port.
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * const { streams } = parseSdp("v=0\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n");
 * assertEquals([streams[0]?.address, streams[0]?.port, streams[0]?.direction], ["192.0.2.1", 6000, "sendrecv"]);
 * ```
 */
export function parseSdp(body: string): SessionDescription {
  const layout = findLayout(body);
  const transform = parse(layout.attributes);
  const sessionAddress = addressOf(layout, layout.session);
  const streams = layout.media.map((section, index) => readStream(layout, section, transform, index, sessionAddress));
  return { streams, supportedStreams: streams.filter(({ supported }) => supported), layout };
}

/**
 * Whether a body ends an ICE negotiation: its a=remote-candidates names the pair that was chosen, and the relay, if it is
 * not in it, is out of the call (RFC 8839 §5.2).
 */
export function endsIceNegotiation(body: string): boolean {
  return REMOTE_CANDIDATES.test(body);
}

function readStream(
  layout: Layout,
  section: Section,
  transform: Transform,
  index: number,
  sessionAddress: string | undefined,
): SdpStream {
  const lineNumber = section.first + 1;
  const { type, port, numberOfPorts, proto } = parseMediaLine(layout.lines[section.first]!.text, lineNumber);
  if (!isSupported(proto)) {
    return {
      type,
      port,
      proto,
      supported: false,
      address: "",
      direction: "sendrecv",
      ice: false,
      hasRtcpCandidate: false,
    };
  }
  if (numberOfPorts !== 1) throw new SdpSyntaxError(`Cannot relay a stream of ${numberOfPorts} ports`, lineNumber);
  const attributes = transform.media[index]!;
  const candidates = attributes.candidates ?? [];
  const address = addressOf(layout, section) ?? sessionAddress ?? (port === 0 ? HOLD : "");
  return {
    type,
    port,
    proto,
    supported: true,
    address: usableAddress(address, lineNumber),
    direction: (attributes.direction ?? transform.direction ?? "sendrecv") satisfies Direction,
    ice: candidates.length > 0 && (hasCredentials(attributes) || hasCredentials(transform)),
    hasRtcpCandidate: candidates.some(({ component }) => component === 2),
  };
}

/** sdp-transform makes a number of what looks like one; an empty value is none. */
function hasCredentials({ iceUfrag, icePwd }: IceAttributes): boolean {
  return (iceUfrag ?? "") !== "" && (icePwd ?? "") !== "";
}

/** The last of the section's addresses, as parsers that keep one address keep that. */
function addressOf(layout: Layout, section: Section): string | undefined {
  return connectionLines(layout, section).at(-1)?.address;
}

/** Relays know one address that means "nowhere", and the other family's is told to them as that. */
function usableAddress(text: string, lineNumber: number): string {
  const address = canonicalAddress(text);
  if (address !== undefined) return address === "::" ? HOLD : address;
  if (text === "") throw new SdpSyntaxError("Cannot relay a stream without a c= line", lineNumber);
  if (text.includes("/")) throw new SdpSyntaxError(`Cannot relay the multicast address ${quoted(text)}`, lineNumber);
  throw new SdpSyntaxError(`Cannot relay ${quoted(text)}: it is no address`, lineNumber);
}

/** Whether an address of a c= line says that nothing is to be sent (RFC 3264 §8.4); such a line is left alone. */
export function isHoldAddress(text: string): boolean {
  const address = canonicalAddress(text);
  return address === HOLD || address === "::";
}
