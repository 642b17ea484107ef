// deno-lint-ignore-file camelcase -- the names of headers are the wire's
import { assertEquals, assertThrows } from "../deps/assert.ts";
import { decodeRemove, decodeUpdate } from "./commands.ts";
import { ControlSyntaxError } from "./errors.ts";
import type { Headers } from "./headers.ts";

/** The least that an `update` needs. */
const NEEDED = { type: "request", call_id: "call", cseq: "1", from_tag: "caller" };

function headers(fields: Record<string, string>): Headers {
  return new Map(Object.entries(fields));
}

Deno.test("decodeUpdate() reads every header (PROTOCOL 1)", () => {
  const update = decodeUpdate(headers({
    type: "reply",
    dialog_id: "763:2543",
    call_id: "1-30686@127.0.0.1",
    cseq: "4294967295",
    from_uri: "alice@example.com",
    to_uri: "bob@example.net",
    from_tag: "30686uac1",
    to_tag: "30668uas1",
    user_agent: "TestUAS/2.0 (callee)",
    signaling_ip: "192.0.2.1_192.0.2.2",
    media_relay: "192.0.2.3",
    media: "audio:127.0.0.1:7000:sendrecv:ice=no",
    learning: "strict",
  }));
  assertEquals(update, {
    type: "reply",
    callId: "1-30686@127.0.0.1",
    cseq: 4294967295,
    fromTag: "30686uac1",
    toTag: "30668uas1",
    fromUri: "alice@example.com",
    toUri: "bob@example.net",
    userAgent: "TestUAS/2.0 (callee)",
    dialogId: "763:2543",
    signalingIp: { source: "192.0.2.1", destination: "192.0.2.2" },
    media: [{ type: "audio", address: "127.0.0.1", port: 7000, direction: "sendrecv", ice: false }],
    learning: "strict",
  });
});

Deno.test("decodeUpdate() needs only what names the call and orders its messages (PROTOCOL 6.2)", () => {
  assertEquals(decodeUpdate(headers(NEEDED)), {
    type: "request",
    callId: "call",
    cseq: 1,
    fromTag: "caller",
    toTag: undefined,
    fromUri: "Unknown",
    toUri: "Unknown",
    userAgent: "Unknown",
    dialogId: undefined,
    signalingIp: undefined,
    media: undefined,
    learning: undefined,
  });
});

Deno.test("decodeUpdate() names the header that is missing", () => {
  for (const name of Object.keys(NEEDED)) {
    const others = Object.entries(NEEDED).filter(([key]) => key !== name);
    assertThrows(() => decodeUpdate(new Map(others)), ControlSyntaxError, `header ${name} is missing`);
  }
});

Deno.test("decodeUpdate() refuses values that mean nothing (events_protocol, bad type, bad cseq)", () => {
  const wrong: Record<string, string>[] = [
    { type: "bogus" },
    { type: "REQUEST" },
    { cseq: "abc" },
    { cseq: "-1" },
    { cseq: "1.5" },
    { cseq: "0x10" },
    { cseq: "4294967296" },
    { cseq: "99999999999" },
    { signaling_ip: "5" },
    { media: "foo:bar" },
    { learning: "stricd" },
  ];
  for (const fields of wrong) {
    assertThrows(() => decodeUpdate(headers({ ...NEEDED, ...fields })), ControlSyntaxError, Object.values(fields)[0]);
  }
});

Deno.test("decodeRemove() reads the tags as they stand (PROTOCOL 1)", () => {
  assertEquals(decodeRemove(headers({ call_id: "call", from_tag: "callee", to_tag: "caller" })), {
    callId: "call",
    fromTag: "callee",
    toTag: "caller",
  });
  assertEquals(decodeRemove(headers({ call_id: "call", from_tag: "caller" })).toTag, undefined);
});

Deno.test("decodeRemove() names the header that is missing (events_protocol, no call_id)", () => {
  assertThrows(() => decodeRemove(headers({ from_tag: "t" })), ControlSyntaxError, "header call_id is missing");
  assertThrows(() => decodeRemove(headers({ call_id: "c" })), ControlSyntaxError, "header from_tag is missing");
});
