import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "../deps/assert.ts";
import { RecordingLogger } from "../../tests/support/fakes.ts";
import type { SipMessage, SipRequest } from "../sip/message.ts";
import { parseMessage } from "../sip/parse_message.ts";
import { type DispatcherClient, DispatcherError } from "./dispatcher_client.ts";
import { type MediaCall, MediaProxy } from "./media_proxy.ts";
import { DEFAULT_SETTINGS, type MediaProxySettings } from "./settings.ts";

const SDP = "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n";
const RELAYED = SDP.replace("c=IN IP4 10.0.0.5", "c=IN IP4 198.51.100.7").replace("49170", "50002");
const ICE_END = `${SDP}a=remote-candidates:1 10.0.0.6 49180\r\n`;
const ICE = `${SDP}a=ice-ufrag:a\r\na=ice-pwd:b\r\na=candidate:1 1 UDP 1 10.0.0.5 49170 typ host\r\n`;

/** A message of a call, with the headers that the module looks at. */
function message(startLine: string, body = "", headers: readonly string[] = [], replyTo = "INVITE"): SipMessage {
  const isRequest = !startLine.startsWith("SIP/2.0");
  const method = isRequest ? startLine.split(" ")[0] : replyTo;
  return parseMessage([
    startLine,
    "Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1",
    "From: Alice <sip:alice@example.com;transport=udp>;tag=a1",
    `To: <sip:bob@example.net>${isRequest ? "" : ";tag=b1"}`,
    "Call-ID: call-1",
    `CSeq: 7 ${method}`,
    ...(body === "" || headers.some((header) => /^Content-Type/i.test(header))
      ? []
      : ["Content-Type: application/sdp"]),
    ...headers,
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n"));
}

const INVITE = "INVITE sip:bob@example.net SIP/2.0";

class Lab implements DispatcherClient {
  readonly log = new RecordingLogger();
  readonly asked: string[] = [];
  answer: string | DispatcherError = "198.51.100.7 50002";
  readonly proxy: MediaProxy;

  constructor(settings: Partial<MediaProxySettings> = {}) {
    this.proxy = new MediaProxy({ ...DEFAULT_SETTINGS, ...settings }, this, this.log);
  }

  ask(request: string): Promise<string> {
    this.asked.push(request);
    return this.answer instanceof Error ? Promise.reject(this.answer) : Promise.resolve(this.answer);
  }

  use(message: SipMessage, more: Partial<MediaCall> = {}): Promise<1 | -1 | -2> {
    return this.proxy.useMediaProxy({ message, sourceAddress: "203.0.113.9", avps: new Map(), ...more });
  }

  /** A header of the last request. */
  header(name: string): string | undefined {
    const lines = this.asked.at(-1)?.split("\r\n") ?? [];
    return lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  }

  /** Warnings, which are one for each -1 that is a fault. */
  get warnings(): string[] {
    for (const { level, fields } of this.log.lines) if (level === "warning") assertEquals(fields.callId, "call-1");
    return this.log.messages("warning");
  }
}

Deno.test("useMediaProxy() puts the relay into the SDP, and returns 1", async () => {
  const lab = new Lab();
  const invite = message(INVITE, SDP);
  assertEquals(await lab.use(invite), 1);
  assertEquals([invite.body, invite.header("content-type")], [RELAYED, "application/sdp"]);
  assertEquals(invite.header("content-length"), String(RELAYED.length));
  assertEquals(lab.asked.length, 1);
  assertEquals(
    ["from_uri", "to_uri", "from_tag", "to_tag", "cseq", "signaling_ip"].map((name) => lab.header(name)),
    ["alice@example.com", "bob@example.net", "a1", "", "7", "203.0.113.9"],
  );
  assertEquals(lab.log.messages(), ["use_media_proxy: 1, the media goes through the relay"]);
});

Deno.test("useMediaProxy() returns -2 without SDP, and asks nobody (PROTOCOL §2)", async () => {
  const lab = new Lab();
  const messages = [
    message(INVITE),
    message("BYE sip:bob@example.net SIP/2.0"),
    message("SIP/2.0 180 Ringing"),
    message("SIP/2.0 202 Accepted"),
    message("SIP/2.0 200 OK", "", [], "BYE"),
    message("INFO sip:bob@example.net SIP/2.0", "Signal=1", ["Content-Type: application/dtmf-relay"]),
  ];
  for (const it of messages) assertEquals([it.serialize(), await lab.use(it)], [it.serialize(), -2]);
  assertEquals(lab.asked, []);
  assertEquals(lab.warnings, []);
});

Deno.test("useMediaProxy() tells the dispatcher of a 200 for an INVITE without SDP (PROTOCOL §1)", async () => {
  const lab = new Lab();
  const ok = message("SIP/2.0 200 OK");
  assertEquals(await lab.use(ok), 1);
  assertEquals([lab.header("type"), lab.header("to_tag"), lab.header("media")], ["reply", "b1", undefined]);
  assertEquals(ok.body, "");
});

Deno.test("useMediaProxy() has nothing to do where no stream can be relayed", async () => {
  const lab = new Lab();
  const body = SDP.replace("RTP/AVP", "TCP/MSRP");
  const invite = message(INVITE, body);
  assertEquals([await lab.use(invite), invite.body, lab.asked.length], [1, body, 0]);
});

Deno.test("useMediaProxy() leaves the end of an ICE negotiation alone, and the reply to it (RFC 8839 §5.2)", async () => {
  const lab = new Lab();
  const update = message("UPDATE sip:bob@example.net SIP/2.0", ICE_END);
  assertEquals([await lab.use(update), update.body], [-1, ICE_END]);
  assertEquals(await lab.use(message("SIP/2.0 200 OK", SDP), { request: update as SipRequest }), -1);
  assertEquals([lab.asked, lab.warnings], [[], []]);
  assertEquals(await lab.use(message("SIP/2.0 200 OK", SDP), { request: message(INVITE, SDP) as SipRequest }), 1);
  assertEquals(await lab.use(message("SIP/2.0 200 OK", ICE_END), { request: message(INVITE, SDP) as SipRequest }), 1);
});

Deno.test("useMediaProxy() returns -1 for an SDP that cannot be relayed, and says why", async () => {
  const lab = new Lab();
  const body = SDP.replace("10.0.0.5\r\nt=", "233.252.0.1/127\r\nt=");
  const invite = message(INVITE, body);
  assertEquals([await lab.use(invite), invite.body, lab.asked.length], [-1, body, 0]);
  assertEquals(lab.warnings, [
    'use_media_proxy: -1, Cannot relay the multicast address "233.252.0.1/127": line 6',
  ]);
});

Deno.test("useMediaProxy() returns -1 if the dispatcher refuses, talks nonsense, or does not answer", async () => {
  const lab = new Lab();
  const timeout = new DispatcherError("timeout", "the dispatcher did not answer within 500 ms");
  for (const answer of ["error", "halting", "None", "", "\xff", "127.0.0.1 65535", timeout]) {
    lab.answer = answer;
    const invite = message(INVITE, SDP);
    assertEquals([answer, await lab.use(invite), invite.body], [answer, -1, SDP]);
  }
  assertEquals(lab.warnings[0], 'use_media_proxy: -1, the dispatcher answered "error"');
  assertEquals(lab.warnings.at(-1), "use_media_proxy: -1, the dispatcher did not answer within 500 ms");
});

Deno.test("useMediaProxy() returns -1 for a request that is too long or would inject a header", async () => {
  const lab = new Lab();
  assertEquals(await lab.use(message(INVITE, SDP, [`User-Agent: ${"a".repeat(9000)}`])), -1);
  assertEquals(await lab.use(message(INVITE, SDP), { avps: new Map([["mp_media_relay", "a\r\nx: y"]]) }), -1);
  assertEquals(lab.asked, []);
  assertEquals(lab.warnings.length, 2);
});

Deno.test("useMediaProxy() does not hide faults of its own", async () => {
  const lab = new Lab();
  lab.answer = new TypeError("a bug") as DispatcherError;
  await assertRejects(() => lab.use(message(INVITE, SDP)), TypeError);
});

Deno.test("useMediaProxy() needs a port for each stream of a request; more streams in a reply are left alone", async () => {
  const lab = new Lab();
  const body = `${SDP}m=video 49172 RTP/AVP 96\r\n`;
  const invite = message(INVITE, body);
  assertEquals([await lab.use(invite), invite.body], [-1, body]);
  assertEquals(lab.warnings, ["use_media_proxy: -1, the dispatcher gave 1 ports for 2 streams"]);
  const ok = message("SIP/2.0 200 OK", body);
  assertEquals(await lab.use(ok), 1);
  assertStringIncludes(ok.body, "m=audio 50002 RTP/AVP 0\r\nc=IN IP4 198.51.100.7\r\n");
  assertStringIncludes(ok.body, "m=video 49172 RTP/AVP 96\r\nc=IN IP4 10.0.0.5\r\n");
  assertEquals(lab.warnings.length, 2);
});

Deno.test("useMediaProxy() takes fewer streams than there are ports", async () => {
  const lab = new Lab();
  lab.answer = "198.51.100.7 50002 50004";
  const ok = message("SIP/2.0 200 OK", SDP);
  assertEquals([await lab.use(ok), ok.body], [1, RELAYED]);
});

Deno.test("useMediaProxy() changes only the SDP of a multipart body (RFC 5621 §3)", async () => {
  const lab = new Lab();
  const type = 'Content-Type: multipart/mixed;boundary="unique"';
  const around = (sdp: string) =>
    `--unique\r\nContent-Type: application/isup\r\n\r\n\x01\xff\x00\r\n--unique\r\n` +
    `Content-Type: application/sdp\r\nContent-Disposition: session\r\n\r\n${sdp}\r\n--unique--\r\n`;
  const invite = message(INVITE, around(SDP), [type]);
  assertEquals(await lab.use(invite), 1);
  assertEquals(invite.body, around(RELAYED));
  assertEquals(invite.header("content-type"), 'multipart/mixed;boundary="unique"');
});

Deno.test("useMediaProxy() tells no tag of those who are ringing (PROTOCOL §1)", async () => {
  const lab = new Lab();
  await lab.use(message("SIP/2.0 183 Session Progress", SDP));
  assertEquals([lab.header("type"), lab.header("to_tag")], ["reply", ""]);
  await lab.use(message("SIP/2.0 200 OK", SDP));
  assertEquals(lab.header("to_tag"), "b1");
});

Deno.test("useMediaProxy() takes a reply's CSeq from the transaction's request (PROTOCOL §2)", async () => {
  const lab = new Lab();
  const request = message(INVITE, SDP) as SipRequest;
  request.setHeader("cseq", "99 INVITE");
  await lab.use(message("SIP/2.0 200 OK", SDP), { request });
  assertEquals(lab.header("cseq"), "99");
});

Deno.test("useMediaProxy() names the user agent: User-Agent, else Server, else unknown agent", async () => {
  const lab = new Lab();
  const agentOf = async (...headers: string[]) => {
    await lab.use(message(INVITE, SDP, headers));
    return lab.header("user_agent");
  };
  assertEquals(await agentOf("Server: s/1", "User-Agent: u/1"), "u/1");
  assertEquals(await agentOf("Server: s/1"), "s/1");
  assertEquals(await agentOf("User-Agent:", "Server: s/1"), "s/1");
  assertEquals(await agentOf(), "unknown agent");
});

Deno.test("useMediaProxy() reads AVPs under the names of today and of the old manual", async () => {
  const lab = new Lab();
  await lab.use(message(INVITE, SDP), { avps: new Map([["signaling_ip", "192.0.2.1"], ["media_relay", "192.0.2.2"]]) });
  assertEquals([lab.header("signaling_ip"), lab.header("media_relay")], ["192.0.2.1", "192.0.2.2"]);
  const avps = new Map([["mp_signaling_ip", "192.0.2.3"], ["signaling_ip", "192.0.2.1"], ["mp_media_relay", ""]]).set(
    "media_relay",
    "192.0.2.2",
  );
  await lab.use(message(INVITE, SDP), { avps });
  assertEquals([lab.header("signaling_ip"), lab.header("media_relay")], ["192.0.2.3", "192.0.2.2"]);
  const other = new Lab({ signalingIpAvp: ["nat_ip"] });
  await other.use(message(INVITE, SDP), { avps: new Map([["nat_ip", "192.0.2.4"], ["signaling_ip", "192.0.2.1"]]) });
  assertEquals(other.header("signaling_ip"), "192.0.2.4");
});

Deno.test("useMediaProxy() names the dialog", async () => {
  const lab = new Lab();
  await lab.use(message(INVITE, SDP), { dialogId: "2324:5896" });
  assertEquals(lab.header("dialog_id"), "2324:5896");
});

Deno.test("useMediaProxy() adds the candidate that the dialog has, else the AVP's, else the setting's", async () => {
  const lab = new Lab({ iceCandidate: "low-priority" });
  const priority = async (more: Partial<MediaCall>) => {
    const invite = message(INVITE, ICE);
    await lab.use(invite, more);
    return /UDP (\d+) \S+ \d+ typ relay/.exec(invite.body)?.[1];
  };
  const high = new Map([["mp_ice_candidate", "High-Priority"]]);
  assertEquals(await priority({}), "16777215");
  assertEquals(await priority({ avps: high }), "2197815295");
  assertEquals(await priority({ avps: high, iceCandidate: "none" }), undefined);
  assertEquals(await priority({ avps: new Map([["ice_candidate", "none"]]) }), undefined);
  assertEquals(lab.log.messages("warning"), []);
  assertEquals(await priority({ avps: new Map([["ice_candidate", "best"]]) }), "16777215");
  assertMatch(lab.log.messages("warning")[0]!, /"best": ignored/);
});

Deno.test("endMediaSession() sends remove for the message that ended the call, or for what it is told", async () => {
  const lab = new Lab();
  lab.answer = "removed";
  assertEquals(await lab.proxy.endMediaSession(message("BYE sip:bob@example.net SIP/2.0")), 1);
  assertEquals(await lab.proxy.endMediaSession({ callId: "c", fromTag: "x", toTag: "y" }), 1);
  assertEquals(lab.asked, [
    "remove\r\ncall_id: call-1\r\nfrom_tag: a1\r\nto_tag: \r\n\r\n",
    "remove\r\ncall_id: c\r\nfrom_tag: x\r\nto_tag: y\r\n\r\n",
  ]);
});

Deno.test("endMediaSession() returns -1 if there was no session, which is no fault, or no answer, which is one", async () => {
  const lab = new Lab();
  const bye = message("BYE sip:bob@example.net SIP/2.0");
  lab.answer = "error";
  assertEquals([await lab.proxy.endMediaSession(bye), lab.warnings], [-1, []]);
  lab.answer = new DispatcherError("unreachable", "nobody listens");
  assertEquals([await lab.proxy.endMediaSession(bye), lab.warnings.length], [-1, 1]);
  lab.answer = "198.51.100.7 50002";
  assertEquals([await lab.proxy.endMediaSession(bye), lab.warnings.length], [-1, 2]);
});

Deno.test("disable makes the functions do nothing", async () => {
  const lab = new Lab({ disabled: true });
  const invite = message(INVITE, SDP);
  assertEquals([await lab.use(invite), invite.body], [-1, SDP]);
  assertEquals(await lab.proxy.endMediaSession(invite), -1);
  assertEquals([lab.asked, lab.warnings, lab.proxy.disabled], [[], [], true]);
});
