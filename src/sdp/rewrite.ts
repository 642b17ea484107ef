/**
 * Puts a relay into a session description. Lines are edited in place: what need not change keeps every byte, its place and
 * its line end, because a proxy must not touch what it was not asked to (RFC 3261 §16.6).
 * @module
 */
import { isHoldAddress, type SdpStream, type SessionDescription } from "./description.ts";
import { connectionLines, type Layout, type Section } from "./layout.ts";
import { withPort } from "./media_line.ts";
import { type IceCandidate, relayCandidate } from "./relay_candidate.ts";

/** The relay that carries the streams. */
export interface RelayMedia {
  /** IPv4 or IPv6, without brackets. */
  readonly address: string;
  /** One RTP port for each supported stream, 0 for one that is refused; RTCP is the next one. */
  readonly ports: readonly number[];
  readonly iceCandidate: IceCandidate;
}

const CONNECTION = /^c=IN IP[46] \S+/;
const ORIGIN_ADDRESS = / IN IP([46]) \S+$/;
const RTCP = /^a=rtcp:\d+(?: IN IP[46] \S+)?/;

/**
 * The body with the relay's address and ports in the place of the party's.
 *
 * Streams that are not supported, and those behind the last of `ports`, keep their address and port. If there are any,
 * the session's c= line goes, and each stream that relied on it gets a line of its own.
 *
 * The o= line names a session, not a place, and stays; but a party of the other address family is given one of its own
 * family. Interop: baresip 1.0 takes the family of the media from there, and refuses a foreign one with 488.
 *
 * Deviation: the original leaves streams without a port the relay's address, if the session's c= line gave them theirs,
 * with the party's port: nothing listens there.
 */
export function rewriteSdp(description: SessionDescription, relay: RelayMedia): string {
  return new Rewriter(description.layout, relay).run(description.streams);
}

/** Edits a copy of the lines. An inserted line is joined to the one beside it, and takes that one's line end. */
class Rewriter {
  readonly #layout: Layout;
  readonly #relay: RelayMedia;
  readonly #texts: (string | undefined)[];
  readonly #connection: string;

  constructor(layout: Layout, relay: RelayMedia) {
    this.#layout = layout;
    this.#relay = relay;
    this.#texts = layout.lines.map(({ text }) => text);
    this.#connection = `c=IN IP${ipVersion(relay.address)} ${relay.address}`;
  }

  run(streams: readonly SdpStream[]): string {
    const { session, media } = this.#layout;
    let next = 0;
    const ports = streams.map(({ supported }) => supported ? this.#relay.ports[next++] : undefined);
    const moved = ports.includes(undefined) ? this.#removeSessionConnection() : undefined;
    this.#editConnections(session);
    this.#editOrigin();
    media.forEach((section, index) => {
      const port = ports[index];
      if (port !== undefined) this.#editStream(section, streams[index]!, port);
      const reliesOnSession = section.connections.length === 0;
      if (moved !== undefined && reliesOnSession) {
        this.#insertConnection(section, port === undefined ? moved : this.#connection);
      }
    });
    return this.#join();
  }

  #editOrigin(): void {
    const { origin } = this.#layout;
    if (origin === undefined) return;
    const { address } = this.#relay;
    const version = ipVersion(address);
    this.#edit(
      origin,
      (text) =>
        text.replace(ORIGIN_ADDRESS, (old, its) => Number(its) === version ? old : ` IN IP${version} ${address}`),
    );
  }

  /** Removes what it returns, unless it is a hold, which stays as it is for all streams. */
  #removeSessionConnection(): string | undefined {
    const last = connectionLines(this.#layout, this.#layout.session).at(-1);
    if (last === undefined || isHoldAddress(last.address)) return undefined;
    for (const index of this.#layout.session.connections) this.#texts[index] = undefined;
    return this.#layout.lines[last.index]!.text;
  }

  #editConnections(section: Section): void {
    for (const { index, address } of connectionLines(this.#layout, section)) {
      if (!isHoldAddress(address)) this.#edit(index, (text) => text.replace(CONNECTION, this.#connection));
    }
  }

  #editStream(section: Section, stream: SdpStream, port: number): void {
    this.#editConnections(section);
    if (stream.port === 0) return; // refused or ended by the party itself
    this.#edit(section.first, (text) => withPort(text, port));
    if (port === 0) return; // refused by the other party: the rest means nothing
    const { rtcp, candidate } = section;
    if (rtcp !== undefined) this.#edit(rtcp, (text) => text.replace(RTCP, (old) => this.#rtcp(old, port + 1)));
    if (candidate !== undefined && stream.ice) this.#insertCandidates(candidate, stream, port);
  }

  #rtcp(old: string, port: number): string {
    const { address } = this.#relay;
    return old.includes(" ") ? `a=rtcp:${port} IN IP${ipVersion(address)} ${address}` : `a=rtcp:${port}`;
  }

  #insertCandidates(index: number, stream: SdpStream, port: number): void {
    const { address, iceCandidate } = this.#relay;
    if (iceCandidate === "none") return;
    const end = this.#lineEnd(index);
    let added = relayCandidate(address, port, 1, iceCandidate) + end;
    if (stream.hasRtcpCandidate) added += relayCandidate(address, port + 1, 2, iceCandidate) + end;
    this.#edit(index, (text) => added + text);
  }

  #insertConnection(section: Section, line: string): void {
    const index = section.title ?? section.first;
    this.#edit(index, (text) => text + this.#lineEnd(index) + line);
  }

  #edit(index: number, change: (text: string) => string): void {
    const text = this.#texts[index];
    if (text !== undefined) this.#texts[index] = change(text);
  }

  /** Of a line; the last one may have none, and then lends it from the first. */
  #lineEnd(index: number): string {
    return this.#layout.lines[index]!.ending || this.#layout.lines[0]!.ending;
  }

  #join(): string {
    let body = "";
    this.#layout.lines.forEach(({ ending }, index) => {
      const text = this.#texts[index];
      if (text !== undefined) body += text + ending;
    });
    return body;
  }
}

function ipVersion(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}
