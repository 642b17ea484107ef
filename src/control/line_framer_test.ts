import { assert, assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { LineFault, LineFramer } from "./line_framer.ts";

const TOO_LONG = new LineFault("too long");
const NOT_UTF8 = new LineFault("not UTF-8");

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function lines(chunks: Iterable<Uint8Array>, maxLineLength = 8): (string | LineFault)[] {
  const framer = new LineFramer(maxLineLength);
  return [...chunks].flatMap((chunk) => framer.push(chunk));
}

function byteByByte(stream: Uint8Array): Uint8Array[] {
  return Array.from(stream, (byte) => Uint8Array.of(byte));
}

Deno.test("LineFramer ends a line at CRLF and at a bare LF (events_protocol, LF only line ends)", () => {
  assertEquals(lines([bytes("a\r\nb\n\r\n\nc")]), ["a", "b", "", ""]);
});

Deno.test("LineFramer takes CR and LF from different chunks", () => {
  assertEquals(lines([bytes("ab\r"), bytes("\ncd"), bytes("\r"), bytes("\n")]), ["ab", "cd"]);
});

Deno.test("LineFramer keeps a CR that ends no line", () => {
  assertEquals(lines([bytes("a\rb\r\r\n")]), ["a\rb\r"]);
});

Deno.test("LineFramer keeps a byte order mark: it is the peer's text", () => {
  assertEquals(lines([bytes("\uFEFFa\r\n")]), ["\uFEFFa"]);
});

Deno.test("LineFramer takes a line of exactly the limit, whole or in pieces", () => {
  const stream = bytes("12345678\r\nb\r\n");
  assertEquals(lines([stream]), ["12345678", "b"]);
  assertEquals(lines(byteByByte(stream)), ["12345678", "b"]);
});

Deno.test("LineFramer reports a line over the limit once, in its place (PROTOCOL 6.9)", () => {
  const stream = bytes(`a\r\n${"x".repeat(100)}\r\nb\r\n123456789\r\nc\r\n`);
  assertEquals(lines([stream]), ["a", TOO_LONG, "b", TOO_LONG, "c"]);
  assertEquals(lines(byteByByte(stream)), ["a", TOO_LONG, "b", TOO_LONG, "c"]);
});

Deno.test("LineFramer reports an endless line without keeping it (PROTOCOL 6.9)", () => {
  const framer = new LineFramer(8);
  assertEquals(framer.push(bytes("x".repeat(9))), [TOO_LONG]);
  for (let count = 0; count < 100; count++) assertEquals(framer.push(bytes("x".repeat(1000))), []);
  assertEquals(framer.push(bytes("\nnext\n")), ["next"]);
});

Deno.test("LineFramer reports a line that is not UTF-8, and reads the next (PROTOCOL 6.9)", () => {
  for (const wrong of [[0xff], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0x80]]) {
    const stream = Uint8Array.of(...bytes("a\r\nb"), ...wrong, ...bytes("\r\nc\r\n"));
    assertEquals(lines([stream], 20), ["a", NOT_UTF8, "c"]);
    assertEquals(lines(byteByByte(stream), 20), ["a", NOT_UTF8, "c"]);
  }
});

Deno.test("LineFramer puts characters together that chunks have split", () => {
  assertEquals(lines(byteByByte(bytes("é€😀\r\n"))), ["é€😀"]);
});

// Mostly line ends and short text, so that every path is taken often.
const anyStream = fc.array(
  fc.oneof(
    fc.constantFrom("\r\n", "\n", "\r", "12345678", "a", "é", "😀").map(bytes),
    fc.uint8Array({ maxLength: 4 }),
  ),
  { maxLength: 30 },
).map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));

Deno.test("LineFramer gives the same lines and faults for any bytes in any chunks", () => {
  fc.assert(
    fc.property(anyStream, fc.array(fc.nat({ max: 7 })), (stream, sizes) => {
      const whole = lines([stream]);
      const chunks: Uint8Array[] = [];
      let offset = 0;
      for (const size of sizes) chunks.push(stream.subarray(offset, offset += size));
      chunks.push(stream.subarray(offset));
      assertEquals(lines(byteByByte(stream)), whole);
      assertEquals(lines(chunks), whole);
      for (const line of whole) {
        assert(line instanceof LineFault || (line.length <= 8 && !line.includes("\n")));
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("LineFramer reads what was joined with line ends", () => {
  const text = fc.string({ unit: "binary", maxLength: 8 }).filter((line) => !/[\n\uFFFD]|\r$/.test(line));
  fc.assert(fc.property(fc.array(text, { maxLength: 10 }), fc.constantFrom("\r\n", "\n"), (texts, lineEnd) => {
    assertEquals(lines([bytes(texts.map((line) => line + lineEnd).join(""))], 16), texts);
  }));
});
