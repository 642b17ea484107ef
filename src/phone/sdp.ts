/** The SDP of a test phone: one audio stream (RFC 8866, RFC 3264). @module */

/** What an SDP body says of its first stream. */
export interface AudioDescription {
  readonly address: string;
  readonly port: number;
  readonly direction: string;
}

/** An offer or answer with G.711 µ-law. `address` and `port` are where the phone believes to be. */
export function audioSdp(address: string, port: number, direction = "sendrecv"): string {
  const family = address.includes(":") ? "IP6" : "IP4";
  return [
    "v=0",
    `o=- 1 1 IN ${family} ${address}`,
    "s=-",
    `c=IN ${family} ${address}`,
    "t=0 0",
    `m=audio ${port} RTP/AVP 0`,
    "a=rtpmap:0 PCMU/8000",
    `a=${direction}`,
    "",
  ].join("\r\n");
}

/** Reads the first stream; `undefined` if there is none. */
export function readAudio(sdp: string): AudioDescription | undefined {
  const address = /^c=IN IP[46] (\S+)/m.exec(sdp)?.[1];
  const port = /^m=audio (\d+)/m.exec(sdp)?.[1];
  if (address === undefined || port === undefined) return undefined;
  return {
    address,
    port: Number(port),
    direction: /^a=(sendrecv|sendonly|recvonly|inactive)/m.exec(sdp)?.[1] ?? "sendrecv",
  };
}
