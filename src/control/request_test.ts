import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { ControlSyntaxError } from "./errors.ts";
import { type Request, RequestFramer, RequestSyntaxError, serializeRequest } from "./request.ts";

type Framed = Request | RequestSyntaxError;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function frame(stream: Uint8Array | string, loneLines: string[] = []): Framed[] {
  return new RequestFramer(loneLines).push(typeof stream === "string" ? bytes(stream) : stream);
}

function frameByteByByte(stream: Uint8Array | string): Framed[] {
  const framer = new RequestFramer();
  const whole = typeof stream === "string" ? bytes(stream) : stream;
  return Array.from(whole, (byte) => Uint8Array.of(byte)).flatMap((chunk) => framer.push(chunk));
}

/** A request, or the command of one that cannot be understood, in a form that compares. */
function plain(framed: Framed[]): unknown[] {
  return framed.map((request) =>
    request instanceof RequestSyntaxError
      ? { refused: request.command }
      : { command: request.command, headers: [...request.headers] }
  );
}

const REMOVE_A = { command: "remove", headers: [["call_id", "a"], ["from_tag", "t"]] };
const TEXT_A = "remove\r\ncall_id: a\r\nfrom_tag: t\r\n\r\n";

Deno.test("RequestFramer reads pipelined requests, whole or byte by byte (events_protocol)", () => {
  const stream = `${TEXT_A}update 17\r\ntype: request\r\n\r\n${TEXT_A}`;
  const wanted = [REMOVE_A, { command: "update 17", headers: [["type", "request"]] }, REMOVE_A];
  assertEquals(plain(frame(stream)), wanted);
  assertEquals(plain(frameByteByByte(stream)), wanted);
});

Deno.test("RequestFramer gives a request only with its empty line", () => {
  const framer = new RequestFramer();
  assertEquals(framer.push(bytes("remove\r\ncall_id: a\r\nfrom_tag: t\r\n")), []);
  assertEquals(plain(framer.push(bytes("\r\n"))), [REMOVE_A]);
});

Deno.test("RequestFramer takes requests without headers, and skips empty lines between requests", () => {
  assertEquals(plain(frame("\r\n\r\nsummary 3\r\n\r\n\r\nsessions 4\r\n\r\n")), [
    { command: "summary 3", headers: [] },
    { command: "sessions 4", headers: [] },
  ]);
});

Deno.test("RequestFramer takes a header with an empty value as absent (PROTOCOL 1)", () => {
  const [request] = frame("update\r\ncall_id: a\r\nto_tag: \r\ndialog_id: \r\n\r\n");
  assert(request !== undefined && !(request instanceof RequestSyntaxError));
  assertEquals(Array.from(request.headers, ([name]) => name), ["call_id"]);
});

Deno.test("RequestFramer keeps colons and spaces of a value", () => {
  const [request] = frame("update\r\nfrom_uri: alice:x@host: 5060 \r\n\r\n");
  assert(request !== undefined && !(request instanceof RequestSyntaxError));
  assertEquals(request.headers.get("from_uri"), "alice:x@host: 5060 ");
});

/** Each stands for one request that cannot be understood, and names what its error says. */
const UNREADABLE: [string, Uint8Array, string][] = [
  ["a header of 20,000 bytes", bytes(`update\r\nuser_agent: ${"x".repeat(20_000)}\r\n\r\n`), "too long"],
  ["bytes that are not UTF-8", Uint8Array.of(...bytes("update\r\ncall_id: "), 0xff, 0xfe, 13, 10, 13, 10), "not UTF-8"],
  ['a header without ": "', bytes("update\r\ncall_id: abc\r\nfoo\r\n\r\n"), '"foo" is not a header'],
  ["a header without a space", bytes("update\r\ncall_id:abc\r\n\r\n"), '"call_id:abc" is not a header'],
  ["a header without a name", bytes("update\r\n: abc\r\n\r\n"), '": abc" is not a header'],
  [
    "65 headers",
    bytes(`update\r\n${Array.from({ length: 65 }, (_, index) => `h${index}: v\r\n`).join("")}\r\n`),
    "more than 64 headers",
  ],
];

for (const [what, stream, reason] of UNREADABLE) {
  Deno.test(`RequestFramer gives ${what} as one error in its place, and reads the next request (PROTOCOL 6.9)`, () => {
    const all = Uint8Array.of(...bytes(TEXT_A), ...stream, ...bytes(TEXT_A));
    const wanted = [REMOVE_A, { refused: "update" }, REMOVE_A];
    assertEquals(plain(frame(all)), wanted);
    assertEquals(plain(frameByteByByte(all)), wanted);
    const error = frame(stream)[0];
    assertInstanceOf(error, ControlSyntaxError);
    assertStringIncludes(error.message, reason);
  });
}

Deno.test("RequestFramer gives a command line that cannot be read as an error without a command (PROTOCOL 6.9)", () => {
  const stream = Uint8Array.of(0xff, 13, 10, ...bytes("call_id: a\r\n\r\n"), ...bytes(TEXT_A));
  assertEquals(plain(frame(stream)), [{ refused: "" }, REMOVE_A]);
});

Deno.test("RequestFramer takes 64 headers", () => {
  const headers = Array.from({ length: 64 }, (_, index) => `h${index}: v\r\n`).join("");
  const [request] = frame(`update\r\n${headers}\r\n`);
  assert(request !== undefined && !(request instanceof RequestSyntaxError));
  assertEquals([...request.headers].length, 64);
});

Deno.test("RequestFramer cuts what it quotes", () => {
  const [error] = frame(`update\r\n${"y".repeat(5000)}\r\n\r\n`);
  assertInstanceOf(error, RequestSyntaxError);
  assert(error.message.length < 200, error.message);
});

Deno.test("RequestFramer takes a lone line as complete, but not inside a request (PROTOCOL 3)", () => {
  assertEquals(plain(frame("pong\r\npong\r\nsummary 1\r\n\r\npong\r\n", ["pong"])), [
    { command: "pong", headers: [] },
    { command: "pong", headers: [] },
    { command: "summary 1", headers: [] },
    { command: "pong", headers: [] },
  ]);
  assertEquals(plain(frame("summary 1\r\npong\r\n\r\n", ["pong"])), [{ refused: "summary 1" }]);
  assertEquals(frame("pong\r\n"), [], "a peer that sends no keepalives must end it with an empty line");
});

const anyText = fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).filter((text) => !/[\n\uFFFD]/.test(text));
const anyRequest = fc.record({
  command: anyText.filter((text) => text !== "\r"),
  headers: fc.dictionary(
    anyText.filter((name) => !name.includes(": ") && !name.endsWith(":")),
    anyText,
    { maxKeys: 20 },
  ).map((fields) => new Map(Object.entries(fields))),
});

Deno.test("serializeRequest() then RequestFramer gives the same requests", () => {
  fc.assert(fc.property(fc.array(anyRequest, { maxLength: 4 }), (requests) => {
    const stream = requests.map(({ command, headers }) => serializeRequest(command, headers)).join("");
    assertEquals(plain(frame(stream)), plain(requests));
  }));
});

Deno.test("RequestFramer never throws, and gives the same requests for any bytes in any chunks", () => {
  const piece = fc.oneof(
    fc.constantFrom("\r\n", "\r\n\r\n", "update", "call_id: a", "a: ", "x:y", "\n").map(bytes),
    fc.uint8Array({ maxLength: 4 }),
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
    const stream = Uint8Array.from(pieces.flatMap((part) => [...part]));
    assertEquals(plain(frameByteByByte(stream)), plain(frame(stream)));
  }));
});
