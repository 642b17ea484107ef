import { assert, assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { decodeOctets, encodeOctets } from "../sip/octets.ts";
import type { Framed } from "./framing.ts";
import { WebSocketFraming } from "./web_socket_framing.ts";

const TEXT = 1;
const BINARY = 2;
const MASK = [0x37, 0xfa, 0x21, 0x3d];

/** A frame as a client sends it. */
function frame(opcode: number, payload: string, { isFinal = true, mask = MASK as number[] | undefined } = {}): string {
  const length = payload.length < 126
    ? [payload.length]
    : payload.length < 65_536
    ? [126, payload.length >> 8, payload.length & 255]
    : [127, 0, 0, 0, 0, 0, payload.length >> 16, (payload.length >> 8) & 255, payload.length & 255];
  length[0]! |= mask === undefined ? 0 : 0x80;
  const bytes = [...payload].map((it, index) => it.charCodeAt(0) ^ (mask?.[index & 3] ?? 0));
  return decodeOctets(new Uint8Array([(isFinal ? 0x80 : 0) | opcode, ...length, ...mask ?? [], ...bytes]));
}

function push(octets: string, framing = new WebSocketFraming()): Framed[] {
  return framing.push(encodeOctets(octets));
}

const message = (text: string): Framed => ({ kind: "message", text });

Deno.test("WebSocketFraming reads a masked text (RFC 6455 §5.7)", () => {
  const bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
  assertEquals(new WebSocketFraming().push(new Uint8Array(bytes)), [message("Hello")]);
});

Deno.test("WebSocketFraming reads text and bytes of any length, and fragments with a ping between them (§5.4)", () => {
  for (const length of [125, 126, 65_535, 65_536, 320 * 1024]) {
    const text = "x".repeat(length);
    assertEquals(push(frame(TEXT, text)), [message(text)]);
    assertEquals(push(frame(BINARY, text)), [message(text)]);
  }
  const fragments = frame(TEXT, "INV", { isFinal: false }) + frame(9, "are you there") +
    frame(0, "ITE ", { isFinal: false }) + frame(0, "sip:");
  assertEquals(push(fragments), [{ kind: "keepalive", answer: "\x8a\x0dare you there" }, message("INVITE sip:")]);
});

Deno.test("WebSocketFraming gives the same, however the bytes come", () => {
  const items = fc.array(
    fc.record({
      opcode: fc.constantFrom(TEXT, BINARY, 9, 10),
      payload: fc.string({ maxLength: 100, unit: "binary-ascii" }),
    }),
    { maxLength: 5 },
  );
  fc.assert(fc.property(items, fc.array(fc.integer({ min: 1, max: 40 })), (list, cuts) => {
    const bytes = encodeOctets(list.map(({ opcode, payload }) => frame(opcode, payload)).join(""));
    const whole = new WebSocketFraming().push(bytes);
    const framing = new WebSocketFraming();
    const pieces: Framed[] = [];
    let start = 0;
    for (const cut of [...cuts, bytes.length]) {
      pieces.push(...framing.push(bytes.subarray(start, start + cut)));
      start = Math.min(start + cut, bytes.length);
    }
    assertEquals(pieces, whole);
    assertEquals(whole.length, list.length);
  }));
});

Deno.test("WebSocketFraming takes any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    const framing = new WebSocketFraming();
    const items = [...framing.push(bytes), ...framing.push(bytes)];
    assert(
      items.filter(({ kind }) => kind === "fault" || kind === "end").length <= 1,
      "after its end there is nothing",
    );
  }));
});

for (
  const [what, octets, code] of [
    ["a frame without mask", frame(TEXT, "x", { mask: undefined }), 1002],
    ["a reserved bit", "\xc1" + frame(TEXT, "x").slice(1), 1002],
    ["an opcode that is none", frame(3, "x"), 1002],
    ["a ping in fragments", frame(9, "x", { isFinal: false }), 1002],
    ["a ping that is too long", frame(9, "x".repeat(126)), 1002],
    ["a continuation of nothing", frame(0, "x"), 1002],
    ["a message within another", frame(TEXT, "x", { isFinal: false }) + frame(TEXT, "y"), 1002],
    ["a message that is too long", frame(TEXT, "x".repeat(320 * 1024 + 1)).slice(0, 20), 1009],
    ["a length beyond all bounds", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1009],
    [
      "fragments that are too long",
      frame(TEXT, "x".repeat(200 * 1024), { isFinal: false }) + frame(0, "x".repeat(200 * 1024)),
      1009,
    ],
  ] as const
) {
  Deno.test(`WebSocketFraming ends after ${what}, and says ${code} (§7.4.1)`, () => {
    const framing = new WebSocketFraming();
    const items = push(octets + "\0".repeat(14), framing);
    assertEquals(items.at(-1)?.kind, "fault");
    assertEquals(framing.farewell, `\x88\x02${String.fromCharCode(code >> 8, code & 255)}`);
    assertEquals(push(frame(TEXT, "late"), framing), []);
  });
}

Deno.test("WebSocketFraming hears the end, and says its own (§5.5.1)", () => {
  const framing = new WebSocketFraming();
  assertEquals(push(frame(8, "\x03\xe8bye"), framing), [{ kind: "end", reason: "the peer closed it" }]);
  assertEquals(framing.farewell, "\x88\x02\x03\xe8");
  assertEquals(push(frame(TEXT, "late"), framing), []);
});

Deno.test("WebSocketFraming writes text, and as bytes what is no UTF-8 (RFC 7118 §5)", () => {
  const framing = new WebSocketFraming();
  assertEquals(framing.frame("Hello"), "\x81\x05Hello"); // RFC 6455 §5.7
  assertEquals(framing.frame("\xc3\xa9"), "\x81\x02\xc3\xa9");
  assertEquals(framing.frame("\xe9"), "\x82\x01\xe9");
  assertEquals(framing.frame("x".repeat(256)).slice(0, 4), "\x81\x7e\x01\x00"); // RFC 6455 §5.7
  assertEquals(framing.frame("x".repeat(65_536)).slice(0, 10), "\x81\x7f\0\0\0\0\0\x01\0\0");
});

Deno.test("WebSocketFraming answers CRLF CRLF, and takes CRLF for an answer (RFC 5626 §3.5.1)", () => {
  assertEquals(push(frame(TEXT, "\r\n\r\n")), [{ kind: "keepalive", answer: "\x81\x02\r\n" }]);
  assertEquals(push(frame(TEXT, "\r\n") + frame(TEXT, "")), [
    { kind: "keepalive", answer: "" },
    { kind: "keepalive", answer: "" },
  ]);
});

Deno.test("WebSocketFraming knows whether something is unfinished", () => {
  const framing = new WebSocketFraming();
  const bytes = frame(TEXT, "Hello", { isFinal: false });
  assertEquals(framing.isUnfinished, false);
  push(bytes.slice(0, 1), framing);
  assertEquals(framing.isUnfinished, true);
  push(bytes.slice(1), framing);
  assertEquals(framing.isUnfinished, true, "its other fragments");
  push(frame(0, "!"), framing);
  assertEquals(framing.isUnfinished, false);
});
