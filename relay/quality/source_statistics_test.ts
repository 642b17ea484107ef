import { assert, assertAlmostEquals, assertEquals } from "../../src/deps/assert.ts";
import { fc } from "../../src/deps/fast_check.ts";
import { rtp, type RtpFields } from "../../tests/support/rtp_packets.ts";
import { SourceStatistics } from "./source_statistics.ts";

/** Packets of 20 ms by their sequence numbers, one every 20 ms. */
function heard(sequenceNumbers: readonly number[], fields: RtpFields = {}): SourceStatistics {
  const source = new SourceStatistics(0);
  sequenceNumbers.forEach((sequenceNumber, index) => source.receive(rtp({ sequenceNumber, ...fields }), index * 20));
  return source;
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** A packet every 20 ms with a clock of `rate`, `lateMs` late by turns. */
function timed(rate: number, payloadType: number, seconds: number, lateMs = 0): SourceStatistics {
  const source = new SourceStatistics(0);
  for (let index = 0; index < seconds * 50; index++) {
    const packet = rtp({ sequenceNumber: index, timestamp: (index * rate / 50) >>> 0, payloadType });
    source.receive(packet, index * 20 + (index % 2) * lateMs);
  }
  return source;
}

function order(source: SourceStatistics): Record<string, number> {
  const { received, expected, lost, duplicates, reordered } = source;
  return { received, expected, lost, duplicates, reordered };
}

Deno.test("SourceStatistics counts what is missing between the first and the highest packet (RFC 3550 §A.3)", () => {
  const whole = { received: 10, expected: 10, lost: 0, duplicates: 0, reordered: 0 };
  assertEquals(order(heard(range(500, 10))), whole);
  assertEquals(order(heard([...range(500, 4), ...range(506, 4)])), { ...whole, received: 8, lost: 2 });
});

Deno.test("SourceStatistics counts on when sequence numbers begin again at 0 (RFC 3550 §A.1)", () => {
  const lost = new Set([65_535, 65_537]);
  const source = heard(range(65_530, 12).filter((number) => !lost.has(number)));
  assertEquals(order(source), { received: 10, expected: 12, lost: 2, duplicates: 0, reordered: 0 });
});

Deno.test("SourceStatistics tells a packet that was overtaken from a duplicate", () => {
  assertEquals(order(heard([1, 2, 4, 3, 5])), { received: 5, expected: 5, lost: 0, duplicates: 0, reordered: 1 });
  assertEquals(order(heard([1, 2, 2, 3, 1])), { received: 3, expected: 3, lost: 0, duplicates: 2, reordered: 0 });
  assertEquals(order(heard([1, 3, 2, 2])), { received: 3, expected: 3, lost: 0, duplicates: 1, reordered: 1 });
});

Deno.test("SourceStatistics knows both halves of its window", () => {
  for (const behind of [1, 31, 32, 63]) {
    const missing = 200 - behind;
    const source = heard([...range(100, 101).filter((number) => number !== missing), missing, missing]);
    assertEquals(
      order(source),
      { received: 101, expected: 101, lost: 0, duplicates: 1, reordered: 1 },
      `${behind} behind`,
    );
  }
});

Deno.test("SourceStatistics takes what is more than 64 packets late for lost", () => {
  const source = heard([...range(100, 101).filter((number) => number !== 136), 136]);
  assertEquals(order(source), { received: 100, expected: 101, lost: 1, duplicates: 0, reordered: 1 });
});

Deno.test("SourceStatistics begins anew when two packets follow each other far away (RFC 3550 §A.1)", () => {
  const source = heard([...range(10, 5), 40_000, 15, 50_000, 50_001, 50_002]);
  assertEquals(source.restarts, 1);
  assertEquals(order(source), { received: 8, expected: 8, lost: 0, duplicates: 0, reordered: 0 });
});

Deno.test("SourceStatistics counts runs of lost packets once they are sure", () => {
  const lost = new Set([110, 120, 121, 122, 130]);
  const source = heard(range(100, 90).filter((number) => !lost.has(number)));
  assertEquals([source.lossBursts, source.lostInBursts, source.longestBurst], [2, 4, 3]); // 130 may come yet
  assertEquals(source.lost, 5);
});

Deno.test("SourceStatistics smooths the deviation from the sender's clock (RFC 3550 §A.8)", () => {
  assertEquals(timed(8000, 0, 10).jitterMs, 0);
  const late = timed(8000, 0, 10, 5);
  assertAlmostEquals(late.jitterMs, 5, 0.01); // each pair is 5 ms off
  assert(late.maxJitterMs <= 5);
  const first = new SourceStatistics(0);
  first.receive(rtp({ sequenceNumber: 1, timestamp: 0 }), 0);
  first.receive(rtp({ sequenceNumber: 2, timestamp: 160 }), 36);
  assertEquals(first.jitterMs, 1); // |16| / 16
});

Deno.test("SourceStatistics measures jitter across the end of the timestamps' range", () => {
  const source = new SourceStatistics(0);
  for (let index = 0; index < 100; index++) {
    source.receive(rtp({ sequenceNumber: index, timestamp: (0xffffff00 + index * 160) >>> 0 }), index * 20);
  }
  assertEquals(source.jitterMs, 0);
  const late = new SourceStatistics(0);
  late.receive(rtp({ sequenceNumber: 1, timestamp: 0xffffff60 }), 0);
  late.receive(rtp({ sequenceNumber: 2, timestamp: 0 }), 36);
  late.receive(rtp({ sequenceNumber: 3, timestamp: 0x7fffffff }), 1e6); // not jitter
  late.receive(rtp({ sequenceNumber: 4, timestamp: 0x8000009f }), 1e6 + 36);
  assertEquals(late.jitterMs, 1 + 15 / 16);
});

for (const rate of [8000, 16_000, 48_000, 90_000]) {
  Deno.test(`SourceStatistics infers a dynamic type's clock of ${rate} Hz in a second (RFC 3551 §3)`, () => {
    assertEquals(timed(rate, 96, 0.9).clockRate, 0);
    const source = timed(rate, 96, 4, 4);
    assertEquals(source.clockRate, rate);
    assertAlmostEquals(source.jitterMs, 4, 0.1);
  });
}

Deno.test("SourceStatistics keeps what it inferred through an event of another type (RFC 4733 §2.5)", () => {
  const source = timed(48_000, 111, 2);
  for (let index = 0; index < 5; index++) {
    source.receive(rtp({ sequenceNumber: 100 + index, timestamp: 96_000, payloadType: 101 }), 2000 + index * 20);
  }
  assertEquals([source.clockRate, source.jitterMs], [0, 0]); // an event's timestamp stands still
  for (let index = 0; index < 5; index++) {
    source.receive(
      rtp({ sequenceNumber: 105 + index, timestamp: 100_800 + index * 960, payloadType: 111 }),
      2100 + index * 20,
    );
  }
  assertEquals([source.clockRate, source.jitterMs], [48_000, 0]);
  assertEquals(source.payloadTypes, [111, 101]);
});

Deno.test("SourceStatistics measures one packet of a video frame, which share a timestamp (RFC 3550 §5.1)", () => {
  const source = new SourceStatistics(0);
  for (let index = 0; index < 200; index++) {
    const frame = Math.floor(index / 4);
    source.receive(
      rtp({ sequenceNumber: index, timestamp: frame * 3600, payloadType: 34 }),
      frame * 40 + (index % 4) * 3,
    );
  }
  assertEquals(source.jitterMs, 0);
});

Deno.test("SourceStatistics does not take a new timeline for jitter", () => {
  const source = new SourceStatistics(0);
  for (let index = 0; index < 10; index++) {
    source.receive(rtp({ sequenceNumber: index, timestamp: index * 160 + (index < 5 ? 0 : 1e9) }), index * 20);
  }
  assertEquals(source.jitterMs, 0);
});

Deno.test("SourceStatistics notes silences, whether or not anything was lost", () => {
  const source = new SourceStatistics(0);
  [0, 20, 999, 2500, 2520, 8520].forEach((atMs, index) => source.receive(rtp({ sequenceNumber: index }), atMs));
  assertEquals([source.gaps, source.longestGapMs], [2, 6000]);
});

Deno.test("SourceStatistics adds up for any order in which packets come", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 120 }), (numbers) => {
      const source = heard([60_000, ...numbers.map((number) => 60_001 + number)]);
      const distinct = new Set(numbers).size + 1;
      assertEquals(source.received, distinct);
      assertEquals(source.duplicates, numbers.length + 1 - distinct);
      assertEquals(source.lost, Math.max(...numbers) + 2 - distinct);
    }),
  );
});
