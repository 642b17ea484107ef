import { assertAlmostEquals, assertEquals } from "../../src/deps/assert.ts";
import { receiverReport, senderReport } from "../../tests/support/rtcp_packets.ts";
import { Reports } from "./reports.ts";

const SSRC = 0x902f9e2e | 0;

/** Two parties' reports, as a stream connects them. */
function parties(): { readonly caller: Reports; readonly callee: Reports } {
  const [caller, callee] = [new Reports(), new Reports()];
  caller.peer = callee;
  callee.peer = caller;
  return { caller, callee };
}

Deno.test("Reports measures the way to a party by the sender report that it echoes (RFC 3550 §6.4.1)", () => {
  const { caller, callee } = parties();
  caller.receive(senderReport({ ntpMiddle: 0xb7052000 }), 10_000);
  callee.receive(receiverReport({ lastSenderReport: 0xb7052000, delaySinceMs: 5250 }), 10_000 + 6125 + 5250);
  assertAlmostEquals(callee.roundTripMs, 6125, 0.1);
  assertEquals(caller.roundTripMs, -1);
});

Deno.test("Reports still knows a sender report that crossed the next three on the way", () => {
  const { caller, callee } = parties();
  for (let index = 0; index < 4; index++) caller.receive(senderReport({ ntpMiddle: index + 1 }), index * 1000);
  callee.receive(receiverReport({ lastSenderReport: 1, delaySinceMs: 3000 }), 3080);
  assertAlmostEquals(callee.roundTripMs, 80, 0.1);
  caller.receive(senderReport({ ntpMiddle: 5 }), 4000);
  callee.receive(receiverReport({ lastSenderReport: 1, delaySinceMs: 3000 }), 9000);
  assertAlmostEquals(callee.roundTripMs, 80, 0.1);
});

Deno.test("Reports keeps the longest round trip beside the latest", () => {
  const { caller, callee } = parties();
  for (const [index, roundTripMs] of [40, 400, 60].entries()) {
    caller.receive(senderReport({ ntpMiddle: index + 1 }), index * 1000);
    callee.receive(receiverReport({ lastSenderReport: index + 1, delaySinceMs: 0 }), index * 1000 + roundTripMs);
  }
  assertEquals([callee.roundTripMs, callee.maxRoundTripMs], [60, 400]);
});

Deno.test("Reports does not believe what no round trip is", () => {
  const { caller, callee } = parties();
  caller.receive(senderReport({ ntpMiddle: 0 }), 0);
  caller.receive(senderReport({ ntpMiddle: 7 }), 0);
  callee.receive(receiverReport({ lastSenderReport: 0, delaySinceMs: 0 }), 50); // none has come yet
  callee.receive(receiverReport({ lastSenderReport: 8, delaySinceMs: 0 }), 50);
  callee.receive(receiverReport({ lastSenderReport: 7, delaySinceMs: 500 }), 50);
  callee.receive(receiverReport({ lastSenderReport: 7, delaySinceMs: 0 }), 60_000);
  assertEquals(callee.roundTripMs, -1);
  callee.receive(receiverReport({ lastSenderReport: 7, delaySinceMs: 60 }), 50); // clocks are not exact
  assertEquals(callee.roundTripMs, 0);
});

Deno.test("Reports tells how the other party receives, by source", () => {
  const { caller, callee } = parties();
  callee.receive(receiverReport({ about: SSRC, fractionLost: 0.25, lost: 12, jitter: 80 }), 0);
  assertEquals(caller.reported, [{ ssrc: SSRC, fractionLost: 0.25, lost: 12, jitter: 80 }]);
  assertEquals(callee.reported, []);
  for (let about = 1; about < 20; about++) callee.receive(receiverReport({ about }), 0);
  callee.receive(receiverReport({ about: SSRC, lost: 13 }), 0);
  assertEquals([caller.reported.length, caller.reported[0]!.lost], [8, 13]);
});

Deno.test("Reports counts what it cannot read (RFC 3711 §3.4)", () => {
  const { caller } = parties();
  caller.receive(Uint8Array.of(...senderReport({ ntpMiddle: 1 }), ...new Uint8Array(14)), 0);
  caller.receive(senderReport({ ntpMiddle: 1 }), 0);
  assertEquals([caller.readable, caller.unreadable], [1, 1]);
});
