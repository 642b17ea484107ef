import { assert, assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { classify, isStun, type PacketKind, payloadType, sequenceNumber, ssrc, timestamp } from "./demux.ts";

/** `length` bytes that begin with `start`, the rest 0. */
function packet(length: number, ...start: number[]): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(start.slice(0, length));
  return bytes;
}

function stun(first: number, length = 20): Uint8Array {
  return packet(length, first, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42);
}

/** The table of RFC 7983 §7 for a first byte, as far as a relay knows its rows: not ZRTP, not TURN channels. */
function row(first: number): PacketKind {
  if (first <= 3) return "stun";
  if (first >= 20 && first <= 63) return "dtls";
  return first >= 128 && first <= 191 ? "rtp" : "other";
}

Deno.test("classify() follows the table for every first byte (RFC 7983 §7)", () => {
  for (let first = 0; first < 256; first++) assertEquals(classify(stun(first)), row(first), `first byte ${first}`);
});

Deno.test("classify() tells RTCP from RTP by every second byte (RFC 5761 §4)", () => {
  for (let second = 0; second < 256; second++) {
    const wanted = second >= 192 && second <= 223 ? "rtcp" : "rtp";
    assertEquals(classify(packet(20, 0x80, second)), wanted, `second byte ${second}`);
  }
});

Deno.test("classify() knows the RTCP packets in use, and RTP with the marker bit (RFC 3550 §12.1)", () => {
  for (const type of [200, 201, 202, 203, 204, 205, 206]) assertEquals(classify(packet(28, 0x81, type)), "rtcp");
  assertEquals(classify(packet(172, 0x80, 0x80 | 0)), "rtp");
  assertEquals(classify(packet(172, 0x80, 0x80 | 127)), "rtp");
});

Deno.test("classify() wants a whole header (RFC 3550 §5.1, §6.4.1)", () => {
  for (let length = 0; length < 24; length++) {
    assertEquals(classify(packet(length, 0x80, 0)), length < 12 ? "other" : "rtp", `RTP of ${length} bytes`);
    assertEquals(classify(packet(length, 0x80, 200)), length < 8 ? "other" : "rtcp", `RTCP of ${length} bytes`);
    assertEquals(classify(stun(0, length)), length < 20 ? "other" : "stun", `STUN of ${length} bytes`);
  }
});

Deno.test("isStun() wants the magic cookie (RFC 8489 §5)", () => {
  assert(isStun(stun(0)));
  assert(isStun(stun(1, 100)));
  assertEquals(isStun(stun(4)), false);
  for (let offset = 4; offset < 8; offset++) {
    const wrong = stun(0);
    wrong[offset]! ^= 1;
    assertEquals(isStun(wrong), false);
    assertEquals(classify(wrong), "other");
  }
});

Deno.test("payloadType(), sequenceNumber(), timestamp() and ssrc() read the header (RFC 3550 §5.1)", () => {
  const bytes = packet(12, 0x80, 0x80 | 101, 0xfe, 0xdc, 0x9a, 0xbc, 0xde, 0xf0, 0xde, 0xad, 0xbe, 0xef);
  assertEquals(payloadType(bytes), 101);
  assertEquals(sequenceNumber(bytes), 0xfedc);
  assertEquals(timestamp(bytes) >>> 0, 0x9abcdef0);
  assertEquals(ssrc(bytes) >>> 0, 0xdeadbeef);
});

Deno.test("classify() is total over all bytes", () => {
  const kinds: readonly PacketKind[] = ["rtp", "rtcp", "stun", "dtls", "other"];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const copy = bytes.slice();
      const kind = classify(bytes);
      assert(kinds.includes(kind));
      assertEquals(kind === "stun", isStun(bytes));
      if (kind === "rtp" || kind === "rtcp") assertEquals(bytes[0]! >>> 6, 2);
      if (kind === "rtp") {
        assert(payloadType(bytes) < 128 && sequenceNumber(bytes) < 65536 && Number.isInteger(ssrc(bytes)));
      }
      assertEquals(bytes, copy);
    }),
    { numRuns: 1000 },
  );
});
