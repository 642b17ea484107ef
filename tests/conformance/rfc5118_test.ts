/**
 * RFC 5118, SIP torture test messages for IPv6: all 12. The files hold what the RFC prints, wrong Content-Lengths included;
 * with the right ones they are tested too.
 * @module
 */
import { assertEquals, assertMatch } from "../../src/deps/assert.ts";
import { parseSdp } from "../../src/sdp/mod.ts";
import { decodeOctets, encodeOctets } from "../../src/sip/octets.ts";
import { RESOLVED, WireBench } from "./wire_bench.ts";
import { readTorture, testTortureCases, type TortureCase, type Verdict } from "./torture.ts";

const RELAYED: Verdict = { kind: "forwarded", to: `${RESOLVED}:5060` };
const BAD: Verdict = { kind: "answered", status: 400 };
const REGISTERED: Verdict = {
  kind: "answered",
  status: 200,
  fields: ["Contact: <sip:caller@[2001:db8::1]>;expires=3600"],
};

function toward(to: string, more: Partial<Verdict> = {}): Verdict {
  return { kind: "forwarded", to, ...more } as Verdict;
}

const CASES: readonly TortureCase[] = [
  {
    section: "4.1",
    name: "ipv6-good",
    demand: "Well-formed: an IPv6 reference in the Request-URI, here that of the registrar.",
    datagram: REGISTERED,
  },
  {
    section: "4.2",
    name: "ipv6-bad",
    demand: "400 for an IPv6 address without brackets in the Request-URI.",
    datagram: BAD,
  },
  {
    section: "4.3",
    name: "port-ambiguous",
    demand: "Well-formed: what may have been meant to be a port is a part of the address, of another host than us.",
    datagram: toward("2001:db8::10:5070:5060"),
  },
  {
    section: "4.4",
    name: "port-unambiguous",
    demand: "Well-formed: the port stands after the bracket; nothing of ours listens there.",
    datagram: toward("2001:db8::10:5070"),
  },
  {
    section: "4.5",
    name: "via-received-param-with-delim",
    demand: "received is accepted with brackets; what we write there has none (see below).",
    datagram: toward("2001:db8::10:5060"),
  },
  {
    section: "4.5",
    name: "via-received-param-no-delim",
    demand: "received is accepted without brackets, as the grammar has it.",
    datagram: toward("2001:db8::10:5060"),
  },
  {
    section: "4.6",
    name: "ipv6-in-sdp",
    demand: "Well-formed but for its Content-Length, which is 17 bytes too long: a datagram is answered 400.",
    datagram: BAD,
    stream: { verdicts: [{ kind: "waiting" }], closes: false },
  },
  {
    section: "4.7",
    name: "mult-ip-in-header",
    demand: "Well-formed: Vias of both families.",
    datagram: RELAYED,
  },
  {
    section: "4.8",
    name: "mult-ip-in-sdp",
    demand: "Well-formed, its Content-Length is 8 bytes too short: they are cut, and break a connection.",
    datagram: toward("2001:db8::10:5060", { cut: 8 }),
    stream: { verdicts: [toward("2001:db8::10:5060", { cut: 8 })], closes: true },
  },
  {
    section: "4.9",
    name: "ipv4-mapped-ipv6",
    demand: "Well-formed, its Content-Length is 9 bytes too short: they are cut, and on a connection begin a message.",
    datagram: toward(`${RESOLVED}:5060`, { cut: 9 }),
  },
  {
    section: "4.10",
    name: "ipv6-bug-abnf-3-colons",
    demand: "Tolerated: three colons before an IPv4 address, which leave as two.",
    datagram: toward("2001:db8::c000:201:5060", { uri: "sip:user@[2001:db8::c000:201]" }),
  },
  {
    section: "4.10",
    name: "ipv6-correct-abnf-2-colons",
    demand: "Well-formed: an IPv4 address within an IPv6 address.",
    datagram: toward("2001:db8::c000:201:5060"),
  },
];

testTortureCases("rfc5118", "RFC 5118", CASES);

for (
  const [section, name, length, to, addresses] of [
    ["4.6", "ipv6-in-sdp", 251, "2001:db8::10:5060", ["2001:db8::20", "2001:db8::20"]],
    ["4.8", "mult-ip-in-sdp", 189, "2001:db8::10:5060", ["192.0.2.1", "2001:db8::1"]],
    ["4.9", "ipv4-mapped-ipv6", 245, `${RESOLVED}:5060`, ["192.0.2.2", "192.0.2.2"]],
  ] as const
) {
  Deno.test(`RFC 5118 §${section} ${name}, its Content-Length mended: the body is forwarded, its addresses understood`, async () => {
    const bench = new WireBench();
    const text = decodeOctets(readTorture("rfc5118", name)).replace(/(?<=Content-Length: )\d+/, String(length));
    assertEquals(await bench.stream(encodeOctets(text)), false);
    const [sent] = bench.take();
    assertEquals(`${sent!.target.address}:${sent!.target.port}`, to);
    const body = sent!.text.slice(sent!.text.indexOf("\r\n\r\n") + 4);
    assertEquals(body, text.slice(-length));
    assertEquals(parseSdp(body).streams.map(({ address }) => address), [...addresses]);
  });
}

Deno.test("RFC 5118 §4.5: the response has received without brackets, and sent-by as its sender wrote it", async () => {
  for (const name of ["via-received-param-with-delim", "via-received-param-no-delim"]) {
    const bench = new WireBench();
    const request = decodeOctets(readTorture("rfc5118", name)).replace("[2001:db8::9:1]", "[2001:DB8:0::9:1]");
    await bench.datagram(encodeOctets(request.replace("Max-Forwards: 70", "Max-Forwards: 0")), "2001:db8::77");
    const [response] = bench.take();
    assertMatch(response!.text, /^SIP\/2\.0 483 /);
    assertMatch(response!.text, /\r\nVia: SIP\/2\.0\/UDP \[2001:DB8:0::9:1\];received=2001:db8::77;branch=z9hG4bKas3/);
    assertEquals([response!.target.address, response!.target.port], ["2001:db8::77", 5060]);
  }
});

Deno.test("RFC 5118 §4.9: a mapped address in Via is answered as it was written", async () => {
  const bench = new WireBench();
  const request = decodeOctets(readTorture("rfc5118", "ipv4-mapped-ipv6")).replace("INVITE sip:", "INVITE isbn:");
  await bench.datagram(encodeOctets(request), "192.0.2.10", 19823);
  const [response] = bench.take();
  assertMatch(response!.text, /^SIP\/2\.0 416 /);
  assertMatch(response!.text, /\r\nVia: SIP\/2\.0\/UDP \[::ffff:192\.0\.2\.10\]:19823;branch=z9hG4bKbh19\r\n/);
  assertEquals([response!.target.address, response!.target.port], ["192.0.2.10", 19823]);
});
