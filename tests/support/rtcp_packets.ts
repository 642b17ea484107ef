/** Makers of RTCP reports (RFC 3550 §6.4). @module */

export interface SenderReportFields {
  readonly ssrc?: number;
  /** The middle 32 bits of the NTP timestamp. */
  readonly ntpMiddle: number;
}

export interface ReceiverReportFields {
  readonly ssrc?: number;
  /** Whose packets it reports on. */
  readonly about?: number;
  /** 0 to 1. */
  readonly fractionLost?: number;
  readonly lost?: number;
  readonly jitter?: number;
  readonly lastSenderReport?: number;
  readonly delaySinceMs?: number;
}

/** A sender report without blocks. */
export function senderReport({ ssrc = 1, ntpMiddle }: SenderReportFields): Uint8Array {
  const packet = new Uint8Array(28);
  const view = new DataView(packet.buffer);
  view.setUint32(0, 0x80c80006);
  view.setUint32(4, ssrc);
  view.setUint32(10, ntpMiddle);
  return packet;
}

/** A receiver report with one block. */
export function receiverReport(fields: ReceiverReportFields = {}): Uint8Array {
  const packet = new Uint8Array(32);
  const view = new DataView(packet.buffer);
  view.setUint32(0, 0x81c90007);
  view.setUint32(4, fields.ssrc ?? 2);
  view.setUint32(8, fields.about ?? 1);
  view.setUint32(12, fields.lost ?? 0);
  view.setUint8(12, (fields.fractionLost ?? 0) * 256);
  view.setUint32(20, fields.jitter ?? 0);
  view.setUint32(24, fields.lastSenderReport ?? 0);
  view.setUint32(28, (fields.delaySinceMs ?? 0) * 65.536);
  return packet;
}
