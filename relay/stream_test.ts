import { assertEquals, assertThrows } from "../src/deps/assert.ts";
import { type MediaDescription, parseMediaHeader } from "../src/control/media_header.ts";
import { RelayEnvironment, TIMEOUTS } from "../tests/support/relay_environment.ts";
import { rtcp, rtp, udptl } from "../tests/support/rtp_packets.ts";
import { PortsExhaustedError } from "./port_pool.ts";
import { type Signalled, Stream } from "./stream.ts";

const CALLER = "192.0.2.1:6000";
const CALLEE = "192.0.2.2:7000";
const { streamTimeoutMs, onHoldTimeoutMs, idleTimeoutMs } = TIMEOUTS;

/** One entry of a `media` header. */
function media(text: string): MediaDescription {
  return parseMediaHeader(text)[0]!;
}

function signalled(text: string, signalingAddress = ""): Signalled {
  return { media: media(text), signalingAddress };
}

/** A stream that the caller has offered at 0 ms and, unless told otherwise, the callee answered at 1000 ms. */
function stream({ offer = `audio:${CALLER}:sendrecv:ice=no`, answer = `audio:${CALLEE}:sendrecv:ice=no` } = {}) {
  const env = new RelayEnvironment();
  const made = new Stream(env, env, "caller", signalled(offer), env.both, 0);
  if (answer !== "") {
    made.update("callee", signalled(answer), 1000);
    made.confirm(1000);
  }
  return { env, stream: made };
}

Deno.test("new Stream() leases a pair of ports for each party (PROTOCOL §4)", () => {
  const { stream: made, env } = stream();
  assertEquals([made.portFor("caller"), made.portFor("callee")], [40000, 40002]);
  assertEquals([...env.sockets.open.keys()], [40000, 40001, 40002, 40003]);
});

Deno.test("new Stream() gives back its first pair when there is no second", () => {
  const env = new RelayEnvironment(40002);
  assertThrows(() => new Stream(env, env, "caller", signalled(`audio:${CALLER}`), env.both, 0), PortsExhaustedError);
  assertEquals(env.ports.leasedPairs, 0);
});

Deno.test("new Stream() needs no ports for a stream that is offered disabled (RFC 3264 §5.1)", () => {
  const { stream: made, env } = stream({ offer: "audio:192.0.2.1:0:sendrecv:ice=no", answer: "" });
  assertEquals([made.portFor("caller"), made.leasedPort("callee"), env.sockets.open.size], [0, 0, 0]);
  assertEquals(made.legs("caller"), []);
  made.close("closed", 5);
  assertEquals(made.alive, false);
});

Deno.test("Stream sends RTP and RTCP to the next port of the SDP's address (RFC 3550 §11)", () => {
  const { stream: made, env } = stream();
  assertEquals(env.send(made, "callee", CALLEE, 0), "forward");
  assertEquals(env.send(made, "callee", "192.0.2.2:7001", 0, rtcp(), 1), "forward");
  assertEquals(env.sockets.takeSent(), ["40000 > 192.0.2.1:6000", "40001 > 192.0.2.1:6001"]);
});

Deno.test("Stream.toString() shows both parties, what was learnt of them, and the ports between", () => {
  const { stream: made, env } = stream({ offer: `audio:${CALLER}:sendonly:ice=yes` });
  made.update("caller", signalled(`audio:${CALLER}:sendonly:ice=yes`, "203.0.113.1"), 0);
  env.send(made, "caller", "203.0.113.1:6500", 0);
  assertEquals(
    `${made}`,
    "(audio) 192.0.2.1:6000 ON HOLD (ICE) (RTP: 203.0.113.1:6500, RTCP: Unknown) <-> 40000 <-> 40002 <-> " +
      "192.0.2.2:7000 (RTP: Unknown, RTCP: Unknown)",
  );
});

const CONTINUES: [string, boolean][] = [
  ["audio:192.0.2.1:6000", true],
  ["audio:192.0.2.1:0", true],
  ["audio:0.0.0.0:6000", true],
  ["audio:192.0.2.1:6002", false],
  ["audio:192.0.2.3:6000", false],
  ["audio:0.0.0.0:6002", false],
  ["video:192.0.2.1:6000", false],
  ["image:192.0.2.1:6000", false],
];
for (const [text, expected] of CONTINUES) {
  Deno.test(`Stream.continues() is ${expected} for ${text} after audio:192.0.2.1:6000 (RFC 3264 §8)`, () => {
    assertEquals(stream().stream.continues("caller", media(text)), expected);
  });
}

Deno.test("Stream.continues() knows the stream again that was held with 0.0.0.0 from the start (RFC 3264 §8.4)", () => {
  const { stream: made } = stream({ offer: "audio:0.0.0.0:6000" });
  assertEquals(made.continues("caller", media("audio:192.0.2.1:6000")), true);
  assertEquals(made.continues("caller", media("audio:192.0.2.1:6002")), false);
});

Deno.test("Stream.continues() is false for an ended stream, and for one without ports that now wants some", () => {
  const { stream: made } = stream();
  made.close("closed", 5);
  assertEquals(made.continues("caller", media("audio:192.0.2.1:6000")), false);
  const { stream: disabled } = stream({ offer: "audio:192.0.2.1:0" });
  assertEquals(disabled.continues("caller", media("audio:192.0.2.1:0")), true);
  assertEquals(disabled.continues("caller", media("audio:192.0.2.1:6000")), false);
});

Deno.test("Stream.continues() compares with what that party said, not with the other", () => {
  const { stream: made } = stream();
  assertEquals(made.continues("callee", media("audio:192.0.2.2:7000")), true);
  assertEquals(made.continues("callee", media("audio:192.0.2.1:6000")), false);
});

Deno.test("Stream.update() says what an SDP means for the stream", () => {
  const { stream: made } = stream({ answer: "" });
  const update = (text: string) => made.update("callee", signalled(text), 0);
  assertEquals(update("audio:192.0.2.2:7000"), "accepted");
  assertEquals(update("audio:192.0.2.2:7000"), "retained");
  assertEquals(update("audio:0.0.0.0:7000"), "retained");
  assertEquals(update("audio:192.0.2.2:7000"), "retained");
  assertEquals(update("audio:192.0.2.2:7002"), "updating");
  assertEquals(update("audio:192.0.2.2:0"), "disabled");
});

Deno.test("Stream.update() learns anew when a party moves, and ignores its old address (PROTOCOL §4)", () => {
  const { stream: made, env } = stream();
  env.send(made, "callee", CALLEE, 0);
  made.update("callee", signalled("audio:192.0.2.2:7400"), 2000);
  assertEquals(env.send(made, "callee", CALLEE, 2001), "obsolete source");
  assertEquals(env.send(made, "callee", "192.0.2.2:7400", 2002), "forward");
  assertEquals(env.events, [
    "callee rtp learnt 192.0.2.2:7000",
    "lost rtp 192.0.2.2:7000",
    "callee rtp learnt 192.0.2.2:7400",
  ]);
});

Deno.test("Stream.update() does not learn anew for a hold with 0.0.0.0 and its end (RFC 3264 §8.4)", () => {
  const { stream: made, env } = stream();
  env.send(made, "caller", CALLER, 0);
  for (const text of ["audio:0.0.0.0:6000", `audio:${CALLER}`]) {
    made.update("caller", signalled(text), 1);
    assertEquals(made.legs("caller")[0]!.remote, CALLER);
  }
  assertEquals(made.onHold, false);
});

Deno.test("Stream.update() tells the legs where the party's SIP messages come from (PROTOCOL §6.10)", () => {
  const { stream: made, env } = stream({ answer: "" });
  made.update("callee", signalled("audio:10.0.0.5:7000", "198.51.100.7"), 0);
  env.send(made, "callee", "203.0.113.66:5", 0);
  assertEquals(env.send(made, "callee", "198.51.100.7:33000", 0), "forward");
});

const HOLDS: [string, boolean][] = [
  ["audio:192.0.2.1:6000:sendrecv", false],
  ["audio:192.0.2.1:6000:recvonly", false],
  ["audio:192.0.2.1:6000:sendonly", true],
  ["audio:192.0.2.1:6000:inactive", true],
  ["audio:0.0.0.0:6000:sendrecv", true],
];
for (const [text, held] of HOLDS) {
  Deno.test(`Stream.onHold is ${held} after ${text} (RFC 3264 §8.4)`, () => {
    const { stream: made } = stream();
    made.update("caller", signalled(text), 2000);
    assertEquals([made.onHold, made.status], [held, held ? "on hold" : "active"]);
  });
}

Deno.test("Stream.onHold lasts until neither party holds (RFC 3264 §8.4)", () => {
  const { stream: made } = stream();
  made.update("caller", signalled(`audio:${CALLER}:sendonly`), 2000);
  made.update("callee", signalled(`audio:${CALLEE}:inactive`), 2000);
  made.update("caller", signalled(`audio:${CALLER}:sendrecv`), 3000);
  assertEquals(made.onHold, true);
  made.update("callee", signalled(`audio:${CALLEE}:sendrecv`), 3000);
  assertEquals(made.onHold, false);
});

Deno.test("Stream.deadline() without media counts from the last offer or answer (PROTOCOL §4)", () => {
  const { stream: made } = stream();
  const expected = { atMs: 1000 + streamTimeoutMs, status: "no-traffic timeout", waitMs: streamTimeoutMs } as const;
  assertEquals(made.deadline(), expected);
  made.update("callee", signalled(`audio:${CALLEE}`), 5000);
  assertEquals(made.deadline().atMs, 5000 + streamTimeoutMs);
});

Deno.test("Stream.deadline() of an offer is twice stream_timeout, as phones may ring for long", () => {
  const { stream: made } = stream({ answer: "" });
  assertEquals(made.deadline().atMs, 2 * streamTimeoutMs);
  made.confirm(3000);
  assertEquals(made.deadline().atMs, 3000 + streamTimeoutMs);
});

Deno.test("Stream.deadline() without media blames ICE only if both parties do it (PROTOCOL §3)", () => {
  const ice = (offer: string, answer: string) =>
    stream({ offer: `audio:${CALLER}:sendrecv:ice=${offer}`, answer: `audio:${CALLEE}:sendrecv:ice=${answer}` })
      .stream.deadline().status;
  assertEquals(ice("yes", "yes"), "unselected ICE candidate");
  assertEquals(ice("yes", "no"), "no-traffic timeout");
  assertEquals(ice("no", "yes"), "no-traffic timeout");
});

Deno.test("Stream.deadline() with media counts from the last packet of either party (PROTOCOL §4)", () => {
  const { stream: made, env } = stream();
  env.send(made, "caller", CALLER, 2000);
  assertEquals(made.deadline(), { atMs: 2000 + idleTimeoutMs, status: "conntrack timeout", waitMs: idleTimeoutMs });
  env.send(made, "callee", CALLEE, 60_000);
  assertEquals(made.deadline().atMs, 60_000 + idleTimeoutMs);
  env.send(made, "caller", "203.0.113.66:5", 61_000, rtp({ ssrc: 666 }));
  assertEquals(made.deadline().atMs, 60_000 + idleTimeoutMs, "dropped packets keep nothing alive");
});

Deno.test("Stream.deadline() is put off by RTCP neither before media nor after (PROTOCOL §4)", () => {
  const { stream: made, env } = stream();
  env.send(made, "caller", "192.0.2.1:6001", 50_000, rtcp(), 1);
  assertEquals(made.deadline().atMs, 1000 + streamTimeoutMs);
  env.send(made, "caller", CALLER, 60_000);
  env.send(made, "caller", "192.0.2.1:6001", 70_000, rtcp(), 1);
  assertEquals(made.deadline().atMs, 60_000 + idleTimeoutMs);
});

Deno.test("Stream.deadline() of a silent hold is on_hold_timeout after it began, not idle_timeout (PROTOCOL §6.5)", () => {
  const { stream: made, env } = stream();
  env.send(made, "caller", CALLER, 2000);
  made.update("caller", signalled(`audio:${CALLER}:inactive`), 3000);
  const expected = { atMs: 3000 + onHoldTimeoutMs, status: "on hold timeout", waitMs: onHoldTimeoutMs } as const;
  assertEquals(made.deadline(), expected);
  made.update("callee", signalled(`audio:${CALLEE}:recvonly`), 3100);
  assertEquals(made.deadline(), expected);
});

Deno.test("Stream.deadline() of a hold is not put off by music, but by media both ways (PROTOCOL §4)", () => {
  const { stream: made, env } = stream();
  made.update("caller", signalled(`audio:${CALLER}:sendonly`), 3000);
  env.send(made, "caller", CALLER, 7_000_000);
  assertEquals(made.deadline().atMs, 3000 + onHoldTimeoutMs);
  env.send(made, "callee", CALLEE, 7_000_100);
  assertEquals(made.deadline().atMs, 7_000_000 + onHoldTimeoutMs);
});

Deno.test("Stream.deadline() of a one-way stream counts from the last packet, so that none is cut (PROTOCOL §6.4)", () => {
  const { stream: made, env } = stream({ offer: `video:${CALLER}:sendonly`, answer: `video:${CALLEE}:recvonly` });
  env.send(made, "caller", CALLER, 9_000_000);
  assertEquals(made.deadline(), {
    atMs: 9_000_000 + onHoldTimeoutMs,
    status: "on hold timeout",
    waitMs: onHoldTimeoutMs,
  });
});

Deno.test("Stream.deadline() of a call that was up gets the hold's patience, also if it never had media (PROTOCOL §4)", () => {
  const { stream: made } = stream();
  made.update("caller", signalled(`audio:${CALLER}:sendonly`), 3000);
  assertEquals(made.deadline().status, "on hold timeout");
});

Deno.test("Stream.deadline() of an offer that is sendonly from the start is stream_timeout before media (PROTOCOL §6.13)", () => {
  const { stream: made, env } = stream({ offer: `audio:${CALLER}:sendonly`, answer: `audio:${CALLEE}:recvonly` });
  assertEquals(made.onHold, true);
  assertEquals(made.deadline(), {
    atMs: 1000 + streamTimeoutMs,
    status: "no-traffic timeout",
    waitMs: streamTimeoutMs,
  });
  env.send(made, "caller", CALLER, 2000);
  assertEquals(made.deadline().status, "on hold timeout");
});

Deno.test("Stream.deadline() after a hold counts idle time from its end (PROTOCOL §4)", () => {
  const { stream: made, env } = stream();
  env.send(made, "caller", CALLER, 2000);
  made.update("caller", signalled(`audio:${CALLER}:sendonly`), 3000);
  made.update("caller", signalled(`audio:${CALLER}:sendrecv`), 3_600_000);
  assertEquals(made.deadline().atMs, 3_600_000 + idleTimeoutMs);
});

Deno.test("Stream.deadline() of a disabled stream is that of a hold, once it is answered", () => {
  const { stream: made } = stream({ offer: "audio:192.0.2.1:0", answer: "" });
  const offered = { atMs: 2 * streamTimeoutMs, status: "on hold timeout", waitMs: 2 * streamTimeoutMs } as const;
  assertEquals(made.deadline(), offered);
  made.confirm(1000);
  assertEquals(made.deadline(), { atMs: 1000 + onHoldTimeoutMs, status: "on hold timeout", waitMs: onHoldTimeoutMs });
});

Deno.test("Stream lets the party's RTCP follow when a NAT has moved its RTP (PROTOCOL §6.10)", () => {
  const { stream: made, env } = stream();
  made.update("caller", signalled(`audio:${CALLER}`, "203.0.113.5"), 0);
  env.send(made, "caller", "203.0.113.5:5000", 0, rtp({ sequenceNumber: 1 }));
  env.send(made, "caller", "203.0.113.5:5001", 0, rtcp(), 1);
  env.send(made, "caller", "203.0.113.5:5900", 1000, rtp({ sequenceNumber: 2 }));
  assertEquals(env.send(made, "caller", "203.0.113.5:5901", 1000, rtcp(), 1), "forward");
  assertEquals(env.events.slice(2), [
    "lost rtcp 203.0.113.5:5001",
    "caller rtp rebound 203.0.113.5:5900",
    "caller rtcp learnt 203.0.113.5:5901",
  ]);
});

Deno.test("Stream takes anything for media in an image stream only (T.38 §9)", () => {
  const { stream: image, env } = stream({ offer: `image:${CALLER}`, answer: `image:${CALLEE}` });
  assertEquals(env.send(image, "caller", CALLER, 0, udptl(0)), "forward");
  const { stream: audio, env: other } = stream();
  assertEquals(other.send(audio, "caller", CALLER, 0, udptl(0)), "not media");
});

Deno.test("Stream.firstMediaAtMs is the first packet of either party", () => {
  const { stream: made, env } = stream();
  env.send(made, "callee", CALLEE, 1500);
  env.send(made, "caller", CALLER, 1700);
  assertEquals(made.firstMediaAtMs, 1500);
});

Deno.test("Stream.close() gives the ports back once, and keeps status and time of the first close", () => {
  const { stream: made, env } = stream();
  env.send(made, "caller", CALLER, 1500);
  made.close("no-traffic timeout", 2000, 90_000);
  made.close("closed", 3000);
  assertEquals([made.status, made.endedAtMs, made.timeoutWaitMs], ["no-traffic timeout", 2000, 90_000]);
  assertEquals([made.portFor("caller"), made.leasedPort("caller")], [0, 40000]);
  assertEquals(made.legs("caller")[0]!.remote, CALLER);
  assertEquals([env.ports.leasedPairs, env.send(made, "caller", CALLER, 3000)], [0, "late"]);
});
