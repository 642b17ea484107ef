import { assert, assertEquals } from "../src/deps/assert.ts";
import { fc } from "../src/deps/fast_check.ts";
import { LEARNING_MODES } from "../src/control/learning_mode.ts";
import { FakeSockets } from "../tests/support/fake_sockets.ts";
import { dtls, rtcp, rtp, stun, udptl } from "../tests/support/rtp_packets.ts";
import type { LearningRules } from "./learning/learning.ts";
import { Leg, type LegOwner, type Verdict } from "./leg.ts";
import { Reception } from "./quality/reception.ts";

const CALLER_PORT = 40000;
const CALLEE_PORT = 40002;
const PHONE = "192.0.2.10";
const STRANGER = "203.0.113.66";
/** As long as a source must be silent before its flow may go on from elsewhere. */
const SILENT_MS = 300;
const OBSOLETE_MS = 5000;

interface LegsOptions extends Partial<LearningRules> {
  readonly calleeKnown?: boolean;
  readonly isFax?: boolean;
  readonly signaling?: string;
}

type Arrive = (packet: Uint8Array, hostname: string, port: number, nowMs?: number) => string;

/**
 * The two RTP legs of a stream. Packets for the callee have somewhere to go unless `calleeKnown` is false. The caller's SDP
 * has a private address, and its SIP messages come from `signaling`.
 */
function legs({ calleeKnown = true, isFax = false, signaling = PHONE, ...rules }: LegsOptions = {}) {
  const sockets = new FakeSockets();
  const events: string[] = [];
  const owner: LegOwner = {
    learnt: (leg, how) => void events.push(`${how} ${leg.remote}`),
    lost: () => void events.push("lost"),
    doubted: () => void events.push("doubted"),
  };
  const create = (port: number) => {
    const socket = sockets.openSocket(port);
    const leg = new Leg(
      "rtp",
      owner,
      socket,
      { mode: "heuristic", rebinding: true, isOwn: () => false, ...rules },
      isFax,
      new Reception(),
    );
    socket.attach(leg);
    return leg;
  };
  const caller = create(CALLER_PORT);
  const callee = create(CALLEE_PORT);
  caller.peer = callee;
  callee.peer = caller;
  caller.usesIce = callee.usesIce = true;
  caller.setSignalled("10.0.0.5", 6000, false, signaling, 0);
  if (calleeKnown) callee.setSignalled("192.0.2.20", 7000, true, "", 0);
  /** A datagram from the caller's side. */
  const arrive = (packet: Uint8Array, hostname: string, port: number, nowMs = 0) =>
    sockets.arrive(CALLER_PORT, packet, hostname, port, nowMs);
  return { sockets, events, caller, callee, arrive };
}

/** As much of a flow, a packet every 20 ms, as makes an unknown source the party. Returns what became of each packet. */
function flow(arrive: Arrive, hostname: string, port: number, { packets = 51, atMs = 0, ssrc = 666 } = {}): string[] {
  return Array.from(
    { length: packets },
    (_, index) => arrive(rtp({ ssrc, sequenceNumber: 1 + index }), hostname, port, atMs + 20 * index),
  );
}

/** Everything that a leg has counted, each datagram once; `noDestination` is a part of `packets`. */
function counted(leg: Leg): number {
  return leg.packets + leg.stunPackets + leg.notMedia + leg.wrongSource + leg.obsoleteSource + leg.unvouchedSource +
    leg.undecided + leg.loop;
}

for (const [name, packet] of [["RTP", rtp()], ["RTCP", rtcp()], ["DTLS", dtls()]] as const) {
  Deno.test(`Leg.receive() learns the party's address from its first ${name} packet (RFC 7362 §4)`, () => {
    const { caller, events, arrive, sockets } = legs();
    assertEquals(caller.state, "learning");
    assertEquals(caller.remote, "Unknown");
    assertEquals(arrive(packet, PHONE, 6000), "forward");
    assertEquals(caller.state, "latched");
    assertEquals(caller.destination, { transport: "udp", hostname: PHONE, port: 6000 });
    assertEquals(events, [`learnt ${PHONE}:6000`]);
    assertEquals(sockets.takeSent(), [`${CALLEE_PORT} > 192.0.2.20:7000`]);
  });
}

Deno.test("Leg.receive() learns nothing from bytes that are no media (RFC 7983 §7)", () => {
  const { caller, arrive, sockets } = legs();
  for (const packet of [new Uint8Array(0), new TextEncoder().encode("GET / HTTP/1.1"), rtp().subarray(0, 11)]) {
    assertEquals(arrive(packet, STRANGER, 5), "not media");
  }
  assertEquals(caller.state, "learning");
  assertEquals(caller.notMedia, 3);
  assertEquals(sockets.takeSent(), []);
});

Deno.test("Leg.receive() learns from UDPTL in a fax stream, and not from what cannot be UDPTL (T.38 §9)", () => {
  const { caller, arrive } = legs({ isFax: true });
  assertEquals(arrive(new TextEncoder().encode("GET / HTTP/1.1"), PHONE, 6000), "not media");
  assertEquals(arrive(udptl(0), PHONE, 6000), "forward");
  assertEquals(caller.remote, `${PHONE}:6000`);
});

Deno.test("Leg.receive() forwards everything from the address that it has learnt, whatever it is", () => {
  const { caller, arrive } = legs();
  arrive(rtp(), PHONE, 6000);
  for (const packet of [rtcp(), dtls(), Uint8Array.of(13, 10), new Uint8Array(0)]) {
    assertEquals(arrive(packet, PHONE, 6000), "forward");
  }
  assertEquals(caller.packets, 5);
});

Deno.test("Leg.receive() counts packets and UDP payload bytes of the party (PROTOCOL §3)", () => {
  const { caller, arrive } = legs();
  arrive(rtp({ payloadBytes: 160 }), PHONE, 6000, 7);
  arrive(rtp({ payloadBytes: 20 }), PHONE, 6000, 9);
  assertEquals([caller.packets, caller.bytes, caller.lastMediaAtMs], [2, 172 + 32, 9]);
});

Deno.test("Leg.receive() notes the payload type of the first RTP packet (PROTOCOL §3)", () => {
  const { caller, arrive } = legs();
  assertEquals(caller.payloadType, -1);
  arrive(rtp({ payloadType: 8 }), PHONE, 6000);
  arrive(rtp({ payloadType: 101 }), PHONE, 6000);
  assertEquals(caller.payloadType, 8);
});

Deno.test("Leg.receive() notes the payload type also if DTLS came first (PROTOCOL §3)", () => {
  const { caller, arrive } = legs();
  arrive(dtls(), PHONE, 6000);
  assertEquals(caller.payloadType, -1);
  arrive(rtp({ payloadType: 96 }), PHONE, 6000);
  assertEquals(caller.payloadType, 96);
});

Deno.test("Leg.receive() drops and counts other sources once it has learnt one (RFC 7362 §5)", () => {
  const { caller, arrive, sockets } = legs();
  arrive(rtp(), PHONE, 6000);
  sockets.takeSent();
  for (const packet of [rtp({ ssrc: 9 }), rtcp(), stun(), dtls(), Uint8Array.of(1)]) {
    assertEquals(arrive(packet, STRANGER, 6000), "wrong source");
    assertEquals(arrive(packet, PHONE, 6001), "wrong source");
  }
  assertEquals(caller.wrongSource, 10);
  assertEquals([caller.packets, caller.remote], [1, `${PHONE}:6000`]);
  assertEquals(sockets.takeSent(), []);
});

Deno.test("Leg.receive() prefers the SDP's address to a stranger that came first, at any time (PROTOCOL §6.10)", () => {
  const { caller, arrive, events } = legs();
  caller.setSignalled(PHONE, 6000, true, "192.0.2.9", 0);
  flow(arrive, STRANGER, 5);
  assertEquals(caller.remote, `${STRANGER}:5`);
  assertEquals(arrive(rtp(), PHONE, 6000, 3_600_000), "forward");
  assertEquals(caller.remote, `${PHONE}:6000`);
  assertEquals(arrive(rtp({ ssrc: 666, sequenceNumber: 12 }), STRANGER, 5, 3_600_000), "wrong source");
  assertEquals(events, [`learnt ${STRANGER}:5`, `vouched for ${PHONE}:6000`]);
});

Deno.test("Leg.receive() prefers where the SIP messages come from to a stranger (PROTOCOL §6.10)", () => {
  const { caller, arrive } = legs();
  caller.setSignalled("10.0.0.5", 6000, false, "198.51.100.7", 0);
  arrive(rtp({ ssrc: 666 }), STRANGER, 5);
  assertEquals(arrive(rtp(), "198.51.100.7", 61234), "forward");
  assertEquals(caller.remote, "198.51.100.7:61234");
});

Deno.test("Leg.receive() prefers the SDP's very port to another of its address (PROTOCOL §6.10)", () => {
  const { caller, arrive } = legs();
  caller.setSignalled(PHONE, 6000, true, "", 0);
  arrive(rtp(), PHONE, 6001);
  assertEquals(arrive(rtp({ ssrc: 2 }), PHONE, 6000), "forward");
  assertEquals(caller.remote, `${PHONE}:6000`);
  assertEquals(arrive(rtp({ ssrc: 3 }), PHONE, 6001), "wrong source");
});

Deno.test("Leg.receive() learns nothing from STUN or noise of a vouched-for source (PROTOCOL §6.10)", () => {
  const { caller, arrive } = legs();
  caller.setSignalled(PHONE, 6000, true, "", 0);
  flow(arrive, STRANGER, 5);
  assertEquals(arrive(stun(), PHONE, 6000), "wrong source");
  assertEquals(arrive(Uint8Array.of(0), PHONE, 6000), "wrong source");
  assertEquals(caller.remote, `${STRANGER}:5`);
});

Deno.test("Leg.receive() sends what it has kept of a party as soon as it knows it, in order, and only then counts it", () => {
  const { caller, arrive, sockets } = legs({ signaling: "" });
  arrive(rtp({ ssrc: 1 }), "203.0.113.99", 7);
  assertEquals(flow(arrive, STRANGER, 5, { packets: 8 }), Array(8).fill("undecided"));
  assertEquals([caller.packets, caller.undecided, sockets.takeSent()], [0, 9, []]);
  assertEquals(arrive(rtp({ ssrc: 666, sequenceNumber: 9 }), STRANGER, 5, 160), "forward");
  assertEquals(sockets.sent.map(({ packet }) => packet[3]), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals([caller.packets, caller.undecided, caller.bytes], [9, 1, 9 * 172]);
});

Deno.test("Leg.receive() measures what it has kept by when it came (RFC 3550 §A.8)", () => {
  const { caller, arrive } = legs({ signaling: "" });
  flow(arrive, STRANGER, 5, { packets: 12 });
  const { received, maxJitterMs } = caller.reception.main!;
  assertEquals([received, maxJitterMs], [12, 0]);
});

Deno.test("Leg.receive() sends nothing that it has kept while the other party is nowhere", () => {
  const { caller, arrive, sockets } = legs({ calleeKnown: false, signaling: "" });
  flow(arrive, STRANGER, 5, { packets: 9 });
  assertEquals([caller.packets, caller.noDestination, sockets.takeSent()], [9, 9, []]);
});

Deno.test("Leg.receive() learns nothing from unknown sources in strict mode, and nothing from the relay itself", () => {
  const { caller, arrive } = legs({ mode: "strict", isOwn: (hostname) => hostname === "192.0.2.100" });
  flow(arrive, STRANGER, 5, { packets: 9 });
  arrive(stun(), STRANGER, 5);
  arrive(rtp(), "192.0.2.100", 40002);
  assertEquals([caller.state, caller.unvouchedSource, caller.loop], ["learning", 10, 1]);
});

Deno.test("Leg.followRtp() sends RTCP behind the party's RTP until RTCP comes from there (RFC 3550 §11)", () => {
  const { caller, arrive } = legs();
  const rtpLeg = legs();
  rtpLeg.arrive(rtp(), PHONE, 6000);
  caller.followRtp(rtpLeg.caller, "learnt");
  assertEquals([caller.state, caller.destination.hostname, caller.destination.port], ["learning", PHONE, 6001]);
  assertEquals(arrive(rtcp(), PHONE, 6077), "forward");
  caller.followRtp(rtpLeg.caller, "vouched for");
  assertEquals(caller.remote, `${PHONE}:6077`);
  caller.followRtp(rtpLeg.caller, "rebound"); // the NAT has a new mapping for RTCP, too
  assertEquals([caller.state, caller.destination.port], ["learning", 6001]);
});

Deno.test("Leg.followRtp() forgets RTCP that came from elsewhere than the RTP that is vouched for", () => {
  const { caller, arrive } = legs({ mode: "open" });
  arrive(rtcp(), STRANGER, 5);
  const rtpLeg = legs();
  rtpLeg.arrive(rtp(), PHONE, 6000);
  caller.followRtp(rtpLeg.caller, "vouched for");
  assertEquals([caller.state, caller.destination.hostname, caller.destination.port], ["learning", PHONE, 6001]);
  caller.close();
  caller.followRtp(rtpLeg.caller, "learnt");
  assertEquals(caller.remote, "Unknown");
});

Deno.test("Leg.setSignalled() vouches also for a source that came before it (PROTOCOL §6.10)", () => {
  const { caller, arrive, events } = legs();
  arrive(rtp(), PHONE, 6000); // early media overtake the answer
  caller.setSignalled(PHONE, 6000, true, PHONE, 0);
  assertEquals(arrive(rtp({ ssrc: 666 }), PHONE, 9), "wrong source");
  assertEquals(caller.remote, `${PHONE}:6000`);
  assertEquals(events, [`learnt ${PHONE}:6000`]);
});

Deno.test("Leg.receive() follows a NAT's new mapping: the flow goes on, the old source is silent (PROTOCOL §6.10)", () => {
  const { caller, arrive, events } = legs();
  arrive(rtp({ sequenceNumber: 65_535 }), PHONE, 6000, 1000);
  assertEquals(arrive(rtp({ sequenceNumber: 65_536 + 3 }), PHONE, 6077, 1000 + SILENT_MS), "forward");
  assertEquals([caller.remote, caller.rebindings], [`${PHONE}:6077`, 1]);
  assertEquals(events, [`learnt ${PHONE}:6000`, `rebound ${PHONE}:6077`]);
  assertEquals(arrive(rtp({ sequenceNumber: 4 }), PHONE, 6000, 1001 + SILENT_MS), "wrong source");
});

const NOT_REBOUND: [string, Uint8Array, number][] = [
  ["while the old source still sends", rtp({ sequenceNumber: 101 }), SILENT_MS - 1],
  ["for another SSRC", rtp({ sequenceNumber: 101, ssrc: 9 }), SILENT_MS],
  ["for a packet that came before", rtp({ sequenceNumber: 100 }), SILENT_MS],
  ["for an older packet", rtp({ sequenceNumber: 99 }), SILENT_MS],
  ["for a packet too far ahead", rtp({ sequenceNumber: 100 + 3001 }), SILENT_MS],
  ["for an older timestamp", rtp({ sequenceNumber: 101, timestamp: 15_999 }), SILENT_MS],
  [
    "for a timestamp that no clock can have reached",
    rtp({ sequenceNumber: 101, timestamp: 16_000 + 220_801 }),
    SILENT_MS,
  ],
  ["for RTCP", rtcp(), SILENT_MS],
];
for (const [name, packet, afterMs] of NOT_REBOUND) {
  Deno.test(`Leg.receive() follows no new mapping ${name} (PROTOCOL §6.10)`, () => {
    const { caller, arrive } = legs();
    arrive(rtp({ sequenceNumber: 100 }), PHONE, 6000, 1000);
    assertEquals(arrive(packet, STRANGER, 6077, 1000 + afterMs), "wrong source");
    assertEquals([caller.remote, caller.rebindings], [`${PHONE}:6000`, 0]);
  });
}

Deno.test("Leg.receive() compares a new mapping with the flow's latest packet, not its first (PROTOCOL §6.10)", () => {
  const { arrive } = legs();
  for (let sequenceNumber = 0; sequenceNumber < 1000; sequenceNumber++) arrive(rtp({ sequenceNumber }), PHONE, 6000, 0);
  assertEquals(arrive(rtp({ sequenceNumber: 1001 }), PHONE, 6077, SILENT_MS), "forward");
});

Deno.test("Leg.receive() follows a new mapping over a gap of 2.3 s at 96 kHz, the timestamp wrapping (RFC 3550 §5.1)", () => {
  const { caller, arrive } = legs();
  arrive(rtp({ sequenceNumber: 100, timestamp: 0xffff_fff0 }), PHONE, 6000, 1000);
  const later = rtp({ sequenceNumber: 3100, timestamp: 220_800 - 16 });
  assertEquals(arrive(later, PHONE, 6077, 1000 + SILENT_MS), "forward");
  assertEquals(caller.rebindings, 1);
});

Deno.test("Leg.relearn() takes the old address back at once if the new SDP says it (RFC 3264 §8.3)", () => {
  const { caller, arrive } = legs();
  arrive(rtp(), PHONE, 6000);
  caller.relearn(1000);
  caller.setSignalled(PHONE, 6000, true, "", 0);
  assertEquals(arrive(rtp(), PHONE, 6000, 1001), "forward");
  assertEquals(caller.obsoleteSource, 0);
});

Deno.test("Leg tells its owner that what was learnt holds no more, once (RFC 3264 §8.3)", () => {
  const { caller, arrive, events } = legs();
  caller.forget();
  arrive(rtp(), PHONE, 6000);
  caller.relearn(1000);
  caller.relearn(1001);
  arrive(rtp(), PHONE, 6001, 1002);
  caller.close();
  caller.close();
  assertEquals(events, [`learnt ${PHONE}:6000`, "lost", `learnt ${PHONE}:6001`, "lost"]);
});

Deno.test("Leg.relearn() takes the old address as obsolete for a while (PROTOCOL §4)", () => {
  const { caller, arrive } = legs();
  arrive(rtp(), PHONE, 6000);
  caller.relearn(1000);
  assertEquals([caller.state, caller.remote], ["learning", "Unknown"]);
  assertEquals(arrive(rtp(), PHONE, 6000, 1000 + OBSOLETE_MS - 1), "obsolete source");
  assertEquals(caller.obsoleteSource, 1);
  assertEquals(arrive(rtp(), PHONE, 6001, 1001), "forward");
  assertEquals(caller.remote, `${PHONE}:6001`);
});

Deno.test("Leg.relearn() takes the old address back if the party stays there after all (PROTOCOL §4)", () => {
  const { caller, arrive } = legs();
  arrive(rtp(), PHONE, 6000);
  caller.relearn(1000);
  assertEquals(arrive(rtp(), PHONE, 6000, 1000 + OBSOLETE_MS), "forward");
  assertEquals(caller.remote, `${PHONE}:6000`);
});

Deno.test("Leg.forget() learns from whatever comes next, also the address of before", () => {
  const { caller, arrive } = legs();
  arrive(rtp(), PHONE, 6000);
  caller.forget();
  assertEquals(caller.remote, "Unknown");
  assertEquals(arrive(rtp(), PHONE, 6000), "forward");
});

Deno.test("Leg.receive() passes STUN without learning from it, to where the party's own STUN came from (PROTOCOL §4)", () => {
  const { caller, callee, sockets, arrive } = legs({ calleeKnown: false });
  assertEquals(arrive(stun(1), PHONE, 6000), "queued");
  assertEquals([caller.state, caller.stunPackets, caller.packets], ["learning", 1, 0]);
  assertEquals(sockets.takeSent(), []);
  sockets.arrive(CALLEE_PORT, stun(2), "192.0.2.20", 7000, 0);
  assertEquals(sockets.takeSent(), [`${CALLEE_PORT} > 192.0.2.20:7000`, `${CALLER_PORT} > ${PHONE}:6000`]);
  assertEquals([caller.state, callee.state], ["learning", "learning"]);
});

Deno.test("Leg.receive() passes DTLS to where STUN came from of a party that waits for it before it says anything (RFC 5763 §5)", () => {
  const { caller, sockets, arrive } = legs();
  const fromCallee = (packet: Uint8Array) => sockets.arrive(CALLEE_PORT, packet, "192.0.2.20", 7000, 0);
  assertEquals(fromCallee(dtls()), "no destination");
  arrive(stun(), PHONE, 6000);
  sockets.takeSent();
  assertEquals([fromCallee(dtls()), fromCallee(rtp())], ["queued", "no destination"]);
  assertEquals(sockets.takeSent(), [`${CALLER_PORT} > ${PHONE}:6000`]);
  assertEquals(caller.state, "learning");
  caller.setSignalled("198.51.100.7", 6001, true, PHONE, 0); // what a STUN server saw of a symmetric NAT
  fromCallee(dtls());
  assertEquals(sockets.takeSent(), [`${CALLER_PORT} > ${PHONE}:6000`]);
  arrive(dtls(), PHONE, 6002);
  sockets.takeSent();
  assertEquals(fromCallee(dtls()), "forward");
  assertEquals(sockets.takeSent(), [`${CALLER_PORT} > ${PHONE}:6002`]);
});

Deno.test("Leg.receive() keeps the latest eight STUN messages for a party that is unknown, in order (PROTOCOL §4)", () => {
  const { callee, sockets, arrive } = legs({ calleeKnown: false });
  const buffer = stun();
  for (let tag = 0; tag < 10; tag++) {
    buffer[8] = tag; // the socket's buffer is used again for the next packet
    arrive(buffer, PHONE, 6000);
  }
  callee.setSignalled("192.0.2.20", 7000, true, "", 0);
  assertEquals(sockets.sent.map(({ packet }) => packet[8]), [2, 3, 4, 5, 6, 7, 8, 9]);
  callee.setSignalled("192.0.2.20", 7000, true, "", 0);
  assertEquals(sockets.sent.length, 8);
});

Deno.test("Leg.receive() hands queued STUN to the address that the party's media show (PROTOCOL §4)", () => {
  const { callee, sockets, arrive } = legs({ calleeKnown: false });
  callee.setSignalled("10.0.0.6", 7000, false, "192.0.2.21", 0);
  arrive(stun(), PHONE, 6000);
  sockets.arrive(CALLEE_PORT, rtp(), "192.0.2.21", 7001, 0);
  assertEquals(sockets.takeSent(), [`${CALLEE_PORT} > 192.0.2.21:7001`]);
});

Deno.test("Leg.receive() drops media for a party whose address is unknown or private (RFC 6890)", () => {
  const { caller, callee, arrive } = legs({ calleeKnown: false });
  assertEquals(arrive(rtp(), PHONE, 6000), "no destination");
  callee.setSignalled("10.0.0.5", 7000, false, "", 0);
  assertEquals(arrive(rtp(), PHONE, 6000), "no destination");
  assertEquals([caller.noDestination, caller.packets], [2, 2]);
  callee.setSignalled("198.51.100.5", 7000, true, "", 0);
  assertEquals(arrive(rtp(), PHONE, 6000), "forward");
});

Deno.test("Leg.setSignalled() leaves what was learnt alone (RFC 7362 §4)", () => {
  const { caller, arrive } = legs();
  arrive(rtp(), PHONE, 6000);
  caller.setSignalled("198.51.100.5", 7000, true, "", 0);
  assertEquals(caller.remote, `${PHONE}:6000`);
});

Deno.test("Leg.remote writes IPv6 in brackets", () => {
  const { caller, arrive } = legs({ signaling: "2001:db8::1" });
  arrive(rtp(), "2001:db8::1", 6000);
  assertEquals(caller.remote, "[2001:db8::1]:6000");
});

Deno.test("Leg.close() keeps what was learnt for the statistics, and drops whatever comes", () => {
  const { caller, callee, sockets, arrive } = legs();
  arrive(rtp(), PHONE, 6000);
  callee.close();
  assertEquals(callee.remote, "Unknown");
  sockets.takeSent();
  assertEquals(arrive(rtp(), PHONE, 6000), "no destination");
  caller.close();
  assertEquals(caller.remote, `${PHONE}:6000`);
  assertEquals(arrive(rtp(), PHONE, 6000), "wrong source");
  caller.relearn(0);
  assertEquals(caller.state, "closed");
  assertEquals(sockets.takeSent(), []);
});

Deno.test("Leg.receive() counts any bytes from anywhere exactly once, and never throws", () => {
  const kinds = [rtp(), rtcp(), stun(), dtls(), udptl(1)];
  const packet = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...kinds));
  const source = fc.tuple(fc.constantFrom(PHONE, STRANGER, "2001:db8::1"), fc.constantFrom(6000, 6001));
  const event = fc.oneof(
    { weight: 8, arbitrary: fc.tuple(fc.constant("arrive"), packet, source) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom("relearn", "forget", "signalled"), packet, source) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("wait"), packet, source) },
  );
  const verdicts: readonly Verdict[] = [
    "forward",
    "queued",
    "not media",
    "no destination",
    "wrong source",
    "obsolete source",
    "unvouched source",
    "undecided",
    "loop",
  ];
  const rules = fc.record({
    isFax: fc.boolean(),
    calleeKnown: fc.boolean(),
    mode: fc.constantFrom(...LEARNING_MODES),
    rebinding: fc.boolean(),
    isOwn: fc.constantFrom(() => false, (_hostname: string, port: number) => port === 6001),
  });
  fc.assert(fc.property(fc.array(event, { maxLength: 60 }), rules, (events, options) => {
    const { caller, arrive, sockets } = legs(options);
    let nowMs = 0;
    let arrived = 0;
    for (const [what, bytes, [hostname, port]] of events) {
      if (what === "relearn") caller.relearn(nowMs);
      else if (what === "forget") caller.forget();
      else if (what === "signalled") caller.setSignalled(hostname, port, port === 6000, STRANGER, 0);
      else if (what === "wait") nowMs += SILENT_MS / 2;
      else {
        assert(verdicts.includes(arrive(bytes, hostname, port, nowMs) as Verdict));
        assertEquals(counted(caller), ++arrived);
      }
    }
    assert(caller.noDestination <= caller.packets);
    assert(sockets.sent.every(({ port }) => port > 0));
  }));
});

Deno.test("Leg keeps to itself what it refuses, and where STUN for its party goes", () => {
  const { caller, callee, arrive, sockets } = legs();
  const other = legs();
  assertEquals(arrive(rtp(), STRANGER, 5, 7), "undecided");
  assertEquals(caller.refused, { hostname: STRANGER, port: 5, reason: "undecided", atMs: 7 });
  assertEquals(arrive(stun(), PHONE, 6000), "queued");
  sockets.takeSent();
  for (const leg of [callee, other.caller, other.callee]) {
    assertEquals([leg.refused.hostname, leg.refused.port], ["", 0]);
  }
  assertEquals(other.sockets.arrive(CALLEE_PORT, stun(), "192.0.2.20", 7000, 0), "queued");
  assertEquals(other.sockets.takeSent(), []);
});
