/** A whole relay with a kernel path that the test plays: what goes in and out, and when. */
import { assertEquals } from "../../src/deps/assert.ts";
import type { StreamStatistics } from "../../src/control/statistics.ts";
import { removeHeaders, type UpdateFields, updateHeaders } from "../../tests/support/control_messages.ts";
import type { FakePair } from "../../tests/support/fake_gate.ts";
import { LIMITS, TIMEOUTS } from "../../tests/support/relay_environment.ts";
import { DISPATCHER, RelayHost, type RelayHostOptions } from "../../tests/support/relay_host.ts";
import { rtcp, rtp, stun } from "../../tests/support/rtp_packets.ts";

const CALLER = "192.0.2.1:6000";
const CALLER_MOVED = "192.0.2.1:6060";
const CALLEE = "203.0.113.2:7000";
const CALLEE_MOVED = "203.0.113.2:7070";
const ANSWER: UpdateFields = { type: "reply", toTag: "callee", media: `audio:${CALLEE}:sendrecv:ice=no` };

/** A call whose parties have sent RTP, on a relay with a kernel path. */
class Call {
  readonly host: RelayHost;
  #sequenceNumber = 0;

  constructor(options: RelayHostOptions = {}) {
    this.host = new RelayHost(options);
    this.host.gate.open = true;
    this.update({});
    this.update(ANSWER);
    this.callerSends();
    this.host.arrive(40002, CALLEE);
  }

  update(fields: UpdateFields): void {
    this.host.handle("update", updateHeaders(fields));
  }

  get pairs(): readonly FakePair[] {
    return this.host.gate.pairs;
  }

  get nowMs(): number {
    return this.host.clock.nowMs();
  }

  get stream(): StreamStatistics {
    return this.host.relay.statistics(DISPATCHER)[0]!.streams[0]!;
  }

  /** The next packet of the caller's flow, or another one; returns what became of it. */
  callerSends(source = CALLER, packet?: Uint8Array): string {
    return this.host.arrive(40000, source, packet ?? rtp({ sequenceNumber: ++this.#sequenceNumber }));
  }

  /** A re-INVITE whose answer says that the callee is elsewhere now. */
  moveCallee(): void {
    this.update({ cseq: 2 });
    this.update({ ...ANSWER, cseq: 2, media: `audio:${CALLEE_MOVED}:sendrecv:ice=no` });
  }

  /** Waits until a pair has entered; returns it. */
  entered(withinMs = 7000): FakePair {
    const before = this.pairs.length;
    this.host.advance(withinMs);
    assertEquals(this.pairs.length, before + 1);
    const pair = this.pairs.at(-1)!;
    pair.owner.entered(this.nowMs);
    return pair;
  }

  /** Packets of the caller's flow were lost. */
  lost(packets: number): void {
    this.#sequenceNumber += packets;
  }

  /** The kernel has carried packets of the caller's flow. */
  carried(pair: FakePair, packets: number): void {
    this.#sequenceNumber += packets;
    pair.counted(packets, 0, this.nowMs);
  }
}

Deno.test("a stream enters the kernel once both parties have been known for kernel_after", () => {
  const call = new Call();
  call.host.advance(5000);
  assertEquals(call.pairs.length, 0);
  call.host.advance(1000);
  assertEquals(call.pairs.map(({ flows: [caller, callee] }) => [caller, callee]), [[
    {
      source: { address: "192.0.2.1", port: 6000 },
      local: { address: "192.0.2.100", port: 40000 },
      from: { address: "192.0.2.100", port: 40002 },
      to: { address: "203.0.113.2", port: 7000 },
    },
    {
      source: { address: "203.0.113.2", port: 7000 },
      local: { address: "192.0.2.100", port: 40002 },
      from: { address: "192.0.2.100", port: 40000 },
      to: { address: "192.0.2.1", port: 6000 },
    },
  ]]);
  assertEquals(call.stream.carried_by, "userspace");
  call.pairs[0]!.owner.entered(call.nowMs);
  assertEquals(call.stream.carried_by, "kernel");
  assertEquals(call.host.relay.summary().kernel_stream_count, 1);
});

Deno.test("RTCP enters when both parties have sent some, between its own ports", () => {
  const call = new Call();
  call.entered();
  call.host.arrive(40001, "192.0.2.1:6001", rtcp());
  call.host.arrive(40003, "203.0.113.2:7001", rtcp());
  // A call whose RTP is in the kernel is not looked at every second.
  const { flows: [{ source, local, from }] } = call.entered(12_000);
  assertEquals([source.port, local.port, from.port], [6001, 40001, 40003]);
});

Deno.test("nothing enters while a party is not known, or the gate is closed", () => {
  const oneWay = new RelayHost();
  oneWay.gate.open = true;
  oneWay.handle("update", updateHeaders());
  oneWay.handle("update", updateHeaders(ANSWER));
  oneWay.arrive(40000, CALLER);
  oneWay.advance(60_000);
  assertEquals(oneWay.gate.pairs, []);
  const call = new Call();
  call.host.gate.open = false;
  call.host.advance(60_000);
  assertEquals(call.pairs, []);
});

Deno.test("what the kernel counts is in the statistics, and keeps the stream alive (PROTOCOL §6, 4)", () => {
  const call = new Call();
  const pair = call.entered();
  for (let i = 0; i < 40; i++) {
    call.host.advance(10_000);
    call.carried(pair, 500);
  }
  const { caller_packets, caller_bytes, callee_packets, kernel_packets, status } = call.stream;
  assertEquals([caller_packets, caller_bytes, callee_packets, kernel_packets, status], [
    ...[20_001, 20_001 * 172, 1, 20_000, "active"],
  ]);
});

Deno.test("a silent stream is asked for its last counters before it ends (PROTOCOL §6, 4)", () => {
  const call = new Call();
  const pair = call.entered();
  call.host.advance(TIMEOUTS.idleTimeoutMs);
  assertEquals(pair.wantedBack, "asked");
  assertEquals(call.host.relay.sessionCount, 1);
  call.carried(pair, 5); // it was not silent after all
  pair.left(call.nowMs);
  call.host.advance(1000);
  assertEquals(call.host.relay.sessionCount, 1);
  const again = call.entered();
  call.host.advance(TIMEOUTS.idleTimeoutMs);
  again.left(call.nowMs);
  call.host.advance(1000);
  assertEquals(call.host.expired[0]!.statistics.streams.map(({ status }) => status), ["conntrack timeout"]);
});

Deno.test("a party that falls silent in the kernel is noticed on time", () => {
  const call = new Call();
  const pair = call.entered();
  const warnings = () => call.host.log.lines.filter(({ level }) => level === "warning").length;
  for (let second = 0; second < 30; second++) {
    pair.counted(50, 50, call.nowMs);
    call.host.advance(1000);
  }
  for (let second = 1; second < 9; second++) { // the last packets of both were counted a second ago
    pair.counted(50, 0, call.nowMs);
    call.host.advance(1000);
  }
  assertEquals(warnings(), 0);
  call.host.advance(1000);
  assertEquals(warnings(), 1);
  pair.counted(50, 50, call.nowMs);
  call.host.advance(5000); // when it is looked at anyway
  assertEquals(call.host.relay.summary().problem_count, 0);
});

Deno.test("a party that falls silent in the kernel is noticed on time when the other one has been silent for long", () => {
  const call = new Call();
  const pair = call.entered();
  const noticed = () =>
    call.host.log.lines.flatMap(({ level, message }) => level === "warning" ? [message.slice(0, 7)] : []);
  for (let second = 0; second < 33; second++) {
    call.host.advance(1000);
    pair.counted(50, 0, call.nowMs);
  }
  call.host.advance(9000);
  assertEquals(noticed(), ["one-way"]);
  call.host.advance(1000);
  assertEquals(noticed(), ["one-way", "silent "]);
});

Deno.test("a call that falls silent in the kernel ends on time", () => {
  const call = new Call({ timeouts: { ...TIMEOUTS, oneWayAfterMs: 0, idleTimeoutMs: 11_000 } });
  const pair = call.entered();
  for (let second = 0; second < 30; second++) {
    call.host.advance(1000);
    pair.counted(50, 50, call.nowMs);
  }
  call.host.advance(10_000);
  assertEquals(pair.wantedBack, undefined);
  call.host.advance(1000);
  assertEquals(pair.wantedBack, "asked");
});

Deno.test("a stream that is offered while the kernel carries the call may send in every second", () => {
  const call = new Call({ limits: { ...LIMITS, maxPacketsPerSecond: 3 } });
  call.entered();
  call.update({ cseq: 2, media: `audio:${CALLER}:sendrecv:ice=no,video:192.0.2.1:6100:sendrecv:ice=no` });
  const verdicts = () => [1, 2, 3, 4].map(() => call.host.arrive(40004, "192.0.2.1:6100"));
  for (let second = 0; second < 6; second++) {
    assertEquals(verdicts().map((it) => it === "too fast"), [false, false, false, true]);
    call.host.advance(1000);
  }
});

Deno.test("a silent hold lasts for on_hold_timeout, in the kernel, too (PROTOCOL §6, 5)", () => {
  const call = new Call();
  const pair = call.entered();
  call.update({ cseq: 2, media: `audio:${CALLER}:sendonly:ice=no` });
  call.update({ ...ANSWER, cseq: 2, media: `audio:${CALLEE}:recvonly:ice=no` });
  call.host.advance(TIMEOUTS.onHoldTimeoutMs - 2000);
  assertEquals([pair.wantedBack, call.stream.status], [undefined, "on hold"]);
});

Deno.test("an answer that moves a party takes the stream out; where it is then goes in again", () => {
  const call = new Call();
  const pair = call.entered();
  call.moveCallee();
  assertEquals(pair.wantedBack, "asked");
  pair.left(call.nowMs);
  assertEquals(call.host.arrive(40002, CALLEE), "obsolete source");
  assertEquals(call.host.arrive(40002, CALLEE_MOVED), "forward");
  assertEquals(call.entered().flows[1].source.port, 7070);
});

Deno.test("an offer that moves a party makes another stream: the old one goes out with the answer, the new one in", () => {
  const call = new Call();
  const pair = call.entered();
  call.update({ cseq: 2, media: `audio:${CALLER_MOVED}:sendrecv:ice=no` });
  assertEquals(pair.wantedBack, undefined);
  call.update({ ...ANSWER, cseq: 2 });
  assertEquals(pair.wantedBack, "asked");
  call.carried(pair, 9);
  pair.left(call.nowMs);
  call.host.arrive(40004, CALLER_MOVED);
  call.host.arrive(40006, CALLEE);
  assertEquals(call.entered().flows[0].local.port, 40004);
  const { streams } = call.host.relay.statistics(DISPATCHER)[0]!;
  assertEquals(streams.map(({ status, caller_packets }) => [status, caller_packets]), [["closed", 10], ["active", 1]]);
});

Deno.test("a re-INVITE that moves nobody leaves the stream where it is", () => {
  const call = new Call();
  const pair = call.entered();
  call.update({ cseq: 2 });
  call.update({ ...ANSWER, cseq: 2 });
  assertEquals(pair.wantedBack, undefined);
});

Deno.test("a NAT that rebinds after a long time in the kernel is followed: out, learnt, in again", () => {
  const call = new Call();
  const pair = call.entered();
  for (let minute = 0; minute < 60; minute++) {
    call.host.advance(60_000);
    call.carried(pair, 2950);
    call.lost(50); // before they came here
  }
  // The counters are read now and then only, so the old source cannot be said to be silent.
  call.host.clock.advance(900);
  assertEquals(call.callerSends(CALLER_MOVED), "wrong source");
  assertEquals(pair.wantedBack, "asked");
  call.carried(pair, 1); // it was not
  pair.left(call.nowMs);
  call.host.clock.advance(200);
  assertEquals(call.callerSends(CALLER_MOVED), "wrong source");
  call.host.clock.advance(200);
  assertEquals(call.callerSends(CALLER_MOVED), "forward");
  assertEquals(call.entered().flows[0].source.port, 6060);
});

Deno.test("a stranger does not take a stream out of the kernel", () => {
  const call = new Call();
  const pair = call.entered();
  assertEquals(call.callerSends("198.51.100.66:5", rtp({ ssrc: 666, sequenceNumber: 2 })), "wrong source");
  assertEquals(call.callerSends("198.51.100.66:5", rtp({ sequenceNumber: 30_000 })), "wrong source");
  assertEquals(call.callerSends("198.51.100.66:5", stun()), "wrong source");
  assertEquals(pair.wantedBack, undefined);
});

Deno.test("a stream that the kernel does not take is taken out, and stays out until a party moves (PROTOCOL §6, 4)", () => {
  const call = new Call();
  const pair = call.entered();
  for (let i = 0; i < 50; i++) call.callerSends();
  call.host.advance(9000);
  assertEquals(pair.wantedBack, undefined);
  call.host.advance(2000);
  assertEquals(pair.wantedBack, "not taken");
  pair.left(call.nowMs, "not taken");
  call.host.advance(60_000);
  assertEquals(call.pairs.length, 1);
  call.moveCallee();
  call.host.arrive(40002, CALLEE_MOVED);
  call.entered();
});

Deno.test("packets at the sockets are no trouble while the kernel counts some, too", () => {
  const call = new Call();
  const pair = call.entered();
  call.carried(pair, 1);
  for (let i = 0; i < 500; i++) call.callerSends();
  call.host.advance(60_000);
  assertEquals(pair.wantedBack, undefined);
});

Deno.test("a party that sends more than it may goes back to the sockets, which limit it", () => {
  const call = new Call();
  const pair = call.entered();
  call.host.advance(4000);
  pair.counted(40_000, 0, call.nowMs);
  assertEquals(pair.wantedBack, undefined);
  call.host.advance(1000);
  pair.counted(10_001, 0, call.nowMs);
  assertEquals(pair.wantedBack, "asked");
  pair.left(call.nowMs);
  call.host.advance(60_000);
  assertEquals(call.pairs.length, 1);
});

Deno.test("what was lost with nft enters again", () => {
  const call = new Call();
  call.entered().left(call.nowMs, "lost");
  call.entered();
});

Deno.test("a call is removed once its last packets are known", () => {
  const call = new Call();
  const pair = call.entered();
  assertEquals(call.host.relay.isReadyToRemove(removeHeaders()), false);
  assertEquals(pair.wantedBack, "asked");
  call.carried(pair, 7);
  pair.left(call.nowMs);
  assertEquals(call.host.relay.isReadyToRemove(removeHeaders()), true);
  const { streams: [stream] } = JSON.parse(call.host.handle("remove", removeHeaders()));
  assertEquals([stream.caller_packets, stream.kernel_packets], [8, 7]);
});

Deno.test("a relay that ends asks for the last packets of all calls", () => {
  const call = new Call();
  const pair = call.entered();
  assertEquals(call.host.relay.isReadyToClose(), false);
  call.carried(pair, 7);
  pair.left(call.nowMs);
  assertEquals(call.host.relay.isReadyToClose(), true);
  call.host.relay.close();
  assertEquals(call.host.expired[0]!.statistics.streams[0]!.kernel_packets, 7);
});

Deno.test("what the sockets see of a flow before and after the kernel is no loss and no pause", () => {
  const call = new Call();
  const pair = call.entered();
  call.host.advance(60_000);
  call.carried(pair, 2900);
  pair.left(call.nowMs);
  call.callerSends();
  const { lost, gaps, packets } = call.stream.caller_quality!;
  assertEquals([lost, gaps, packets], [0, 0, 2]);
});
