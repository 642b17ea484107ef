/** SDP that the phones send, and what the other end must see of it. @module */
import { assert, assertEquals } from "../../../src/deps/assert.ts";

export interface AudioSdp {
  /** User name in the origin. */
  readonly owner: "alice" | "bob";
  /** Of the connection line; the origin keeps `owner`'s own address. */
  readonly address: string;
  readonly port: number;
  readonly version?: number;
  /** More lines for the stream, without line ends. */
  readonly attributes?: readonly string[];
}

/** Joins lines as SDP wants it. */
export function sdpText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\r\n`).join("");
}

/** A description with one audio stream of G.711. */
export function audioSdp({ owner, address, port, version = 1, attributes = [] }: AudioSdp): string {
  return sdpText([
    ...sessionLines(owner, address, version),
    `m=audio ${port} RTP/AVP 0`,
    "a=rtpmap:0 PCMU/8000",
    ...attributes,
  ]);
}

/** The lines before the first stream. */
export function sessionLines(owner: "alice" | "bob", address: string, version = 1): string[] {
  return ["v=0", `o=${owner} 1000 ${version} IN IP4 192.0.2.10`, "s=-", `c=IN IP4 ${address}`, "t=0 0"];
}

/** The ports of the `m=` lines, in order. */
export function mediaPorts(sdp: string): number[] {
  return [...sdp.matchAll(/^m=\S+ (\d+)/gm)].map(([, port]) => Number(port));
}

/**
 * Checks that `seen` is `sent` with the relay's address in its `c=` lines (unless 0.0.0.0) and ports of the relay in its
 * `m=` lines (unless 0), and not one other byte changed. Returns those ports.
 * For descriptions in which all streams are supported and without ICE.
 */
export function assertRelayed(sent: string, seen: string, relayAddress: string, range: [number, number]): number[] {
  const ports = mediaPorts(seen);
  let index = 0;
  const expected = sent
    .replaceAll(/^c=IN IP4 (?!0\.0\.0\.0)\S+/gm, `c=IN IP4 ${relayAddress}`)
    .replaceAll(/^(m=\S+) (\d+)/gm, (_, media, port) => `${media} ${port === "0" ? 0 : ports[index++]}`);
  assertEquals(seen, expected);
  assertPorts(ports.filter((port) => port !== 0), range);
  return ports;
}

/** Checks that these can be RTP ports of the relay: even, in its range, and none twice. */
export function assertPorts(ports: readonly number[], [lowest, highest]: [number, number]): void {
  for (const port of ports) {
    assert(port % 2 === 0 && port >= lowest && port < highest, `${port} is not an even port of ${lowest}:${highest}`);
  }
  assertEquals(new Set(ports).size, ports.length, `a port twice in ${ports.join(" ")}`);
}
