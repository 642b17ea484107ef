import { assertEquals, assertMatch } from "../../src/deps/assert.ts";
import { FakeSockets } from "../../tests/support/fake_sockets.ts";
import { dtls, rtcp, rtp, stun } from "../../tests/support/rtp_packets.ts";
import type { LearningRules } from "../learning/learning.ts";
import { Leg } from "../leg.ts";
import { Reception } from "./reception.ts";
import { SilenceWatch } from "./silence_watch.ts";

const AFTER_MS = 10_000;
const CALLER = 40000;
const CALLEE = 40002;

/** Two parties at 192.0.2.1:6000 and 192.0.2.2:7000, and a watch that looks every second. */
class Bench {
  readonly sockets = new FakeSockets();
  readonly watch: SilenceWatch;
  readonly legs: readonly Leg[];
  nowMs = 0;
  sinceMs = 0;
  #sequence = 0;

  constructor(mode: LearningRules["mode"] = "heuristic") {
    const rules: LearningRules = { mode, rebinding: true, isOwn: (_, port) => port === 40004 };
    this.legs = [CALLER, CALLER + 1, CALLEE, CALLEE + 1].map((port, index) => {
      const socket = this.sockets.openSocket(port);
      const component = index % 2 === 0 ? "rtp" : "rtcp";
      const leg = new Leg(component, { learnt() {}, lost() {}, doubted() {} }, socket, rules, false, new Reception());
      leg.setSignalled(index < 2 ? "192.0.2.1" : "192.0.2.2", (index < 2 ? 6000 : 7000) + index % 2, true, "", 0);
      socket.attach(leg);
      return leg;
    });
    const [caller, callerRtcp, callee, calleeRtcp] = this.legs as [Leg, Leg, Leg, Leg];
    this.watch = new SilenceWatch({ rtp: caller, rtcp: callerRtcp }, { rtp: callee, rtcp: calleeRtcp });
  }

  arrive(port: number, source: string, packet = rtp({ sequenceNumber: ++this.#sequence })): void {
    const [hostname, sourcePort] = source.split(":");
    this.sockets.arrive(port, packet, hostname!, Number(sourcePort), this.nowMs);
  }

  caller(): void {
    this.arrive(CALLER, "192.0.2.1:6000");
  }

  callee(): void {
    this.arrive(CALLEE, "192.0.2.2:7000");
  }

  /** Seconds pass, in each of which `happens`. Returns what is said, with the second at which it is. */
  pass(seconds: number, happens: () => void = () => {}): string[] {
    const said: string[] = [];
    for (let second = 0; second < seconds; second++) {
      this.nowMs += 1000;
      happens();
      for (const { text } of this.watch.check(this.sinceMs, AFTER_MS, this.nowMs)) {
        said.push(`${this.nowMs / 1000}: ${text}`);
      }
    }
    return said;
  }
}

const ONE_WAY = "one-way audio: nothing has come from the callee for 10 s (callee: nothing came)";

Deno.test("SilenceWatch says nothing while both parties are heard", () => {
  const bench = new Bench();
  assertEquals(bench.pass(60, () => (bench.caller(), bench.callee())), []);
  assertEquals(bench.watch.problems, []);
});

Deno.test("SilenceWatch notices once that a party is not heard, and that it is heard again", () => {
  const bench = new Bench();
  assertEquals(bench.pass(30, () => bench.caller()), [`10: ${ONE_WAY}`]);
  assertEquals(bench.watch.current?.kind, "one-way");
  bench.callee();
  assertEquals(bench.pass(5, () => bench.caller()), ["31: one-way audio is over, after 31 s"]);
  assertEquals(bench.watch.current, undefined);
  assertEquals(bench.watch.problems, [{
    kind: "one-way",
    causes: { callee: "nothing came" },
    startedAtMs: 0,
    endedAtMs: 31_000,
  }]);
});

Deno.test("SilenceWatch notices a call in which nobody is heard, and what becomes of it", () => {
  const bench = new Bench();
  assertEquals(bench.pass(12), [
    "10: silent audio: nothing has come from either party for 10 s (caller: nothing came; callee: nothing came)",
  ]);
  assertEquals(bench.pass(2, () => bench.caller()), [
    "13: silent audio is over, after 13 s",
    "13: one-way audio: nothing has come from the callee for 13 s (callee: nothing came)",
  ]);
  const later = bench.pass(20);
  assertEquals(later.length, 2);
  assertMatch(later[1]!, /^24: silent audio: .*\(caller: stopped; callee: nothing came\)$/);
});

Deno.test("SilenceWatch notices who falls silent in mid-call, and since when", () => {
  const bench = new Bench();
  bench.pass(100, () => (bench.caller(), bench.callee()));
  assertEquals(bench.pass(15, () => bench.callee()), [
    "110: one-way audio: nothing has come from the caller for 10 s (caller: stopped)",
  ]);
  assertEquals(bench.watch.current?.startedAtMs, 100_000);
});

Deno.test("SilenceWatch gives time from the answer on, and again after a re-INVITE, which ends no silence", () => {
  const bench = new Bench();
  bench.sinceMs = 20_000;
  assertEquals(bench.pass(29, () => bench.caller()), []);
  assertEquals(bench.pass(1, () => bench.caller()), [`30: ${ONE_WAY}`]);
  bench.sinceMs = bench.nowMs;
  assertEquals(bench.pass(30, () => bench.caller()), []);
  assertEquals(bench.watch.problems.length, 1);
});

Deno.test("SilenceWatch expects nobody to speak on hold", () => {
  const bench = new Bench();
  bench.sinceMs = Infinity;
  assertEquals(bench.pass(100), []);
  bench.sinceMs = bench.nowMs;
  bench.pass(11, () => bench.caller());
  bench.sinceMs = Infinity;
  assertEquals(bench.pass(20), ["112: nobody has to send any more, after 12 s"]);
});

Deno.test("SilenceWatch.close() ends what goes on, and nothing else", () => {
  const bench = new Bench();
  bench.pass(12, () => bench.caller());
  bench.watch.close(15_000);
  bench.watch.close(16_000);
  assertEquals(bench.watch.problems.map(({ endedAtMs }) => endedAtMs), [15_000]);
});

Deno.test("SilenceWatch remembers a bounded number of problems", () => {
  const bench = new Bench();
  for (let round = 0; round < 20; round++) {
    bench.pass(12, () => bench.caller());
    bench.callee();
  }
  assertEquals(bench.watch.problems.length, 16);
});

const CAUSES: [string, (bench: Bench) => void, LearningRules["mode"]?][] = [
  ["nothing came", () => {}],
  ["only STUN", (bench) => bench.arrive(CALLEE, "192.0.2.2:7000", stun())],
  ["only RTCP", (bench) => bench.arrive(CALLEE + 1, "192.0.2.2:7001", rtcp())],
  ["not media", (bench) => bench.arrive(CALLEE, "192.0.2.2:7000", new TextEncoder().encode("keepalive"))],
  ["unvouched source", (bench) => bench.arrive(CALLEE, "203.0.113.9:7000"), "strict"],
  ["undecided", (bench) => bench.arrive(CALLEE, "203.0.113.9:7000", rtp())],
  ["loop", (bench) => bench.arrive(CALLEE, "192.0.2.100:40004")],
];
for (const [cause, happens, mode] of CAUSES) {
  Deno.test(`SilenceWatch.cause() is "${cause}" if that is what arrives`, () => {
    const bench = new Bench(mode);
    bench.pass(12, () => (bench.caller(), happens(bench)));
    assertEquals(bench.watch.current?.causes, { callee: cause } as Record<string, unknown>);
  });
}

Deno.test('SilenceWatch.cause() is "wrong source" if packets come, but not from where the party was learnt', () => {
  const bench = new Bench();
  bench.pass(5, () => (bench.caller(), bench.callee()));
  const said = bench.pass(12, () => (bench.caller(), bench.arrive(CALLEE, "203.0.113.9:7000", rtp({ ssrc: 5 }))));
  assertMatch(said[0]!, /callee for 10 s \(callee: wrong source, last from 203\.0\.113\.9:7000\)$/);
});

Deno.test('SilenceWatch.cause() is "obsolete source" if packets come from where the party has left', () => {
  const bench = new Bench();
  bench.pass(5, () => (bench.caller(), bench.callee()));
  const callee = bench.legs[2]!;
  callee.relearn(bench.nowMs);
  callee.setSignalled("192.0.2.3", 7000, true, "", 0);
  bench.pass(4, () => (bench.caller(), bench.callee()));
  bench.pass(8, () => bench.caller());
  assertEquals(bench.watch.current?.causes, { callee: "obsolete source" });
});

Deno.test('SilenceWatch.cause() is "no RTP" if there is no more than a DTLS handshake', () => {
  const bench = new Bench();
  bench.arrive(CALLEE, "192.0.2.2:7000", dtls());
  bench.pass(12, () => bench.caller());
  assertEquals(bench.watch.current?.causes, { callee: "no RTP" });
});

Deno.test("SilenceWatch.cause() does not blame strangers who were refused while the party was heard", () => {
  const bench = new Bench();
  const all = () => (bench.caller(), bench.arrive(CALLEE, "203.0.113.9:7000", rtp({ ssrc: 5 })), bench.callee());
  bench.pass(5, all);
  const [line] = bench.pass(12, () => bench.caller());
  assertMatch(line!, /\(callee: stopped\)$/);
  assertEquals(bench.watch.current?.causes, { callee: "stopped" });
});
