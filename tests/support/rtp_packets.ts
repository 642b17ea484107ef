/** Makers of the datagrams that a relay meets. @module */

export interface RtpFields {
  readonly sequenceNumber?: number;
  /** @default 160 for each sequence number */
  readonly timestamp?: number;
  readonly ssrc?: number;
  readonly payloadType?: number;
  readonly payloadBytes?: number;
}

/** An RTP packet (RFC 3550 §5.1); 20 ms of G.711 unless told otherwise. */
export function rtp(fields: RtpFields = {}): Uint8Array {
  const { sequenceNumber = 1, ssrc = 0x11223344, payloadType = 0, payloadBytes = 160 } = fields;
  const packet = new Uint8Array(12 + payloadBytes);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x80);
  view.setUint8(1, payloadType);
  view.setUint16(2, sequenceNumber & 0xffff);
  view.setUint32(4, fields.timestamp ?? sequenceNumber * 160);
  view.setUint32(8, ssrc);
  return packet;
}

/** An RTCP receiver report without blocks (RFC 3550 §6.4.2). */
export function rtcp(): Uint8Array {
  return Uint8Array.of(0x80, 201, 0, 1, 0x11, 0x22, 0x33, 0x44);
}

/** A STUN binding request (RFC 8489 §5); `tag` tells several apart. */
export function stun(tag = 0): Uint8Array {
  const packet = new Uint8Array(20);
  packet.set([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, tag]);
  return packet;
}

/** The beginning of a DTLS ClientHello (RFC 6347 §4.1). */
export function dtls(): Uint8Array {
  const packet = new Uint8Array(60);
  packet.set([22, 254, 253]);
  return packet;
}

/** A UDPTL packet (ITU-T T.38 §9): no header by which to know it. */
export function udptl(sequenceNumber: number): Uint8Array {
  return Uint8Array.of(sequenceNumber >>> 8, sequenceNumber & 255, 1, 6, 0, 0, 0, 0, 0);
}
