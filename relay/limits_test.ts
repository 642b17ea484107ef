/** What a relay refuses: loops, and more than a call may have. @module */
import { assert, assertEquals, assertMatch } from "../src/deps/assert.ts";
import { type UpdateFields, updateHeaders } from "../tests/support/control_messages.ts";
import { relayAddress, RelayHost, type RelayHostOptions } from "../tests/support/relay_host.ts";
import { rtp, stun } from "../tests/support/rtp_packets.ts";

const ANSWER: UpdateFields = { type: "reply", toTag: "callee", media: "audio:192.0.2.2:7000" };

function update(host: RelayHost, fields: UpdateFields = {}): string {
  return host.handle("update", updateHeaders(fields));
}

function limited(limits: Partial<NonNullable<RelayHostOptions["limits"]>>): RelayHost {
  return new RelayHost({ limits: { maxStreamsPerSession: 32, maxPacketsPerSecond: Infinity, ...limits } });
}

function refused(host: RelayHost): Record<string, number> | undefined {
  return host.relay.summary().refused;
}

Deno.test("Relay.handle() refuses an SDP with more streams than a call may have, counts it, and keeps what was", () => {
  const host = limited({ maxStreamsPerSession: 2 });
  const three = "audio:192.0.2.1:6000,video:192.0.2.1:6002,video:192.0.2.1:6004";
  assertEquals(update(host, { media: three }), "error");
  assertEquals([host.relay.sessionCount, host.sockets.open.size], [0, 0]);
  assertMatch(host.log.messages("error")[0]!, /3 streams.*max_streams_per_session is 2/);
  assertEquals(update(host, { media: "audio:192.0.2.1:6000,video:192.0.2.1:6002" }), "192.0.2.100 40002 40006");
  update(host, { ...ANSWER, media: "audio:192.0.2.2:7000,video:192.0.2.2:7002" });
  assertEquals(update(host, { media: three, cseq: 2 }), "error");
  assertEquals(host.relay.summary().stream_count, { audio: 1, video: 1 });
  assertEquals(refused(host), { max_streams_per_session: 2, loop: 0 });
});

Deno.test("Relay drops what a party sends beyond max_packets_per_second, counts it, and listens again a second later", () => {
  const host = limited({ maxPacketsPerSecond: 100 });
  update(host);
  update(host, ANSWER);
  const burst = () =>
    Array.from({ length: 150 }, (_, index) => host.arrive(40000, "192.0.2.1:6000", rtp({ sequenceNumber: index })));
  assertEquals(burst().filter((verdict) => verdict === "forward").length, 100);
  assertEquals(host.arrive(40002, "192.0.2.2:7000"), "forward"); // the other party is not to blame
  host.advance(1000);
  assertEquals(burst().filter((verdict) => verdict === "too fast").length, 50);
  assertEquals(host.relay.statistics("")[0]!.streams[0]!.dropped!.too_fast, 100);
});

Deno.test("Relay drops nothing for speed where there is no limit", () => {
  const host = limited({});
  update(host);
  update(host, ANSWER);
  for (let index = 0; index < 50_000; index++) {
    assertEquals(host.arrive(40000, "192.0.2.1:6000", rtp({ sequenceNumber: index })), "forward");
  }
});

Deno.test("Relay.handle() refuses an SDP that says the very port to which its sender sends", () => {
  const host = new RelayHost();
  update(host);
  update(host, ANSWER);
  for (const port of [40000, 40001]) {
    assertEquals(update(host, { cseq: 2, toTag: "callee", media: `audio:192.0.2.100:${port}` }), "error");
  }
  assertEquals(refused(host), { max_streams_per_session: 0, loop: 2 });
  assertEquals(host.arrive(40000, "192.0.2.1:6000"), "forward"); // the call goes on
});

Deno.test("Relay sends nothing back to itself for an SDP that guesses the port which the call will get", () => {
  for (const port of [40000, 40001, 40002, 40003]) {
    const host = new RelayHost();
    update(host, { media: `audio:192.0.2.100:${port}` });
    update(host, ANSWER);
    assertEquals(host.arrive(40002, "192.0.2.2:7000"), "no destination");
    assertEquals(host.arrive(40000, `192.0.2.100:${port}`), "loop");
    assertEquals(host.arrive(40000, `192.0.2.100:${port}`, stun()), "loop");
    assertEquals(host.sockets.takeSent().filter((sent) => sent.includes("192.0.2.100")), []);
  }
});

Deno.test("Relay.handle() leaves a call alone whose SDP it has rewritten already: two proxies, one relay", () => {
  const host = new RelayHost();
  const offered = update(host);
  assertEquals(offered, "192.0.2.100 40002");
  assertEquals(update(host, { media: "audio:192.0.2.100:40002", signalingIp: "192.0.2.77" }), offered);
  const answered = update(host, ANSWER);
  assertEquals(answered, "192.0.2.100 40000");
  assertEquals(update(host, { ...ANSWER, media: "audio:192.0.2.100:40000", signalingIp: "192.0.2.77" }), answered);
  host.arrive(40000, "192.0.2.1:6000");
  host.arrive(40002, "192.0.2.2:7000");
  assertEquals(host.sockets.takeSent(), ["40002 > 192.0.2.2:7000", "40000 > 192.0.2.1:6000"]);
  assertEquals(host.relay.sessionCount, 1);
});

for (const advertised of [undefined, "198.51.100.1"]) {
  Deno.test(`Relay carries a call that passes it twice as two sessions, advertising ${advertised ?? "itself"}`, () => {
    const host = new RelayHost({ addresses: [relayAddress("192.0.2.100", advertised)], isRoutable: () => false });
    const told = advertised ?? "192.0.2.100";
    const carry = () => {
      // What a session sends to the relay's own port arrives there.
      for (let hops = 0; hops < 10; hops++) {
        for (const { fromPort, hostname, port, packet } of host.sockets.sent.splice(0)) {
          if (hostname === "192.0.2.100") host.arrive(port, `192.0.2.100:${fromPort}`, packet);
          else return `${fromPort} > ${hostname}:${port}`;
        }
      }
      return "nowhere";
    };
    update(host, { callId: "a" });
    update(host, { callId: "b", media: `audio:${told}:40002` }); // a B2BUA between: the callee's side of the first
    update(host, { ...ANSWER, callId: "b" });
    update(host, { ...ANSWER, callId: "a", media: `audio:${told}:40004` });
    assertEquals(host.arrive(40006, "192.0.2.2:7000"), "forward");
    carry();
    assertEquals(host.arrive(40000, "192.0.2.1:6000"), "forward");
    assertEquals(carry(), "40006 > 192.0.2.2:7000");
    assertEquals(host.arrive(40006, "192.0.2.2:7000"), "forward");
    assertEquals(carry(), "40000 > 192.0.2.1:6000");
  });
}

Deno.test("Relay forwards nothing in a ring of sessions without a phone, whoever sends into it", () => {
  const host = new RelayHost();
  update(host, { callId: "a", media: "audio:192.0.2.100:40006" });
  update(host, { callId: "b", media: "audio:192.0.2.100:40002" });
  update(host, { ...ANSWER, callId: "b", media: "audio:192.0.2.100:40000" });
  update(host, { ...ANSWER, callId: "a", media: "audio:192.0.2.100:40004" });
  for (const packet of [rtp(), stun()]) {
    for (const port of [40000, 40002, 40004, 40006]) {
      for (let count = 0; count < 20; count++) {
        host.clock.advance(20);
        assert(host.arrive(port, "203.0.113.66:5", packet) !== "forward");
      }
    }
  }
  assertEquals(host.sockets.takeSent(), []);
});
