import { assertEquals, assertStringIncludes, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { decodeUpdate } from "../control/commands.ts";
import { parseSignalingIp } from "../control/signaling_ip.ts";
import { RequestFramer } from "../control/request.ts";
import { encodeOctets } from "../sip/octets.ts";
import { RequestError, serializeRemove, serializeUpdate, signalingIpValue, type UpdateFacts } from "./request.ts";

const FACTS: UpdateFacts = {
  type: "request",
  dialogId: "",
  callId: "1-24817@127.0.0.1",
  cseq: 1,
  fromUri: "sip:alice@example.com",
  toUri: "sip:bob@example.net",
  fromTag: "24817uac1",
  toTag: "",
  userAgent: "Test UA/1.0 (caller)",
  signalingIp: "127.0.0.1",
  mediaRelay: "",
  learning: "",
  media: [{ type: "audio", address: "127.0.0.1", port: 6000, direction: "sendrecv", ice: false }],
};

function headerOf(text: string, name: string): string | undefined {
  return text.split("\r\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
}

Deno.test("serializeUpdate() writes the original's headers in its order, empty ones too (PROTOCOL §1)", () => {
  assertEquals(
    serializeUpdate(FACTS),
    [
      "update",
      "type: request",
      "dialog_id: ",
      "call_id: 1-24817@127.0.0.1",
      "cseq: 1",
      "from_uri: alice@example.com",
      "to_uri: bob@example.net",
      "from_tag: 24817uac1",
      "to_tag: ",
      "user_agent: Test UA/1.0 (caller)",
      "signaling_ip: 127.0.0.1",
      "media_relay: ",
      "media: audio:127.0.0.1:6000:sendrecv:ice=no",
      "\r\n",
    ].join("\r\n"),
  );
});

Deno.test("serializeUpdate() leaves media out where there is no SDP", () => {
  assertEquals(headerOf(serializeUpdate({ ...FACTS, media: undefined }), "media"), undefined);
});

Deno.test("serializeUpdate() cuts URIs down to the address", () => {
  const uris: [string, string][] = [
    ["sip:alice@example.com;transport=tcp", "alice@example.com"],
    ["SIPS:alice@example.com:5061", "alice@example.com:5061"],
    ["tel:+15551234;phone-context=example.com", "tel:+15551234"],
  ];
  for (const [fromUri, expected] of uris) {
    assertEquals(headerOf(serializeUpdate({ ...FACTS, fromUri }), "from_uri"), expected);
  }
});

Deno.test("serializeUpdate() puts IPv6 in brackets, and joins streams with commas", () => {
  const [stream] = FACTS.media!;
  const media = [{ ...stream!, address: "2001:db8::1" }, { ...stream!, type: "video", ice: true }];
  assertEquals(
    headerOf(serializeUpdate({ ...FACTS, media }), "media"),
    "audio:[2001:db8::1]:6000:sendrecv:ice=no,video:127.0.0.1:6000:sendrecv:ice=yes",
  );
});

Deno.test("serializeRemove() names the session (PROTOCOL §1)", () => {
  assertEquals(
    serializeRemove({ callId: "1@a", fromTag: "x", toTag: "" }),
    "remove\r\ncall_id: 1@a\r\nfrom_tag: x\r\nto_tag: \r\n\r\n",
  );
});

Deno.test("serializeUpdate() lets no value begin a header of its own", () => {
  for (const signalingIp of ["192.0.2.1\r\nmedia_relay: 192.0.2.2", "192.0.2.1\nx: y", "192.0.2.1\r"]) {
    const error = assertThrows(() => serializeUpdate({ ...FACTS, signalingIp }), RequestError);
    assertEquals(error.message, "Cannot send signaling_ip: a line break is in it");
  }
});

Deno.test("serializeUpdate() refuses to write more than dispatchers read", () => {
  const filled = (count: number) => ({ ...FACTS, userAgent: "a".repeat(count) });
  const most = 8192 - serializeUpdate(filled(0)).length;
  assertEquals(serializeUpdate(filled(most)).length, 8192);
  const { message } = assertThrows(() => serializeUpdate(filled(most + 1)), RequestError);
  assertStringIncludes(message, "8193 bytes");
});

Deno.test("serializeUpdate() writes UTF-8 only, as other bytes cost the original its connection (PROTOCOL §6.9)", () => {
  const userAgent = (text: string) => headerOf(serializeUpdate({ ...FACTS, userAgent: text }), "user_agent");
  assertEquals(userAgent("T\xc3\xa9l\xc3\xa9phone"), "T\xc3\xa9l\xc3\xa9phone");
  assertEquals(userAgent("T\xe9l\xe9phone"), "T?l?phone");
  assertEquals(userAgent("\u260e"), "\xe2\x98\x8e"); // from a script, not from a message
});

Deno.test("serializeUpdate() is read by the dispatcher as it was meant, whatever the values are", () => {
  const value = fc.stringMatching(/^[\x21-\x7e]{1,20}$/);
  fc.assert(fc.property(value, value, value, value, (callId, fromTag, toTag, userAgent) => {
    const text = serializeUpdate({ ...FACTS, callId, fromTag, toTag, userAgent });
    const [request, ...others] = new RequestFramer().push(encodeOctets(text));
    assertEquals(others, []);
    if (request === undefined || request instanceof Error) throw request;
    const update = decodeUpdate(request.headers);
    assertEquals([update.callId, update.fromTag, update.toTag, update.userAgent], [callId, fromTag, toTag, userAgent]);
  }));
});

Deno.test("serializeUpdate() adds how the relay is to learn addresses, if the script says so", () => {
  assertEquals(headerOf(serializeUpdate({ ...FACTS, learning: "strict" }), "learning"), "strict");
  assertEquals(headerOf(serializeUpdate(FACTS), "learning"), undefined);
});

Deno.test("signalingIpValue() says where a message goes if that is another network, as JSON (PROTOCOL §1)", () => {
  const told = (source: string, destination?: string) => {
    const signalingIp = parseSignalingIp(signalingIpValue(source, destination));
    return [signalingIp.source, signalingIp.destination];
  };
  assertEquals(told("8.8.8.8"), ["8.8.8.8", undefined]);
  assertEquals(told("8.8.8.8", "9.9.9.9"), ["8.8.8.8", undefined]);
  assertEquals(told("10.0.0.5", "192.168.1.5"), ["10.0.0.5", undefined]);
  assertEquals(told("8.8.8.8", "10.0.0.5"), ["8.8.8.8", "10.0.0.5"]);
  assertEquals(told("8.8.8.8", "2a00::1"), ["8.8.8.8", "2a00::1"]);
  assertEquals(told("fd00::1", "2a00::1"), ["fd00::1", "2a00::1"]);
});
