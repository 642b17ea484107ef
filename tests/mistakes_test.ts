/**
 * The thirteen mistakes of the original that must not come back (PROTOCOL §6), each through the joined machines: a SIP
 * server's request goes in, and what it sees is looked at.
 * @module
 */
import { assert, assertEquals, assertMatch } from "../src/deps/assert.ts";
import { defaultConfig } from "../src/config/mod.ts";
import { serializeRequest } from "../src/control/request.ts";
import { EndDialogClient } from "../src/dispatcher/io/end_dialog_client.ts";
import { removeHeaders, type UpdateFields, updateHeaders } from "./support/control_messages.ts";
import { RecordingLogger } from "./support/fakes.ts";
import { JoinedMachines, type JoinedRelay, type SipConnection } from "./support/joined_machines.ts";
import { relayAddress, type RelayHostOptions } from "./support/relay_host.ts";
import { rtcp, rtp, stun } from "./support/rtp_packets.ts";

const CALLER = "192.0.2.1:6000";
const CALLEE = "192.0.2.2:7000";
const STRANGER = "203.0.113.66:5";

/** A SIP server, a dispatcher, a relay. */
class Lab {
  readonly machines: JoinedMachines;
  readonly relay: JoinedRelay;
  readonly sip: SipConnection;

  constructor(machines = new JoinedMachines(), relay: RelayHostOptions = {}) {
    this.machines = machines;
    this.relay = machines.startRelay(relay);
    this.sip = machines.connectSip();
  }

  update(fields: UpdateFields = {}): string {
    return this.sip.send(serializeRequest("update", updateHeaders(fields))).join(" | ");
  }

  remove(callId?: string, fromTag?: string, toTag?: string): string {
    return this.sip.send(serializeRequest("remove", removeHeaders(callId, fromTag, toTag))).join(" | ");
  }

  answer(fields: UpdateFields = {}): string {
    return this.update({ type: "reply", toTag: "callee", media: `audio:${CALLEE}:sendrecv:ice=no`, ...fields });
  }

  /** Sets up an audio call. */
  call(fields: UpdateFields = {}): void {
    assertMatch(this.update(fields), /^192\.0\.2\.100 \d+$/);
    assertMatch(this.answer({ ...fields, media: `audio:${CALLEE}:sendrecv:ice=no` }), /^192\.0\.2\.100 \d+$/);
  }

  /** A packet of `source` to the port of `party`; returns what became of it. */
  arrive(party: "caller" | "callee", source: string, packet = rtp()): string {
    return this.relay.host.arrive(this.relay.host.localPort("c1", party), source, packet);
  }

  /** Both phones talk for so long. */
  talk(seconds: number, callId = "c1"): void {
    const { host } = this.relay;
    const flows = ([["caller", CALLER], ["callee", CALLEE]] as const).map(([party, source]) =>
      this.machines.startFlow(this.relay, host.localPort(callId, party), source)
    );
    this.machines.advance(seconds * 1000);
    for (const flow of flows) this.machines.stopFlow(flow);
  }

  get sessionsOnRelay(): number {
    return this.relay.host.relay.sessionCount;
  }
}

Deno.test("mistake 1: a media time-out whose SIP server cannot be reached costs a line in the log, and no relay", async () => {
  const folder = Deno.makeTempDirSync();
  const log = new RecordingLogger();
  const paths = { server: `${folder}/nobody`, own: `${folder}/own` };
  const client = new EndDialogClient({ opensips: paths, kamailio: paths }, log);
  const lab = new Lab(new JoinedMachines((request, callId) => client.send(request, callId)));
  lab.call({ callId: "c1", dialogId: "10:20" });
  lab.call({ callId: "c2", dialogId: "42949672980" });
  lab.call({ callId: "c3", dialogId: "neither server's" });
  lab.machines.advance(92_000);
  await client.close();
  Deno.removeSync(folder, { recursive: true });
  assertEquals(lab.machines.endedDialogs.map(({ server }) => server).toSorted(), ["kamailio", "opensips"]);
  const servers = log.messages("error").map((line) => /^cannot ask (\w+) to end the dialog/.exec(line)?.[1]);
  assertEquals(servers.toSorted(), ["kamailio", "opensips"]);
  const accounted = lab.machines.accounted.map(({ call_id, timed_out }) => `${call_id} ${timed_out}`);
  assertEquals(accounted.toSorted(), ["c1 true", "c2 true", "c3 true"]);
  assert(lab.relay.connected);
  lab.call({ callId: "c4" });
});

Deno.test("mistake 2: a request without signaling_ip is answered with ports", () => {
  const lab = new Lab();
  assertEquals(lab.update({ signalingIp: "" }), "192.0.2.100 40002");
  assertEquals(lab.answer({ signalingIp: "" }), "192.0.2.100 40000");
});

Deno.test("mistake 2: only what names the call and orders its messages is needed", () => {
  const lab = new Lab();
  const headers = new Map([["type", "request"], ["call_id", "c1"], ["cseq", "1"], ["from_tag", "caller"]]);
  headers.set("media", `audio:${CALLER}:sendrecv:ice=no`);
  assertEquals(lab.sip.send(serializeRequest("update", headers)), ["192.0.2.100 40002"]);
});

Deno.test("mistake 3: calls outlive a restart of the dispatcher", () => {
  const lab = new Lab();
  lab.call({ dialogId: "10:20" });
  lab.machines.restartDispatcher();
  lab.talk(5);
  lab.relay.connect();
  assertEquals(lab.machines.dispatcher.sessionCount, 1);
  assertEquals(lab.update({ cseq: 2, toTag: "callee", media: `audio:${CALLER}:sendonly` }), "192.0.2.100 40002");
  assertEquals(lab.remove(), "removed");
  const [session] = lab.machines.accounted;
  assertEquals([session!.dialog_id, session!.streams[0]!.caller_packets], ["10:20", 251]);
});

Deno.test("mistake 3: a BYE that comes before the relay is back is obeyed when it is", () => {
  const lab = new Lab();
  lab.call();
  lab.machines.restartDispatcher();
  assertEquals(lab.remove(), "removed");
  lab.relay.connect();
  assertEquals([lab.sessionsOnRelay, lab.machines.accounted.length], [0, 1]);
});

Deno.test("mistake 4: every packet is counted, and a call with media lives", () => {
  const lab = new Lab();
  lab.call();
  lab.talk(600);
  assertEquals(lab.sessionsOnRelay, 1);
  lab.arrive("caller", STRANGER, rtp({ ssrc: 666 }));
  lab.arrive("caller", CALLER, stun());
  lab.relay.host.arrive(lab.relay.host.localPort("c1", "callee") + 1, "192.0.2.2:7001", rtcp());
  lab.remove();
  const { caller_packets, caller_bytes, callee_packets, callee_bytes } = lab.machines.accounted[0]!.streams[0]!;
  assertEquals([caller_packets, caller_bytes], [30_001, 30_001 * 172]);
  assertEquals([callee_packets, callee_bytes], [30_002, 30_001 * 172 + 8]);
});

Deno.test("mistake 4: a call in which only one party sends lives too", () => {
  const lab = new Lab();
  lab.call();
  const flow = lab.machines.startFlow(lab.relay, lab.relay.host.localPort("c1", "callee"), CALLEE);
  lab.machines.advance(400_000);
  assertEquals(lab.sessionsOnRelay, 1);
  lab.machines.stopFlow(flow);
  lab.machines.advance(182_000);
  assertEquals(lab.machines.accounted[0]!.streams[0]!.status, "conntrack timeout");
});

Deno.test("mistake 5: a silent hold ends at on_hold_timeout, and not before", () => {
  const lab = new Lab();
  lab.call();
  lab.talk(2);
  lab.update({ cseq: 2, toTag: "callee", media: `audio:${CALLER}:inactive:ice=no` });
  lab.answer({ cseq: 2, media: `audio:${CALLEE}:inactive:ice=no` });
  lab.machines.advance(7_199_000);
  assertEquals([lab.sessionsOnRelay, lab.machines.accounted.length], [1, 0]);
  lab.machines.advance(2000);
  const [stream] = lab.machines.accounted[0]!.streams;
  assertEquals([stream!.status, stream!.timeout_wait], ["on hold timeout", 7200]);
});

Deno.test("mistake 6: an offer that is never answered has timed out, and ICE is not blamed", () => {
  const lab = new Lab();
  lab.update();
  lab.machines.advance(182_000);
  const { timed_out, all_streams_ice, streams } = lab.machines.accounted[0]!;
  assertEquals({ timed_out, all_streams_ice, streams }, { timed_out: true, all_streams_ice: false, streams: [] });
});

Deno.test("mistake 6: ICE is said to be the reason where it is", () => {
  const lab = new Lab();
  lab.update({ media: `audio:${CALLER}:sendrecv:ice=yes`, dialogId: "10:20" });
  lab.answer({ media: `audio:${CALLEE}:sendrecv:ice=yes` });
  lab.machines.advance(92_000);
  const { timed_out, all_streams_ice } = lab.machines.accounted[0]!;
  assertEquals({ timed_out, all_streams_ice }, { timed_out: false, all_streams_ice: true });
  assertEquals(lab.machines.endedDialogs, []);
});

const NOTHING_TO_RELAY: [string, UpdateFields][] = [
  ["a bad media header", { media: "audio:127.0.0.1:xx:sendrecv:ice=no" }],
  ["a first request without media", { media: "" }],
  ["a first reply without media", { type: "reply", toTag: "callee", media: "" }],
];
for (const [name, fields] of NOTHING_TO_RELAY) {
  Deno.test(`mistake 7: ${name} is answered with error, and leaves no session anywhere`, () => {
    const lab = new Lab();
    assertEquals(lab.update(fields), "error");
    assertEquals([lab.sessionsOnRelay, lab.machines.dispatcher.sessionCount], [0, 0]);
    assertEquals(lab.relay.host.sockets.open.size, 0);
  });
}

Deno.test("mistake 7: IPv6 addresses work", () => {
  const lab = new Lab(undefined, { addresses: [relayAddress("2001:db8::100")] });
  assertEquals(lab.update({ media: "audio:2001:db8::1:6000:sendrecv:ice=no" }), "2001:db8::100 40002");
  lab.answer({ media: "audio:2001:db8::2:7000:sendrecv:ice=no" });
  assertEquals(lab.arrive("caller", "2001:db8::1:6000"), "forward");
  assertEquals(lab.relay.host.sockets.takeSent(), ["40002 > 2001:db8::2:7000"]);
});

Deno.test("mistake 8: two callers' tags under one Call-ID are two sessions, and both end", () => {
  const lab = new Lab();
  assertEquals(lab.update(), "192.0.2.100 40002");
  assertEquals(lab.update({ fromTag: "other" }), "192.0.2.100 40006");
  assertEquals(lab.remove("c1", "other", "x"), "removed");
  assertEquals(lab.remove("c1", "caller", "x"), "removed");
  assertEquals([lab.sessionsOnRelay, lab.machines.dispatcher.sessionCount], [0, 0]);
  assertEquals(lab.machines.accounted.map(({ from_tag }) => from_tag), ["other", "caller"]);
});

Deno.test("mistake 8: of two callees that answer one may leave, and the call ends with the other", () => {
  const lab = new Lab();
  lab.call();
  lab.answer({ toTag: "second", media: "audio:192.0.2.3:8000:sendrecv:ice=no" });
  assertEquals(lab.remove("c1", "caller", "callee"), "removed");
  assertEquals([lab.sessionsOnRelay, lab.machines.accounted.length], [1, 0]);
  lab.arrive("caller", CALLER);
  assertEquals(lab.relay.host.sockets.takeSent(), ["40002 > 192.0.2.3:8000"]);
  assertEquals(lab.remove("c1", "second", "caller"), "removed");
  assertEquals([lab.sessionsOnRelay, lab.machines.accounted.length], [0, 1]);
});

Deno.test("mistake 9: bytes that are not UTF-8 are answered with error, and the connection serves on", () => {
  const lab = new Lab();
  const request = new TextEncoder().encode("remove\r\ncall_id: ??\r\nfrom_tag: a\r\n\r\n");
  request.set([0xff, 0xfe], request.indexOf("?".charCodeAt(0)));
  assertEquals(lab.sip.send(request), ["error"]);
  assertEquals(lab.update(), "192.0.2.100 40002");
});

Deno.test("mistake 9: a header of any length is answered with error, and the connection serves on", () => {
  const lab = new Lab();
  for (const chunkBytes of [Infinity, 4096, 1]) {
    const request = `remove\r\ncall_id: ${"a".repeat(20_000)}\r\nfrom_tag: a\r\n\r\n`;
    assertEquals(lab.sip.send(request, chunkBytes), ["error"]);
  }
  assertEquals(lab.update(), "192.0.2.100 40002");
});

Deno.test("mistake 10: a stranger's first packet does not take a call over", () => {
  const lab = new Lab();
  lab.call();
  lab.arrive("caller", STRANGER, rtp({ ssrc: 666 }));
  lab.machines.advance(60_000);
  assertEquals(lab.arrive("caller", CALLER), "forward");
  assertEquals(lab.arrive("caller", STRANGER, rtp({ ssrc: 666, sequenceNumber: 2 })), "wrong source");
  lab.remove();
  const [stream] = lab.machines.accounted[0]!.streams;
  assertEquals([stream!.caller_remote, stream!.dropped!.undecided, stream!.dropped!.wrong_source], [CALLER, 1, 1]);
});

Deno.test("mistake 10: a phone behind NAT is preferred by where its SIP messages come from", () => {
  const lab = new Lab();
  const fields = { media: "audio:10.0.0.5:6000:sendrecv:ice=no", signalingIp: "198.51.100.7" };
  lab.update(fields);
  lab.answer();
  lab.arrive("caller", STRANGER, rtp({ ssrc: 666 }));
  assertEquals(lab.arrive("caller", "198.51.100.7:33000"), "forward");
  assertEquals(lab.arrive("callee", CALLEE), "forward");
  assertEquals(lab.relay.host.sockets.takeSent().at(-1), "40000 > 198.51.100.7:33000");
});

Deno.test("mistake 10: a NAT that gives a call another port in the middle is followed", () => {
  const lab = new Lab();
  lab.update({ signalingIp: "203.0.113.1" });
  lab.answer();
  lab.arrive("caller", "203.0.113.1:5000", rtp({ sequenceNumber: 10 }));
  lab.machines.advance(1000);
  assertEquals(lab.arrive("caller", "203.0.113.1:5999", rtp({ sequenceNumber: 11 })), "forward");
  lab.arrive("callee", CALLEE);
  assertEquals(lab.relay.host.sockets.takeSent().at(-1), "40000 > 203.0.113.1:5999");
});

Deno.test("mistake 11: two relays behind one address live side by side", () => {
  const lab = new Lab();
  const other = lab.machines.startRelay({ firstPort: 50_000, endPort: 50_100 });
  assert(lab.relay.connected && other.connected);
  const calls = Array.from({ length: 20 }, (_, index) => `c${index}`);
  for (const callId of calls) lab.call({ callId });
  const counts = [lab.sessionsOnRelay, other.host.relay.sessionCount];
  assert(counts.every((count) => count > 0), `calls on the relays: ${counts}`);
  for (const callId of calls) assertEquals(lab.remove(callId), "removed");
  assertEquals([lab.sessionsOnRelay, other.host.relay.sessionCount], [0, 0]);
});

Deno.test("mistake 11: a relay that connects again replaces only itself", () => {
  const lab = new Lab();
  const other = lab.machines.startRelay({ firstPort: 50_000, endPort: 50_100 });
  lab.call();
  const again = lab.machines.startRelay({ firstPort: 50_000, endPort: 50_100 });
  assertEquals([lab.relay.connected, other.connected, again.connected], [true, false, true]);
  assertEquals(other.cut, ["the relay has connected again"]);
  assertEquals(lab.remove(), "removed");
});

Deno.test("mistake 12: management listens on loopback unless told otherwise", () => {
  const { listenManagement, managementUseTls } = defaultConfig().dispatcher;
  assertEquals(listenManagement, { hostname: "127.0.0.1", port: 25061 });
  assertEquals(managementUseTls, true);
});

Deno.test("mistake 13: an offer that is sendonly from the start waits stream_timeout for media, not the hold's two hours", () => {
  const lab = new Lab();
  lab.update({ media: `audio:${CALLER}:sendonly:ice=no` });
  lab.answer({ media: `audio:${CALLEE}:recvonly:ice=no` });
  lab.machines.advance(89_000);
  assertEquals(lab.sessionsOnRelay, 1);
  lab.machines.advance(2000);
  const [stream] = lab.machines.accounted[0]!.streams;
  assertEquals([stream!.status, stream!.timeout_wait], ["no-traffic timeout", 90]);
});
