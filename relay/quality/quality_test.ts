import { assert, assertEquals, assertMatch } from "../../src/deps/assert.ts";
import { receiverReport, senderReport } from "../../tests/support/rtcp_packets.ts";
import { rtp } from "../../tests/support/rtp_packets.ts";
import { mediaQuality } from "./quality.ts";
import { Reception } from "./reception.ts";

const SSRC = 0x11223344;

/** Caller and callee of a stream; the caller has sent `count` packets of 20 ms but those in `lost`. */
function parties(count: number, lost: readonly number[] = [], payloadType = 0) {
  const [caller, callee] = [new Reception(), new Reception()];
  caller.reports.peer = callee.reports;
  callee.reports.peer = caller.reports;
  for (let index = 0; index < count; index++) {
    if (!lost.includes(index)) caller.receive(rtp({ sequenceNumber: index, payloadType }), "rtp", index * 20);
  }
  return { caller, callee };
}

Deno.test("mediaQuality() is null before any RTP", () => {
  const { caller, callee } = parties(0);
  assertEquals(mediaQuality(caller, callee, true), null);
});

Deno.test("mediaQuality() of a perfect call scores 4.41 and names its method (G.107)", () => {
  const { caller, callee } = parties(100);
  const quality = mediaQuality(caller, callee, true)!;
  assertEquals([quality.packets, quality.lost, quality.loss_percent, quality.jitter_ms], [100, 0, 0, 0]);
  assertEquals(quality.mos, 4.41);
  assertMatch(quality.mos_method!, /^G\.107 E-model, R 93\.2: codec G\.711, .* delay 25 ms \(network delay unknown/);
});

Deno.test("mediaQuality() has no score for video, nor for less than a second", () => {
  const { caller, callee } = parties(49);
  assertEquals([mediaQuality(caller, callee, true)!.mos, mediaQuality(caller, callee, true)!.mos_method], [null, null]);
  const video = parties(100, [], 34);
  assertEquals(mediaQuality(video.caller, video.callee, false)!.mos, null);
});

Deno.test("mediaQuality() scores loss in bursts below the same loss at random (G.107 §7.5)", () => {
  const random = parties(1000, Array.from({ length: 50 }, (_, index) => 10 * index + 5));
  const bursts = parties(1000, Array.from({ length: 50 }, (_, index) => 500 + index));
  const [one, other] = [random, bursts].map(({ caller, callee }) => mediaQuality(caller, callee, true)!);
  assertEquals([one!.loss_percent, other!.loss_percent], [5, 5]);
  assertEquals([one!.loss_bursts, one!.longest_loss_burst], [50, 1]);
  assertEquals([other!.loss_bursts, other!.longest_loss_burst], [1, 50]);
  assertMatch(one!.mos_method!, /R 77\.4/); // 93.2 - 95 * 5 / (5 + 25.1)
  assertMatch(other!.mos_method!, /R 74\.4/); // 93.2 - 95 * 5 / (5 / 47.5 + 25.1)
  assert(other!.mos! < one!.mos!);
});

Deno.test("mediaQuality() adds both parties' halves of the way to the delay", () => {
  const { caller, callee } = parties(100);
  caller.reports.receive(senderReport({ ntpMiddle: 1 }), 0);
  callee.reports.receive(senderReport({ ntpMiddle: 2 }), 0);
  callee.reports.receive(receiverReport({ about: SSRC, lastSenderReport: 1, jitter: 80, fractionLost: 0.5 }), 500);
  caller.reports.receive(receiverReport({ lastSenderReport: 2 }), 300);
  const quality = mediaQuality(caller, callee, true)!;
  assertEquals([quality.round_trip_ms, mediaQuality(callee, caller, true)], [300, null]);
  assertEquals([quality.reported_loss_percent, quality.reported_jitter_ms], [50, 10]);
  assertMatch(quality.mos_method!, /delay 425 ms \(RTCP round trips/);
  assert(quality.mos! < 3.6);
});

Deno.test("mediaQuality() has no jitter where the clock rate is unknown", () => {
  const { caller, callee } = parties(40, [], 96);
  const quality = mediaQuality(caller, callee, true)!;
  assertEquals([quality.clock_rate, quality.jitter_ms, quality.max_jitter_ms], [null, null, null]);
  assertEquals(quality.payload_types, [96]);
});
