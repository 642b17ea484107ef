/** What is too much for the proxy, and what its sender hears of it; and what is not too much. @module */
import { assert, assertEquals, assertMatch } from "../../src/deps/assert.ts";
import { encodeOctets } from "../../src/sip/octets.ts";
import { PEER, WireBench } from "./wire_bench.ts";

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_BODY_BYTES = 256 * 1024;

function request(lines: readonly string[], body = ""): string {
  return [
    "MESSAGE sip:bob@example.net SIP/2.0",
    `Via: SIP/2.0/UDP ${PEER};branch=z9hG4bK1`,
    "From: <sip:alice@example.org>;tag=1",
    "To: <sip:bob@example.net>",
    "Call-ID: 1",
    "CSeq: 1 MESSAGE",
    ...lines,
    "",
    body,
  ].join("\r\n");
}

/** A request whose head, without its empty line, has so many bytes. */
function requestWithHead(bytes: number, lines: readonly string[] = []): string {
  const padding = bytes - request([...lines, "X: "]).length + 4;
  return request([...lines, `X: ${"x".repeat(padding)}`]);
}

Deno.test("a datagram as large as there can be is forwarded", async () => {
  const bench = new WireBench();
  const head = request(["Content-Type: text/plain"]);
  await bench.datagram(encodeOctets(head + "x".repeat(65_507 - head.length)));
  const [sent] = bench.take();
  assertMatch(sent!.text, /^MESSAGE /);
  assert(sent!.text.endsWith("x".repeat(65_507 - head.length)));
});

for (const [count, answer] of [[512, /^MESSAGE /], [513, /^SIP\/2\.0 400 /]] as const) {
  Deno.test(`of ${count} header fields comes ${answer}`, async () => {
    const bench = new WireBench();
    await bench.datagram(encodeOctets(request(Array(count - 5).fill("X: y"))));
    assertMatch(bench.take()[0]!.text, answer);
    assertEquals(bench.counters.malformed, count > 512 ? 1 : 0);
  });
}

Deno.test("a head of 64 KiB is read from a connection; with one byte more nothing is known, and the connection is closed", async () => {
  const bench = new WireBench();
  assertEquals(await bench.stream(encodeOctets(requestWithHead(MAX_HEAD_BYTES, ["Content-Length: 0"]))), false);
  assertMatch(bench.take()[0]!.text, /^MESSAGE /);
  assertEquals(await bench.stream(encodeOctets(requestWithHead(MAX_HEAD_BYTES + 1, ["Content-Length: 0"]))), true);
  assertEquals([bench.take().length, bench.counters.malformed], [0, 1]);
});

Deno.test("a body of 256 KiB is read from a connection; one byte more is answered 513 before it comes (RFC 3261 §21.5.7)", async () => {
  const bench = new WireBench();
  const head = (bytes: number) => request([`Content-Length: ${bytes}`]);
  assertEquals(await bench.stream(encodeOctets(head(MAX_BODY_BYTES) + "x".repeat(MAX_BODY_BYTES))), false);
  assert(bench.take()[0]!.text.endsWith("\r\n\r\n" + "x".repeat(MAX_BODY_BYTES)));
  assertEquals(await bench.stream(encodeOctets(head(MAX_BODY_BYTES + 1))), true);
  assertMatch(bench.take()[0]!.text, /^SIP\/2\.0 513 Message Too Large\r\n/);
  assertEquals(bench.counters.malformed, 1);
});

for (
  const [what, line, answer] of [
    ["Max-Forwards 255", "Max-Forwards: 255", /^MESSAGE /],
    ["Max-Forwards 256", "Max-Forwards: 256", /^SIP\/2\.0 400 /],
    ["a negative Max-Forwards", "Max-Forwards: -1", /^SIP\/2\.0 400 /],
    ["an empty Max-Forwards", "Max-Forwards:", /^SIP\/2\.0 400 /],
    ["a Content-Length of many digits", `Content-Length: ${"9".repeat(1000)}`, /^SIP\/2\.0 400 /],
    ["two Content-Types", "Content-Type: a/b\r\nc: a/b", /^SIP\/2\.0 400 /],
    ["a line that is no header", "nonsense", /^SIP\/2\.0 400 /],
    ["a line feed alone, which another would take for a line's end", "X: a\nRoute: <sip:evil>", /^SIP\/2\.0 400 /],
    ["a carriage return alone", "X: a\rb", /^SIP\/2\.0 400 /],
    ["a NUL that nothing escapes", "X: a\0b", /^SIP\/2\.0 400 /],
  ] as const
) {
  Deno.test(`of ${what} comes ${answer}`, async () => {
    const bench = new WireBench();
    await bench.datagram(encodeOctets(request([line])));
    const sent = bench.take();
    assertEquals(sent.length, 1);
    assertMatch(sent[0]!.text, answer);
  });
}

for (
  const [what, text] of [
    ["nothing", ""],
    ["no SIP", "GET / HTTP/1.1\r\nHost: example.net\r\n\r\n"],
    ["no Via", request([]).replace(/Via.*\r\n/, "")],
    ["a Via that leads nowhere", request([]).replace(/UDP \S+;/, "UDP ;")],
    ["an ACK that is broken", request(["nonsense"]).replaceAll("MESSAGE", "ACK")],
    ["a response that is broken", request([]).replace(/^.*\r\n/, "SIP/2.0 2000 OK\r\n")],
  ] as const
) {
  Deno.test(`a datagram with ${what} is dropped and counted: nobody can be answered`, async () => {
    const bench = new WireBench();
    await bench.datagram(encodeOctets(text));
    assertEquals([bench.take().length, bench.counters.malformed, bench.log.messages("error")], [0, 1, []]);
  });
}
