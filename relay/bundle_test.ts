/** Streams that share one port, through the relay: what it answers, carries, counts and ends (RFC 9143). @module */
import { assertEquals } from "../src/deps/assert.ts";
import type { SessionStatistics } from "../src/control/statistics.ts";
import { removeHeaders, type UpdateFields, updateHeaders } from "../tests/support/control_messages.ts";
import { TIMEOUTS } from "../tests/support/relay_environment.ts";
import { RelayHost } from "../tests/support/relay_host.ts";
import { rtcp, rtp } from "../tests/support/rtp_packets.ts";

const APART = "audio:192.0.2.1:6000,video:192.0.2.1:6002";
const TOGETHER = "audio:192.0.2.1:6000,video:192.0.2.1:6000";
const ANSWER_APART = "audio:192.0.2.2:7000,video:192.0.2.2:7002";
const ANSWER_TOGETHER = "audio:192.0.2.2:7000,video:192.0.2.2:7000";

class Call {
  readonly host = new RelayHost();

  /** The caller's, unless told otherwise. Returns the ports. */
  offer(media: string, cseq = 1, fields: UpdateFields = {}): string {
    return this.#update({ media, cseq, ...cseq > 1 && { toTag: "callee" }, ...fields });
  }

  answer(media: string, cseq = 1, fields: UpdateFields = {}): string {
    return this.#update({ type: "reply", toTag: "callee", media, cseq, ...fields });
  }

  #update(fields: UpdateFields): string {
    return this.host.handle("update", updateHeaders(fields)).replace("192.0.2.100 ", "");
  }

  get ports(): number {
    return this.host.sockets.open.size;
  }

  /** Leased pairs show by whether their sockets have a leg. */
  get leased(): number[] {
    return [...this.host.sockets.open].filter(([, { leg }]) => leg !== undefined).map(([port]) => port);
  }

  remove(): SessionStatistics {
    return JSON.parse(this.host.handle("remove", removeHeaders()));
  }
}

Deno.test("Relay gives streams that an answer bundles one port, and frees the other's (RFC 9143 §7.3)", () => {
  const call = new Call();
  assertEquals(call.offer(APART), "40002 40006");
  assertEquals(call.answer(ANSWER_TOGETHER), "40000 40000");
  assertEquals(call.answer(ANSWER_TOGETHER), "40000 40000");
  assertEquals(call.leased, [40000, 40001, 40002, 40003]);
});

Deno.test("Relay keeps a bundle's ports in offers that repeat it, from either party (RFC 9143 §7.5)", () => {
  const call = new Call();
  call.offer(APART);
  call.answer(ANSWER_TOGETHER);
  assertEquals(call.offer(TOGETHER, 2), "40002 40002");
  assertEquals(call.answer(ANSWER_TOGETHER, 2), "40000 40000");
  const callee = { fromTag: "callee", toTag: "caller" };
  assertEquals(call.offer(ANSWER_TOGETHER, 3, callee), "40000 40000");
  assertEquals(call.answer(TOGETHER, 3, callee), "40002 40002");
  assertEquals(call.leased.length, 4);
});

Deno.test("Relay gives an offer that is bundled from the start one port, and takes a third stream in (RFC 9143 §7.2)", () => {
  const call = new Call();
  assertEquals(call.offer(TOGETHER), "40002 40002");
  assertEquals(call.answer(ANSWER_TOGETHER), "40000 40000");
  assertEquals(call.offer(`${TOGETHER},video:192.0.2.1:6000`, 2), "40002 40002 40002");
  assertEquals(call.answer(`${ANSWER_TOGETHER},video:192.0.2.2:7000`, 2), "40000 40000 40000");
  assertEquals(call.ports, 4);
});

Deno.test("Relay bundles a stream that was offered without a port (bundle-only, RFC 9143 §6)", () => {
  const call = new Call();
  assertEquals(call.offer("audio:192.0.2.1:6000,video:192.0.2.1:0"), "40002 0");
  assertEquals(call.answer(ANSWER_TOGETHER), "40000 40000");
  assertEquals(call.offer(TOGETHER, 2), "40002 40002");
  assertEquals(call.ports, 4);
});

Deno.test("Relay leaves streams that an answer does not bundle apart, and fax always (RFC 9143 §7.3.3)", () => {
  const call = new Call();
  call.offer(APART);
  assertEquals(call.answer(ANSWER_APART), "40000 40004");
  const fax = new Call();
  assertEquals(fax.offer("audio:192.0.2.1:6000,image:192.0.2.1:6000"), "40002 40006");
  const first = new Call();
  assertEquals(first.offer("image:192.0.2.1:6000,audio:192.0.2.1:6000"), "40002 40006");
});

Deno.test("Relay keeps a bundle that was offered where an answer takes it apart, which it must not (RFC 9143 §7.3.3)", () => {
  const call = new Call();
  call.offer(TOGETHER);
  assertEquals(call.answer(ANSWER_APART), "40000 40000");
  call.host.arrive(40000, "192.0.2.1:6000");
  assertEquals(call.host.sockets.takeSent(), ["40002 > 192.0.2.2:7000"]);
});

Deno.test("Relay carries a bundle's media, and multiplexed RTCP, and counts them once (RFC 5761, RFC 9143 §9)", () => {
  const call = new Call();
  call.offer(APART);
  call.answer(ANSWER_TOGETHER);
  for (const packet of [rtp({ ssrc: 1 }), rtp({ ssrc: 2, payloadType: 96 }), rtcp()]) {
    assertEquals(call.host.arrive(40000, "192.0.2.1:6000", packet), "forward");
  }
  assertEquals(call.host.sockets.takeSent(), Array(3).fill("40002 > 192.0.2.2:7000"));
  const { streams } = call.remove();
  assertEquals(streams.map(({ caller_packets }) => caller_packets), [3, 0]);
  assertEquals(streams.map(({ caller_local }) => caller_local), Array(2).fill("192.0.2.100:40000"));
  assertEquals(streams.map(({ caller_remote }) => caller_remote), Array(2).fill("192.0.2.1:6000"));
});

Deno.test("Relay ends no stream of a bundle while the bundle carries, and all when it is silent", () => {
  const call = new Call();
  call.offer(APART);
  call.answer(ANSWER_TOGETHER);
  for (let second = 0; second < 600; second += 10) {
    call.host.arrive(40000, "192.0.2.1:6000", rtp({ sequenceNumber: second }));
    call.host.advance(10_000);
  }
  assertEquals(call.host.relay.summary().stream_count, { audio: 1, video: 1 });
  call.host.advance(TIMEOUTS.idleTimeoutMs);
  assertEquals(
    call.host.expired[0]!.statistics.streams.map(({ status }) => status),
    Array(2).fill("conntrack timeout"),
  );
  assertEquals(call.leased, []);
});

Deno.test("Relay keeps a bundle's port while one of its streams lives, and follows that one's SDP (RFC 9143 §7.5.3)", () => {
  const call = new Call();
  call.offer(APART);
  call.answer(ANSWER_TOGETHER);
  call.host.arrive(40000, "192.0.2.1:6000");
  assertEquals(call.offer("audio:192.0.2.1:0,video:192.0.2.1:6000", 2), "0 40002");
  assertEquals(call.answer("audio:192.0.2.2:0,video:192.0.2.2:7000", 2), "0 40000");
  assertEquals(call.leased.length, 4);
  assertEquals(call.host.arrive(40000, "192.0.2.1:6000"), "forward");
  assertEquals(call.answer("audio:192.0.2.2:0,video:192.0.2.2:7700", 2), "0 40000");
  call.host.sockets.takeSent();
  call.host.arrive(40000, "192.0.2.1:6000");
  assertEquals(call.host.sockets.takeSent(), ["40002 > 192.0.2.2:7700"]);
  assertEquals(call.remove().streams.map(({ status }) => status), ["closed", "closed"]);
  assertEquals(call.leased, []);
});

Deno.test("Relay rejects one stream of a bundle without harm to the others (RFC 3264 §6)", () => {
  const call = new Call();
  call.offer(TOGETHER);
  assertEquals(call.answer("audio:192.0.2.2:7000,video:192.0.2.2:0"), "40000 0");
  assertEquals(call.host.arrive(40000, "192.0.2.1:6000"), "forward");
});
