/**
 * What RFC 3261's grammar lets peers write, and a proxy has to see through: requests that are forwarded, the bytes that
 * leave, and where to.
 * @module
 */
import { assert, assertEquals, assertMatch } from "../../src/deps/assert.ts";
import type { RoutingScript } from "../../src/proxy/script.ts";
import { encodeOctets } from "../../src/sip/octets.ts";
import { PEER, RESOLVED, WireBench } from "./wire_bench.ts";

const VIA = `Via: SIP/2.0/UDP ${PEER};branch=z9hG4bK1`;
const FROM = "From: <sip:alice@example.org>;tag=1";
const TO = "To: <sip:bob@example.net>";
const OTHERS = ["Call-ID: 1", "CSeq: 1 OPTIONS"];
const BASE = [VIA, FROM, TO, ...OTHERS];
const URI = "sip:bob@example.net";
const ELSEWHERE = `${RESOLVED}:5060`;

/** Nothing but the core: what a script would add is not there. */
const script: RoutingScript = { request: (call) => call.relay() };

function request(uri: string, lines: readonly string[], body = "", method = "OPTIONS"): Uint8Array<ArrayBuffer> {
  return encodeOctets([`${method} ${uri} SIP/2.0`, ...lines, "", body].join("\r\n"));
}

/** What leaves when one request comes, and where to. */
async function pass(bytes: Uint8Array<ArrayBuffer>): Promise<{ text: string; lines: string[]; to: string }> {
  const bench = new WireBench({ script });
  await bench.datagram(bytes);
  const sent = bench.take();
  assertEquals(sent.length, 1);
  assertEquals(bench.log.messages("error"), []);
  const { text, target } = sent[0]!;
  return { text, lines: text.split("\r\n\r\n")[0]!.split(/\r\n(?![ \t])/), to: `${target.address}:${target.port}` };
}

for (
  const [what, lines] of [
    ["compact names", [
      `v: SIP/2.0/UDP ${PEER};branch=z9hG4bK1`,
      "f: <sip:a@example.org>;tag=1",
      "t: <sip:b@example.net>",
      "i: 1",
      "CSeq: 1 OPTIONS",
      "m: <sip:a@192.0.2.1>",
      "s: x",
      "k: path",
      "e: gzip",
      "c: text/plain",
      "o: presence",
      "r: <sip:c@example.net>",
      "b: <sip:d@example.net>",
      "u: presence",
      "x: 90",
      "a: *",
      "d: proxy",
      "j: *",
      "y: abc",
      "n: <https://example.org/>",
    ]],
    ["names in any case, with space before the colon", [
      `VIA \t: SIP/2.0/UDP ${PEER};branch=z9hG4bK1`,
      "fRoM : <sip:a@example.org>;tag=1",
      "TO:<sip:b@example.net>",
      "cALL-iD  :1",
      "CSEQ: 1 OPTIONS",
    ]],
    ["folded fields", [
      `Via: SIP/2.0/UDP\r\n ${PEER}\r\n\t;branch=z9hG4bK1`,
      "From:\r\n <sip:a@example.org>\r\n  ;tag\r\n =\r\n 1",
      "To:\r\n\t<sip:b@example.net>",
      "Call-ID:\r\n 1",
      "CSeq: 1\r\n  OPTIONS",
      "X-Folded: a\r\n  b\r\n\tc",
    ]],
    ["several values on one line and on several", [
      VIA,
      "Via: SIP/2.0/TCP a.example.net;branch=1,SIP/2.0/TLS [2001:db8::1]:5061;branch=2 ,\r\n SIP/2.0/WSS b.invalid",
      "Via:SIP/2.0/UDP c.example.net",
      FROM,
      TO,
      ...OTHERS,
      'Contact: <sip:a@192.0.2.1>,"x, y" <sip:a,b@192.0.2.2>;q=0.5',
      "Contact: sip:c@192.0.2.3;q=0.1",
    ]],
    ["quoted display names with escapes, commas and brackets", [
      VIA,
      'From: "Al \\"the <dog>\\" \\\\, \xc3\xa0" <sip:alice@example.org>;tag=1',
      'To: "" <sip:bob@example.net>;x="a;b>\\""',
      ...OTHERS,
    ]],
    ["display names of several tokens, and none before a bracket", [
      VIA,
      "From: Alice B. Cee!%*_+`'~ <sip:alice@example.org>;tag=1",
      "To:Bob<sip:bob@example.net>",
      ...OTHERS,
    ]],
    ["addresses without brackets, whose parameters are the header's", [
      VIA,
      "From: sip:alice@example.org;tag=1;x=y",
      "To: tel:+31-20-1234567;x",
      ...OTHERS,
    ]],
    ["schemes of others in From, To and Contact", [
      VIA,
      "From: <https://example.org/a?b#c>;tag=1",
      "To: <urn:service:sos>",
      ...OTHERS,
      "Contact: <mailto:a@example.org>",
    ]],
    ["bytes that are no UTF-8, and empty values", [
      ...BASE,
      "X-Latin: \xe9\xff\x80\xa0",
      "Subject:",
      "Supported: ",
      "Allow: ,,",
      'X:::,,;;=="\\',
    ]],
    ["numbers with leading zeros", [VIA, FROM, TO, "Call-ID: 1", "CSeq: 0000000001 OPTIONS"]],
    ["a Call-ID of all characters", [VIA, FROM, TO, 'Call-ID: a(b)<c>:\\"/[]?{}@~d%', "CSeq: 1 OPTIONS"]],
  ] as const
) {
  Deno.test(`a proxy reads ${what}, and forwards them byte for byte (RFC 3261 §7.3, §25.1)`, async () => {
    const { lines: forwarded, to } = await pass(request(URI, lines));
    assertEquals(to, ELSEWHERE);
    const [ownVia, ...rest] = forwarded.slice(1).filter((line) => !/^Max-(?:Forwards|Breadth):/.test(line));
    assertMatch(ownVia!, /^Via: SIP\/2\.0\/UDP 198\.51\.100\.1:5060;branch=z9hG4bK/);
    assertEquals(rest, [...lines, "Content-Length: 0"]);
  });
}

for (
  const [uri, to] of [
    ["SIP:Bob@Example.NET", ELSEWHERE],
    ["sip:example.net", ELSEWHERE],
    ["sip:bob@example.net.", ELSEWHERE],
    ["sip:%62ob:p%40ss@example.net;x=%3B;y", ELSEWHERE],
    ["sip:alice;day=tuesday@example.net", ELSEWHERE],
    ["sip:+31-20-123;phone-context=+31@example.net;user=phone", ELSEWHERE],
    ["sip:*21#@example.net", ELSEWHERE],
    ["sip:voil\xc3\xa0@example.net", ELSEWHERE],
    ["sip:bob@192.0.2.9", "192.0.2.9:5060"],
    ["sip:bob@192.0.2.9:05061", "192.0.2.9:5061"],
    ["sip:[2001:DB8::9]", "2001:db8::9:5060"],
    ["sip:bob@[2001:db8::9]:5070;transport=tcp", "2001:db8::9:5070"],
    ["sip:bob@[::ffff:192.0.2.9]:5070", "192.0.2.9:5070"],
    ["sip:bob@example.net;maddr=192.0.2.10", "192.0.2.10:5060"],
    ["sip:bob@example.net:5070;maddr=[2001:db8::a]", "2001:db8::a:5070"],
  ] as const
) {
  Deno.test(`a proxy sends a request for ${uri} to ${to} (RFC 3261 §19.1)`, async () => {
    const sent = await pass(request(uri, BASE));
    assertEquals([sent.lines[0], sent.to], [`OPTIONS ${uri} SIP/2.0`, to]);
  });
}

for (
  const [uri, status] of [
    ["tel:+31201234567", 416],
    ["TEL:1002;phone-context=example.net", 416],
    ["urn:service:sos", 416],
    ["http://example.net/", 416],
    ["im:bob@example.net", 416],
    ["bob", 400],
    ["*", 400],
    ["sip:", 400],
    ["sip:@example.net", 400],
    ["sip:bob@", 400],
    ["sip:bob@example.net:", 400],
    ["sip:bob@example.net:65536", 400],
    ["sip:bob@example.net:port", 400],
    ["sip:bob@[2001:db8::9", 400],
    ["sip:bob@[2001:db8::9]x", 400],
    ["sip:bob@[fe80::1%25eth0]", 400],
    ["sip:b%4@example.net", 400],
    ["sip:bob@exa_mple..net/x", 400],
    ["sip:a@b@example.net", 400],
  ] as const
) {
  Deno.test(`a proxy answers a request for ${uri} with ${status} (RFC 3261 §16.3 step 2)`, async () => {
    assertMatch((await pass(request(uri, BASE))).text, new RegExp(`^SIP/2\\.0 ${status} `));
  });
}

for (
  const [what, routes, left, to] of [
    ["ours alone", ["<sip:198.51.100.1;lr>"], [], ELSEWHERE],
    ["ours and another on one line", ["<sip:198.51.100.1;lr>, <sip:192.0.2.9;lr>"], [
      "<sip:192.0.2.9;lr>",
    ], "192.0.2.9:5060"],
    ["ours and another on two lines", ["<sip:[2001:DB8:0::10];lr>", '"a, b" <sip:[2001:db8::9]:5070;lr>;x'], [
      '"a, b" <sip:[2001:db8::9]:5070;lr>;x',
    ], "2001:db8::9:5070"],
    ["ours with a display name that has a comma", ['"us, too" <sip:198.51.100.1;lr>,<sip:192.0.2.9;lr>'], [
      "<sip:192.0.2.9;lr>",
    ], "192.0.2.9:5060"],
    ["ours after values that are empty", ["", " , ,<sip:198.51.100.1;lr>,, <sip:192.0.2.9;lr>"], [
      ", <sip:192.0.2.9;lr>",
    ], "192.0.2.9:5060"],
    ["what is no address", ["nonsense"], undefined, undefined],
    ["what is no SIP URI", ["<tel:123>"], undefined, undefined],
  ] as const
) {
  Deno.test(`a proxy follows, or refuses, Route: ${what} (RFC 3261 §16.4, §20.34)`, async () => {
    const sent = await pass(request(URI, [...BASE, ...routes.map((route) => `Route: ${route}`)]));
    if (left === undefined) return assertMatch(sent.text, /^SIP\/2\.0 400 Bad Route/);
    assertEquals(sent.lines.filter((line) => line.startsWith("Route:")), left.map((route) => `Route: ${route}`));
    assertEquals(sent.to, to);
  });
}

Deno.test("a proxy forwards a tel URI along a Route: whoever is there knows what to do with it (RFC 3261 §16.6 step 6)", async () => {
  const sent = await pass(request("tel:+31201234567", [...BASE, "Route: <sip:192.0.2.9;lr>"]));
  assertEquals([sent.lines[0], sent.to], ["OPTIONS tel:+31201234567 SIP/2.0", "192.0.2.9:5060"]);
});

for (const method of ["FOO", "foo.bar-1", "%43ANCEL", "invite", "Ack", "-"]) {
  Deno.test(`a proxy forwards the method ${method}, which it does not know: methods have case (RFC 3261 §7.1)`, async () => {
    const lines = [VIA, FROM, TO, "Call-ID: 1", `CSeq: 1 ${method}`];
    assertEquals((await pass(request(URI, lines, "", method))).lines[0], `${method} ${URI} SIP/2.0`);
  });
}

const BINARY = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");

for (
  const [what, lines, body, kept] of [
    ["whatever bytes", [`Content-Length: ${BINARY.length}`], BINARY, BINARY],
    ["all of the datagram, without Content-Length (§18.3)", [], `${BINARY}\r\n\r\n${BINARY}`, undefined],
    ["as much as Content-Length says (§18.3)", ["l : 0003"], "abcdef", "abc"],
    ["nothing, if Content-Length says so (§20.14)", ["Content-Length:0"], "INVITE sip:b SIP/2.0\r\n\r\n", ""],
    [
      "a multipart body with a message in it",
      ['Content-Type: multipart/mixed;boundary="a b"'],
      "--a b\r\nContent-Type: message/sip\r\n\r\nSIP/2.0 200 OK\r\n\r\n\r\n--a b--\r\n",
      undefined,
    ],
  ] as const
) {
  Deno.test(`a proxy forwards as the body ${what} (RFC 3261 §7.4)`, async () => {
    const { text } = await pass(request(URI, [...BASE, ...lines], body));
    const headEnd = text.indexOf("\r\n\r\n");
    assertEquals(text.slice(headEnd + 4), kept ?? body);
    assert(new RegExp(`^(?:Content-Length|l) ?: ?0*${(kept ?? body).length}$`, "m").test(text.slice(0, headEnd)));
  });
}
