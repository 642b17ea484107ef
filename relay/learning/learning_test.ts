import { assertEquals } from "../../src/deps/assert.ts";
import type { LearningMode } from "../../src/control/learning_mode.ts";
import { dtls, rtcp, rtp, stun } from "../../tests/support/rtp_packets.ts";
import { classify } from "../../src/rtp/mod.ts";
import { Learning, type LearningRules } from "./learning.ts";

const SDP = "192.0.2.10";
const SIGNALING = "198.51.100.7";
const NEIGHBOUR = "198.51.77.1";
const STRANGER = "203.0.113.66";
const RELAY = "192.0.2.100";

/** A learning whose party has said that it is at 192.0.2.10:6000, by a SIP message from 198.51.100.7. */
class Bench {
  readonly learning: Learning;
  nowMs = 0;
  lastMediaAtMs = -Infinity;

  constructor(rules: Partial<LearningRules> = {}, signalled = true, component: "rtp" | "rtcp" = "rtp") {
    const isOwn = (hostname: string, port: number) => hostname === RELAY && port >= 40_000;
    this.learning = new Learning({ mode: "heuristic", rebinding: true, isOwn, ...rules }, component);
    if (signalled) this.learning.setSignalled(SDP, 6000, true, SIGNALING, 0);
  }

  /** One whose party has said nothing by which it could be known: a private address, and no signalling address. */
  static blind(): Bench {
    const bench = new Bench({}, false);
    bench.learning.setSignalled("10.0.0.5", 6000, false, "", 0);
    return bench;
  }

  judge(hostname: string, port: number, packet = rtp(), afterMs = 0): string {
    this.nowMs += afterMs;
    const judgement = this.learning.judge(packet, classify(packet), hostname, port, this.lastMediaAtMs, this.nowMs);
    if (judgement === "learnt" || judgement === "vouched for" || judgement === "rebound") {
      this.lastMediaAtMs = this.nowMs;
    }
    return judgement;
  }

  /** Packets of one flow, one every 20 ms; returns what became of the last. */
  flow(hostname: string, port: number, packets = 51, ssrc = 666): string {
    let last = "";
    for (let sequenceNumber = 1; sequenceNumber <= packets; sequenceNumber++) {
      last = this.judge(hostname, port, rtp({ ssrc, sequenceNumber }), 20);
    }
    return last;
  }
}

const FIRST: [mode: LearningMode, what: string, hostname: string, port: number, becomes: string][] = [
  ["heuristic", "the SDP's address and port", SDP, 6000, "learnt"],
  ["heuristic", "the SDP's address", SDP, 7777, "learnt"],
  ["heuristic", "the signalling's address", SIGNALING, 6000, "learnt"],
  ["heuristic", "the signalling's network", NEIGHBOUR, 6000, "undecided"],
  ["heuristic", "anywhere", STRANGER, 6000, "undecided"],
  ["heuristic", "the relay itself", RELAY, 40_000, "loop"],
  ["strict", "the SDP's address and port", SDP, 6000, "learnt"],
  ["strict", "the signalling's address", SIGNALING, 5, "learnt"],
  ["strict", "the signalling's network", NEIGHBOUR, 6000, "unvouched source"],
  ["strict", "anywhere", STRANGER, 6000, "unvouched source"],
  ["strict", "the relay itself", RELAY, 40_000, "loop"],
  ["open", "anywhere", STRANGER, 6000, "learnt"],
  ["open", "the relay itself", RELAY, 40_000, "loop"],
];
for (const [mode, what, hostname, port, becomes] of FIRST) {
  Deno.test(`Learning.judge() takes a first packet from ${what} for ${becomes} (${mode})`, () => {
    assertEquals(new Bench({ mode }).judge(hostname, port), becomes);
  });
}

const SECOND: [mode: LearningMode, hostname: string, port: number, becomes: string][] = [
  ["heuristic", SDP, 6000, "vouched for"],
  ["heuristic", SIGNALING, 9, "wrong source"],
  ["heuristic", STRANGER, 6000, "wrong source"],
  ["heuristic", RELAY, 40_000, "loop"],
  ["strict", SDP, 6000, "vouched for"],
  ["strict", STRANGER, 6000, "wrong source"],
  ["open", SDP, 6000, "wrong source"],
];
for (const [mode, hostname, port, becomes] of SECOND) {
  Deno.test(`Learning.judge() takes ${hostname}:${port}, after the SDP's address was learnt, for ${becomes} (${mode})`, () => {
    const bench = new Bench({ mode });
    assertEquals(bench.judge(SDP, 7777), "learnt");
    assertEquals(bench.judge(hostname, port, rtp({ ssrc: 9 })), becomes);
  });
}

Deno.test("Learning.judge() learns an unknown source that has sent a flow for a second, if nothing better comes", () => {
  const bench = new Bench();
  const judgements = Array.from(
    { length: 51 },
    (_, index) => bench.judge(STRANGER, 5, rtp({ ssrc: 666, sequenceNumber: index }), index === 0 ? 0 : 20),
  );
  assertEquals(judgements, [...Array(50).fill("undecided"), "learnt"]);
});

Deno.test("Learning.judge() waits 150 ms for the party where nothing could vouch for it anyway", () => {
  const bench = Bench.blind();
  assertEquals(bench.flow(STRANGER, 5, 8), "undecided");
  assertEquals(bench.judge(STRANGER, 5, rtp({ ssrc: 666, sequenceNumber: 9 }), 20), "learnt");
});

Deno.test("Learning.judge() counts no second before the party's SDP: a stranger who floods early waits like all others", () => {
  const bench = new Bench({}, false);
  bench.flow(STRANGER, 5, 500);
  bench.learning.setSignalled(SDP, 6000, true, SIGNALING, bench.nowMs);
  const next = (sequenceNumber: number, afterMs: number) =>
    bench.judge(STRANGER, 5, rtp({ ssrc: 666, sequenceNumber }), afterMs);
  assertEquals(next(501, 999), "undecided");
  bench.learning.setSignalled(SDP, 6000, true, SIGNALING, bench.nowMs); // the answer again does not begin it anew
  assertEquals(next(502, 1), "learnt");
});

Deno.test("Learning.judge() learns nothing from packets that are no flow, however many and long", () => {
  const bench = new Bench();
  for (let ssrc = 1; ssrc < 100; ssrc++) assertEquals(bench.judge(STRANGER, 5, rtp({ ssrc }), 20), "undecided");
  for (let step = 1; step < 100; step++) {
    assertEquals(bench.judge(STRANGER, 6, rtp({ sequenceNumber: 101 * step }), 20), "undecided");
  }
});

Deno.test("Learning.judge() wants two packets over 150 ms of protocols without a flow: DTLS after STUN (RFC 7983 §7)", () => {
  const bench = Bench.blind();
  assertEquals(bench.learning.acceptStun(stun(), STRANGER, 5, true, 0), "accepted");
  assertEquals(bench.judge(STRANGER, 5, dtls(), 149), "undecided");
  assertEquals(bench.judge(STRANGER, 5, dtls(), 1), "learnt");
});

Deno.test("Learning.judge() believes no unknown source of RTCP, which comes from where RTP does (RFC 3550 §11)", () => {
  const bench = new Bench({}, true, "rtcp");
  for (const hostname of [STRANGER, NEIGHBOUR]) assertEquals(bench.judge(hostname, 5, rtcp()), "unvouched source");
  bench.learning.setRtpSource(STRANGER, 4);
  assertEquals(bench.judge(STRANGER, 99, rtcp()), "learnt");
  assertEquals(new Bench({ mode: "open" }, true, "rtcp").judge(STRANGER, 5, rtcp()), "learnt");
});

Deno.test("Learning.acceptStun() takes STUN from an unknown source only of a party with ICE (RFC 8445 §7.3)", () => {
  assertEquals(new Bench().learning.acceptStun(stun(), STRANGER, 5, false, 0), "unvouched source");
  assertEquals(new Bench().learning.acceptStun(stun(), SIGNALING, 5, false, 0), "accepted");
  assertEquals(new Bench({ mode: "open" }).learning.acceptStun(stun(), STRANGER, 5, false, 0), "accepted");
});

Deno.test("Learning.judge() prefers the signalling's network to an unknown source that came first", () => {
  const bench = new Bench();
  bench.flow(STRANGER, 5, 7);
  assertEquals(bench.judge(NEIGHBOUR, 6000, rtp({ ssrc: 1, sequenceNumber: 1 })), "undecided");
  for (let sequenceNumber = 2; sequenceNumber < 9; sequenceNumber++) {
    assertEquals(bench.judge(STRANGER, 5, rtp({ ssrc: 666, sequenceNumber: 6 + sequenceNumber }), 20), "undecided");
    bench.judge(NEIGHBOUR, 6000, rtp({ ssrc: 1, sequenceNumber }));
  }
  assertEquals(bench.judge(NEIGHBOUR, 6000, rtp({ ssrc: 1, sequenceNumber: 9 }), 20), "learnt");
});

Deno.test("Learning.judge() does not wait for a better source that has fallen silent", () => {
  const bench = new Bench();
  bench.flow(STRANGER, 5, 45);
  assertEquals(bench.judge(NEIGHBOUR, 6000), "undecided");
  const next = (sequenceNumber: number, afterMs: number) =>
    bench.judge(STRANGER, 5, rtp({ ssrc: 666, sequenceNumber }), afterMs);
  assertEquals(next(46, 299), "undecided");
  assertEquals(next(47, 1), "learnt");
});

Deno.test("Learning.judge() learns no unknown source before the party's own SDP, and a vouched one at once after it", () => {
  const bench = new Bench({}, false);
  assertEquals(bench.flow(STRANGER, 5, 500), "undecided");
  assertEquals(bench.judge(SIGNALING, 5), "undecided");
  bench.learning.setSignalled("10.0.0.5", 6000, false, SIGNALING, bench.nowMs);
  assertEquals(bench.judge(SIGNALING, 5), "learnt");
});

Deno.test("Learning.judge() knows the same flow again after a re-INVITE, wherever it comes from (RFC 3264 §8.3)", () => {
  const bench = new Bench();
  bench.judge(SDP, 6000, rtp({ sequenceNumber: 100 }));
  bench.learning.relearn(bench.nowMs);
  assertEquals(bench.judge(STRANGER, 5, rtp({ sequenceNumber: 99 }), 20), "undecided");
  assertEquals(bench.judge(STRANGER, 5, rtp({ sequenceNumber: 101 })), "learnt");
});

Deno.test("Learning.judge() follows no new mapping where that is turned off, and a strict one only to a vouched address", () => {
  for (
    const [rules, to, becomes] of [
      [{ rebinding: true }, STRANGER, "rebound"],
      [{ rebinding: false }, STRANGER, "wrong source"],
      [{ mode: "open" }, STRANGER, "rebound"],
      [{ mode: "strict" }, STRANGER, "wrong source"],
      [{ mode: "strict" }, SIGNALING, "rebound"],
    ] as const
  ) {
    const bench = new Bench(rules);
    bench.judge(SDP, 7777, rtp({ sequenceNumber: 1 }));
    assertEquals(bench.judge(to, 5, rtp({ sequenceNumber: 2 }), 300), becomes);
  }
});

Deno.test("Learning.judge() holds on to an unknown party when strangers of its network come, not when it is vouched for", () => {
  const bench = new Bench();
  bench.flow(STRANGER, 5);
  assertEquals(bench.judge(NEIGHBOUR, 6000), "wrong source");
  assertEquals(bench.judge(SIGNALING, 6000), "vouched for");
});

Deno.test("Learning.judge() lets RTCP follow its RTP: the port behind it, else the same address (RFC 3550 §11)", () => {
  const bench = new Bench({ mode: "strict" });
  assertEquals(bench.judge(STRANGER, 9001, rtcp()), "unvouched source");
  assertEquals(bench.learning.setRtpSource(STRANGER, 9000), false);
  assertEquals(bench.judge(STRANGER, 9777, rtcp()), "learnt");
  assertEquals(bench.judge(STRANGER, 9001, rtcp()), "vouched for");
  assertEquals(bench.learning.setRtpSource(STRANGER, 9000), true);
});

Deno.test("Learning.acceptStun() leaves STUN to a better source, and to none that strict mode or a loop forbids", () => {
  const bench = new Bench();
  assertEquals(bench.learning.acceptStun(stun(), STRANGER, 5, true, 0), "accepted");
  assertEquals(bench.learning.acceptStun(stun(), SIGNALING, 5, true, 0), "accepted");
  assertEquals(bench.learning.acceptStun(stun(), STRANGER, 5, true, 0), "wrong source");
  assertEquals(bench.learning.acceptStun(stun(), SDP, 6000, true, 0), "accepted");
  assertEquals(bench.learning.acceptStun(stun(), SIGNALING, 5, true, 0), "wrong source");
  assertEquals(bench.learning.acceptStun(stun(), RELAY, 40_000, true, 0), "loop");
  assertEquals(new Bench({ mode: "strict" }).learning.acceptStun(stun(), STRANGER, 5, true, 0), "unvouched source");
});

Deno.test("Learning lets the relay's own port in where the SDP says just that: a call may pass the relay twice", () => {
  const bench = new Bench();
  bench.learning.setSignalled(RELAY, 40_000, true, RELAY, 0);
  assertEquals(bench.judge(RELAY, 40_002), "loop");
  assertEquals(bench.judge(RELAY, 40_000), "learnt");
});

Deno.test("Learning.takeHeld() has what the party said before it was learnt, and nothing of others or from long ago", () => {
  const bench = Bench.blind();
  bench.judge(STRANGER, 6, rtp({ sequenceNumber: 77 }));
  const buffer = rtp();
  for (let sequenceNumber = 1; sequenceNumber <= 9; sequenceNumber++) {
    buffer.set(rtp({ sequenceNumber })); // the socket's buffer is used again for the next packet
    bench.judge(STRANGER, 5, buffer, 20);
  }
  assertEquals(bench.learning.takeHeld(bench.nowMs).map(({ packet }) => packet[3]), range(1, 8));
  assertEquals(bench.learning.takeHeld(bench.nowMs), []);
});

Deno.test("Learning keeps the latest 250 ms of an early party, at most 32 packets, until its SDP comes", () => {
  const bench = new Bench({}, false);
  bench.flow(SIGNALING, 5, 100, 1); // two seconds
  bench.learning.setSignalled("10.0.0.5", 6000, false, SIGNALING, bench.nowMs);
  assertEquals(bench.judge(SIGNALING, 5, rtp({ ssrc: 1, sequenceNumber: 101 }), 20), "learnt");
  assertEquals(bench.learning.takeHeld(bench.nowMs).map(({ packet }) => packet[3]), range(89, 100));
  const burst = new Bench({}, false);
  for (let sequenceNumber = 1; sequenceNumber <= 99; sequenceNumber++) burst.judge(SDP, 6000, rtp({ sequenceNumber }));
  burst.learning.setSignalled(SDP, 6000, true, "", 0);
  burst.judge(SDP, 6000, rtp({ sequenceNumber: 100 }));
  assertEquals(burst.learning.takeHeld(burst.nowMs).map(({ packet }) => packet[3]), range(68, 99));
});

Deno.test("Learning remembers four sources; a better one takes the place of a worse, another one that of a silent", () => {
  const bench = Bench.blind();
  for (let port = 1; port <= 4; port++) bench.judge(STRANGER, port);
  assertEquals(bench.flow(STRANGER, 5, 14), "undecided"); // no room until the four have been silent for 300 ms
  assertEquals(bench.flow(STRANGER, 5, 9), "learnt");
  const better = new Bench();
  for (let port = 1; port <= 4; port++) better.judge(STRANGER, port);
  assertEquals(better.flow(NEIGHBOUR, 5, 9), "learnt");
});

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
