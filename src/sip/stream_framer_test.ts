import { assert, assertEquals, assertStringIncludes } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { encodeOctets } from "./octets.ts";
import { type FramedItem, StreamFramer, type StreamLimits } from "./stream_framer.ts";

const PING: FramedItem = { kind: "ping" };

function message(body = "", head = `l: ${body.length}\r\n`): string {
  return `OPTIONS sip:a SIP/2.0\r\n${head}\r\n${body}`;
}

function item(text: string): FramedItem {
  return { kind: "message", text };
}

function frame(chunks: Iterable<string>, limits?: Partial<StreamLimits>): FramedItem[] {
  const framer = new StreamFramer(limits);
  return [...chunks].flatMap((chunk) => framer.push(encodeOctets(chunk)));
}

/** The reason of the only item, which is a fault. */
function faultOf(items: FramedItem[]): string {
  assertEquals(items.length, 1);
  const [fault] = items;
  assert(fault?.kind === "fault");
  return fault.reason;
}

Deno.test("StreamFramer cuts messages by Content-Length (RFC 3261 §18.3)", () => {
  const stream = message("v=0\r\n\r\n") + message() + message("\xff\x00");
  const expected = [item(message("v=0\r\n\r\n")), item(message()), item(message("\xff\x00"))];
  assertEquals(frame([stream]), expected);
  assertEquals(frame(stream), expected);
});

Deno.test("StreamFramer finds Content-Length in every spelling (RFC 3261 §7.3.1, §7.3.3)", () => {
  for (
    const head of [
      "Content-Length: 2",
      "content-length:2",
      "CONTENT-LENGTH \t:\t 2  ",
      "L:2",
      "l : \r\n  2",
      "Content-Length:\r\n\t\r\n 2",
      "Content-Length: 02",
      "l: 2\r\nContent-Length: 2",
      "X-Content-Length: 9\r\nSubject: l: 8\r\n l: 7\r\nl: 2",
    ]
  ) {
    const text = message("hi", `${head}\r\n`);
    assertEquals(frame([text + message()]), [item(text), item(message())], head);
  }
});

Deno.test("StreamFramer skips single CRLFs and reports double ones (RFC 3261 §7.5, RFC 5626 §3.5.1)", () => {
  assertEquals(frame(["\r\n" + message() + "\r\n\r\n" + message("a") + "\r\n\r\n\r\n"]), [
    item(message()),
    PING,
    item(message("a")),
    PING,
  ]);
  assertEquals(frame("\r\n\r\n\r\n\r\n\r\n" + message()), [PING, PING, item(message())]);
});

Deno.test("StreamFramer stops where no message can begin", () => {
  for (const start of ["\x16\x03\x01", "\0", "\n", "\rOPTIONS", " OPTIONS", "\r\n\rx", "<policy-file-request/>"]) {
    const items = frame([start + message()]);
    assertStringIncludes(faultOf(items), "Cannot read the stream: ");
    assertEquals(frame(start + message()), items);
  }
});

Deno.test("StreamFramer does not guess a length that is missing or wrong (RFC 3261 §20.14)", () => {
  assertStringIncludes(faultOf(frame([message("", "To: a\r\n")])), "no Content-Length");
  assertStringIncludes(faultOf(frame([message("", "l: -1\r\n")])), '"-1" as Content-Length');
  assertStringIncludes(faultOf(frame([message("", "l:\r\n")])), '"" as Content-Length');
  assertStringIncludes(faultOf(frame([message("", "l: 1 2\r\n")])), '"1 2" as Content-Length');
  assertStringIncludes(faultOf(frame([message("", "l: 99999999999\r\n")])), "as Content-Length");
  assertStringIncludes(faultOf(frame([message("", "l: 1\r\nContent-Length: 2\r\n")])), "two Content-Lengths");
});

Deno.test("StreamFramer gives the head with a fault, so that it can be answered (RFC 3261 §18.3, §21.5.7)", () => {
  const head = message("", "l: x\r\n");
  const reason = 'Cannot read the stream: "x" as Content-Length';
  assertEquals(frame([head + "rest"]), [{ kind: "fault", reason, statusHint: 400, head }]);
  const [fault] = frame([message("", "l: 11\r\n")], { maxBodyBytes: 10 });
  assert(fault?.kind === "fault");
  assertEquals(fault.statusHint, 513);
});

Deno.test("StreamFramer takes a head and a body of exactly the limit, and no more", () => {
  const text = message("12345");
  const maxHeadBytes = text.indexOf("\r\n\r\n");
  for (const chunks of [[text], text]) {
    assertEquals(frame(chunks, { maxHeadBytes, maxBodyBytes: 5 }), [item(text)]);
    assertStringIncludes(faultOf(frame(chunks, { maxHeadBytes: maxHeadBytes - 1 })), "the head is longer than");
    assertStringIncludes(faultOf(frame(chunks, { maxBodyBytes: 4 })), "a body of 5 bytes, 4 are allowed");
  }
});

Deno.test("StreamFramer reports an endless head without keeping it", () => {
  const framer = new StreamFramer({ maxHeadBytes: 1000 });
  const chunk = encodeOctets("x".repeat(500));
  assertEquals([framer.push(chunk), framer.push(chunk)], [[], []]);
  assertStringIncludes(faultOf(framer.push(chunk)), "the head is longer than 1000 bytes");
  assertEquals(framer.bufferedBytes, 0);
  assertEquals(framer.push(encodeOctets(message())), []);
});

Deno.test("StreamFramer knows how much it holds", () => {
  const framer = new StreamFramer();
  const text = message("12345");
  framer.push(encodeOctets(text.slice(0, -1)));
  assertEquals(framer.bufferedBytes, text.length - 1);
  framer.push(encodeOctets(text.slice(-1)));
  assertEquals(framer.bufferedBytes, 0);
});

// Mostly what matters to a framer, so that every path is taken often.
const anyStream = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 12 }).map((text) => message(toOctets(text))) },
    {
      weight: 3,
      arbitrary: fc.constantFrom("\r\n", "\r\n\r\n", message(), message("hi", "Content-Length:\r\n 2\r\n")),
    },
    { weight: 1, arbitrary: fc.constantFrom("\r", "\n", "A", "l: 3", "l: 999\r\n", "\r\nl:", ":", " ") },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }).map(toOctets) },
  ),
  { maxLength: 12 },
).map((parts) => parts.join(""));

function toOctets(text: string): string {
  return text.replace(/[^\0-\xff]/g, "\xff");
}

Deno.test("StreamFramer gives the same items for any bytes in any chunks", () => {
  fc.assert(
    fc.property(anyStream, fc.array(fc.nat({ max: 30 })), (stream, sizes) => {
      const limits = { maxHeadBytes: 60, maxBodyBytes: 40 };
      const chunks: string[] = [];
      let offset = 0;
      for (const size of sizes) chunks.push(stream.slice(offset, offset += size));
      chunks.push(stream.slice(offset));
      const whole = frame([stream], limits);
      assertEquals(frame(stream, limits), whole);
      assertEquals(frame(chunks, limits), whole);
      assert(whole.slice(0, -1).every(({ kind }) => kind !== "fault"));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("StreamFramer reads what was written, whatever stands between", () => {
  const body = fc.string({ unit: "binary", maxLength: 300 }).map(toOctets);
  fc.assert(fc.property(fc.array(body, { maxLength: 8 }), fc.constantFrom("", "\r\n"), (bodies, between) => {
    const texts = bodies.map((it) => message(it));
    assertEquals(frame([texts.join(between)]), texts.map(item));
  }));
});

Deno.test("StreamFramer looks at each byte a few times, however small the chunks", () => {
  // Steps are counted, not time: every byte of the stream that is read or moved goes through these two.
  let steps = 0;
  class CountingArray extends Uint8Array {}
  const { indexOf, copyWithin, set } = Uint8Array.prototype;
  Object.assign(Uint8Array.prototype, {
    indexOf(this: Uint8Array, value: number, from = 0) {
      const found = indexOf.call(this, value, from);
      steps += (found < 0 ? this.length : found) - from;
      return found;
    },
    copyWithin(this: Uint8Array, target: number, start: number, end: number) {
      steps += end - start;
      return copyWithin.call(this, target, start, end);
    },
    set(this: Uint8Array, source: Uint8Array, offset = 0) {
      steps += source.length;
      set.call(this, source, offset);
    },
  });
  try {
    const stream = `OPTIONS sip:a SIP/2.0\r\n${"x: y\r\n".repeat(8000)}l: 20000\r\n\r\n${"z".repeat(20000)}`;
    const one = new CountingArray(1);
    const framer = new StreamFramer();
    const items: FramedItem[] = [];
    for (let index = 0; index < stream.length; index++) {
      one[0] = stream.charCodeAt(index);
      items.push(...framer.push(one));
    }
    assertEquals(items, [item(stream)]);
    assert(steps < 10 * stream.length, `${steps} steps for ${stream.length} bytes`);
  } finally {
    Object.assign(Uint8Array.prototype, { indexOf, copyWithin, set });
  }
});
