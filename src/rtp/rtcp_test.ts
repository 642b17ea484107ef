import { assert, assertAlmostEquals, assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import {
  blockSsrc,
  cumulativeLost,
  delaySinceLastSenderReportMs,
  fractionLost,
  lastSenderReport,
  readReports,
  reportedJitter,
  type ReportReader,
} from "./rtcp.ts";

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(/\s/g, "").match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

/** A sender report with one block, then SDES with a CNAME: what a phone sends every five seconds. */
const COMPOUND = hex(`
  81 c8 000c 902f9e2e  b44db705 20000000  0000a3c0 000000fa 00009c40
  bc5e9a40  40 000005  0001 2345  00000050  b7052000  00054000
  81 ca 0004 902f9e2e  01 06 612e74657374 00000000`);
const RECEIVER_REPORT = hex(`81 c9 0007 bc5e9a40  902f9e2e  00 ffffff  00000001  00000000  00000000  00000000`);

/** What is read, as lines. */
function read(packet: Uint8Array): string[] | undefined {
  const lines: string[] = [];
  const reader: ReportReader = {
    senderReport: (reporter, ntpMiddle, nowMs) =>
      void lines.push(`SR ${(reporter >>> 0).toString(16)} ${(ntpMiddle >>> 0).toString(16)} at ${nowMs}`),
    reportBlock: (bytes, offset) => void lines.push(`block ${(blockSsrc(bytes, offset) >>> 0).toString(16)}`),
  };
  return readReports(packet, reader, 7) ? lines : undefined;
}

Deno.test("readReports() finds sender reports and report blocks, and skips SDES (RFC 3550 §6.4.1, §6.5)", () => {
  assertEquals(read(COMPOUND), ["SR 902f9e2e b7052000 at 7", "block bc5e9a40"]);
});

Deno.test("readReports() finds the block of a receiver report (RFC 3550 §6.4.2)", () => {
  assertEquals(read(RECEIVER_REPORT), ["block 902f9e2e"]);
});

Deno.test("readReports() reads reports behind feedback, and a lone BYE (RFC 5506 §3.4, RFC 3550 §6.6)", () => {
  assertEquals(read(Uint8Array.of(...hex("80 cd 0002 00000001 00000002"), ...RECEIVER_REPORT)), ["block 902f9e2e"]);
  assertEquals(read(hex("81 cb 0001 902f9e2e")), []);
});

Deno.test("the fields of a report block are read in their units (RFC 3550 §6.4.1)", () => {
  const block = 28;
  assertEquals(fractionLost(COMPOUND, block), 0.25);
  assertEquals(cumulativeLost(COMPOUND, block), 5);
  assertEquals(reportedJitter(COMPOUND, block), 80);
  assertEquals(lastSenderReport(COMPOUND, block) >>> 0, 0xb7052000);
  assertAlmostEquals(delaySinceLastSenderReportMs(COMPOUND, block), 5250); // the RFC's own example
});

Deno.test("cumulativeLost() is negative when duplicates outnumber losses (RFC 3550 §A.3)", () => {
  assertEquals(cumulativeLost(RECEIVER_REPORT, 8), -1);
});

Deno.test("readReports() reads nothing of SRTCP (RFC 3711 §3.4)", () => {
  const encrypted = Uint8Array.from(RECEIVER_REPORT, (byte, index) => index < 8 ? byte : byte ^ 0xa5);
  for (const trailerBytes of [14, 8, 20]) { // index and tag: SHA1-80, SHA1-32, GCM
    const trailer = new Uint8Array(trailerBytes).fill(0x5a);
    assertEquals(read(Uint8Array.of(...encrypted, ...trailer)), undefined, `${trailerBytes} bytes`);
  }
});

Deno.test("readReports() wants every length right (RFC 3550 §A.2)", () => {
  for (let length = 0; length < COMPOUND.length; length++) {
    const whole = length === 52; // the sender report alone
    assertEquals(read(COMPOUND.subarray(0, length)) !== undefined, whole, `${length} bytes`);
  }
  const tooManyBlocks = COMPOUND.slice();
  tooManyBlocks[0] = 0x9f;
  assertEquals(read(tooManyBlocks), undefined);
  const wrongVersion = COMPOUND.slice();
  wrongVersion[52] = 0x41;
  assertEquals(read(wrongVersion), undefined);
  const noRtcp = COMPOUND.slice();
  noRtcp[53] = 100;
  assertEquals(read(noRtcp), undefined);
});

Deno.test("readReports() is total over all bytes, and names only blocks that are whole", () => {
  const nearlyRtcp = fc.tuple(
    fc.constantFrom(0x80, 0x81, 0x9f),
    fc.constantFrom(200, 201, 203),
    fc.uint8Array({ maxLength: 80 }),
  )
    .map(([first, second, rest]) => Uint8Array.of(first, second, 0, (rest.length >> 2) & 31, ...rest));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), nearlyRtcp), (bytes) => {
      const inside = (offset: number) => assert(offset >= 8 && offset + 24 <= bytes.length);
      readReports(bytes, { senderReport: () => assert(bytes.length >= 28), reportBlock: (_, at) => inside(at) }, 0);
    }),
    { numRuns: 2000 },
  );
});
