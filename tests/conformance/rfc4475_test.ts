/**
 * RFC 4475, SIP torture test messages: all 49. The files hold the bytes of the RFC's archive; what §3.1.2.15 (baddn)
 * prints ends with an empty line, as does the file.
 * @module
 */
import { assertEquals, assertMatch } from "../../src/deps/assert.ts";
import { decodeOctets, encodeOctets } from "../../src/sip/octets.ts";
import { RESOLVED, WireBench } from "./wire_bench.ts";
import { readTorture, testTortureCases, type TortureCase, type Verdict } from "./torture.ts";

const RELAYED: Verdict = { kind: "forwarded", to: `${RESOLVED}:5060` };
const BAD: Verdict = { kind: "answered", status: 400 };
const CLOSED = { verdicts: [BAD], closes: true };

function registered(...contacts: readonly string[]): Verdict {
  return { kind: "answered", status: 200, fields: contacts.map((contact) => `Contact: ${contact}`) };
}

const CASES: readonly TortureCase[] = [
  {
    section: "3.1.1.1",
    name: "wsinv",
    demand: "Well-formed: folding, white space and spellings of all kinds. Unknown headers are forwarded unchanged.",
    datagram: RELAYED,
  },
  {
    section: "3.1.1.2",
    name: "intmeth",
    demand: "Well-formed: all characters of tokens and URIs, quoted NUL, BEL and DEL. A proxy forwards it normally.",
    datagram: RELAYED,
  },
  {
    section: "3.1.1.3",
    name: "esc01",
    demand: "Well-formed: escapes in URIs, which stay as they are.",
    datagram: RELAYED,
  },
  {
    section: "3.1.1.4",
    name: "escnull",
    demand: "Well-formed: escaped NULs. The two Contacts are different.",
    datagram: registered("<sip:%00@host5.example.com>;expires=3600", "<sip:%00%00@host5.example.com>;expires=3600"),
  },
  {
    section: "3.1.1.5",
    name: "esc02",
    demand: "Well-formed: percent signs that are no escapes. The method is unknown, and is no REGISTER.",
    datagram: RELAYED,
  },
  {
    section: "3.1.1.6",
    name: "lwsdisp",
    demand: "Well-formed: no space between display name and angle bracket.",
    datagram: RELAYED,
  },
  {
    section: "3.1.1.7",
    name: "longreq",
    demand: "Well-formed: long values, 34 Vias, none of them with the magic cookie.",
    datagram: RELAYED,
  },
  {
    section: "3.1.1.8",
    name: "dblreq",
    demand: "A datagram has one message: what follows is ignored. On a connection it is the next message, whose " +
      "Content-Length is 5 bytes short.",
    datagram: registered("<sip:j.user@host.example.com>;expires=3600"),
    stream: {
      verdicts: [
        registered("<sip:j.user@host.example.com>;expires=3600"),
        { kind: "forwarded", to: `${RESOLVED}:5060`, cut: 5 },
      ],
      closes: true,
    },
  },
  {
    section: "3.1.1.9",
    name: "semiuri",
    demand: "Well-formed: what looks like parameters belongs to the user.",
    datagram: RELAYED,
  },
  {
    section: "3.1.1.10",
    name: "transports",
    demand: "Well-formed: Vias of transports that are not known here.",
    datagram: RELAYED,
  },
  {
    section: "3.1.1.11",
    name: "mpart01",
    demand: "Well-formed: a multipart body with binary in it. Its Route is a strict router's.",
    datagram: { kind: "forwarded", to: "127.0.0.1:5080", uri: "sip:127.0.0.1:5080", changed: ["route"] },
  },
  {
    section: "3.1.1.12",
    name: "unreason",
    demand: "Well-formed: UTF-8 in the Reason-Phrase.",
    datagram: { kind: "returned" },
  },
  {
    section: "3.1.1.13",
    name: "noreason",
    demand: "Well-formed: no Reason-Phrase. It is a 100, which ends here.",
    datagram: { kind: "noted" },
  },
  {
    section: "3.1.2.1",
    name: "badinv01",
    demand: "400 for the separators without values in its Via.",
    datagram: BAD,
  },
  {
    section: "3.1.2.2",
    name: "clerr",
    demand: "400 if a datagram is shorter than Content-Length. A connection may still bring the rest.",
    datagram: BAD,
    stream: { verdicts: [{ kind: "waiting" }], closes: false },
  },
  {
    section: "3.1.2.3",
    name: "ncl",
    demand: "400 for a negative Content-Length; a connection is closed, as the next message cannot be found.",
    datagram: BAD,
    stream: CLOSED,
  },
  {
    section: "3.1.2.4",
    name: "scalar02",
    demand: "400 for a CSeq beyond 32 bits. The other numbers could be replaced by defaults.",
    datagram: BAD,
  },
  {
    section: "3.1.2.5",
    name: "scalarlg",
    demand: "A response with a CSeq beyond 32 bits is discarded.",
    datagram: { kind: "dropped" },
  },
  {
    section: "3.1.2.6",
    name: "quotbal",
    demand: "400 for a quoted string without end. Chosen over guessing where it ends.",
    datagram: BAD,
  },
  {
    section: "3.1.2.7",
    name: "ltgtruri",
    demand: "400 for angle brackets around the Request-URI. Chosen over ignoring them.",
    datagram: BAD,
  },
  {
    section: "3.1.2.8",
    name: "lwsruri",
    demand: "400 for white space in the Request-URI.",
    datagram: BAD,
  },
  {
    section: "3.1.2.9",
    name: "lwsstart",
    demand: "400 for several spaces in the Request-Line. Chosen over repair: its sender is broken, and is told.",
    datagram: BAD,
  },
  {
    section: "3.1.2.10",
    name: "trws",
    demand: "400 for spaces after the Request-Line. Chosen over repair.",
    datagram: BAD,
  },
  {
    section: "3.1.2.11",
    name: "escruri",
    demand: "400 for headers in the Request-URI, or forwarding without them. Chosen: 400, or they were lost silently.",
    datagram: BAD,
  },
  {
    section: "3.1.2.12",
    name: "baddate",
    demand: "400 for a Date that is not in GMT, or ignoring it. Chosen: forwarded, as a call needs no date.",
    datagram: RELAYED,
  },
  {
    section: "3.1.2.13",
    name: "regbadct",
    demand: "400 for a Contact with a question mark and no brackets. Chosen over guessing that all of it is the URI.",
    datagram: BAD,
  },
  {
    section: "3.1.2.14",
    name: "badaspec",
    demand: "400 for spaces within angle brackets, or ignoring them. Chosen: forwarded, as nothing else can be meant.",
    datagram: RELAYED,
  },
  {
    section: "3.1.2.15",
    name: "baddn",
    demand: "400 for a comma in a display name without quotes. Chosen over tolerance: others would read two addresses.",
    datagram: BAD,
  },
  {
    section: "3.1.2.16",
    name: "badvers",
    demand: "505 for a version that is not known, in the Request-Line and in Via.",
    datagram: { kind: "answered", status: 505 },
  },
  {
    section: "3.1.2.17",
    name: "mismatch01",
    demand: "400 for another method in CSeq.",
    datagram: BAD,
  },
  {
    section: "3.1.2.18",
    name: "mismatch02",
    demand: "501 or 400 for another method in CSeq, the request's own being unknown. A proxy knows all methods: 400.",
    datagram: BAD,
  },
  {
    section: "3.1.2.19",
    name: "bigcode",
    demand: "A response with a status beyond 699 is discarded.",
    datagram: { kind: "dropped" },
  },
  {
    section: "3.2.1",
    name: "badbranch",
    demand: "Well-formed; a branch that is nothing but the magic cookie tells no transactions apart (see below).",
    datagram: RELAYED,
  },
  {
    section: "3.3.1",
    name: "insuf",
    demand: "Ideally 400 for a request without Call-ID, From and To.",
    datagram: BAD,
  },
  {
    section: "3.3.2",
    name: "unkscm",
    demand: "416 for an unknown scheme in the Request-URI.",
    datagram: { kind: "answered", status: 416 },
  },
  {
    section: "3.3.3",
    name: "novelsc",
    demand: "416 for a scheme that is known, but none of SIP's.",
    datagram: { kind: "answered", status: 416 },
  },
  {
    section: "3.3.4",
    name: "unksm2",
    demand: "Well-formed; a registrar answers 400, as To has to be a SIP URI.",
    datagram: BAD,
  },
  {
    section: "3.3.5",
    name: "bext01",
    demand: "A proxy answers 420, and names what Proxy-Require wants and it lacks.",
    datagram: {
      kind: "answered",
      status: 420,
      fields: ["Unsupported: noProxiesSupportThis, norDoAnyProxiesSupportThis"],
    },
  },
  {
    section: "3.3.6",
    name: "invut",
    demand: "415 from an endpoint. What a body is made of is nothing to a proxy.",
    datagram: RELAYED,
  },
  {
    section: "3.3.7",
    name: "regaut01",
    demand: "A registrar that wants authentication ignores the unknown scheme, and challenges with 401.",
    residential: "closed",
    datagram: { kind: "answered", status: 401 },
  },
  {
    section: "3.3.8",
    name: "multi01",
    demand: "400 for headers that may stand once and stand twice.",
    datagram: BAD,
  },
  {
    section: "3.3.9",
    name: "mcl01",
    demand: "400 for two Content-Lengths; a connection is closed.",
    datagram: BAD,
    stream: CLOSED,
  },
  {
    section: "3.3.10",
    name: "bcast",
    demand:
      "A response is never sent to a broadcast address: without our request it is dropped, else it takes the way " +
      "that the request came.",
    datagram: { kind: "returned" },
  },
  {
    section: "3.3.11",
    name: "zeromf",
    demand: "A proxy answers 483, or OPTIONS itself. Chosen: 483, which a traceroute wants.",
    datagram: { kind: "answered", status: 483 },
  },
  {
    section: "3.3.12",
    name: "cparam01",
    demand: "The parameter belongs to the Contact, not to its URI.",
    datagram: registered("<sip:+19725552222@gw1.example.net>;expires=3600;unknownparam"),
  },
  {
    section: "3.3.13",
    name: "cparam02",
    demand: "The parameter belongs to the URI.",
    datagram: registered("<sip:+19725552222@gw1.example.net;unknownparam>;expires=3600"),
  },
  {
    section: "3.3.14",
    name: "regescrt",
    demand: "The Contact is registered with its header; the header is in no Request-URI later (see below).",
    datagram: registered("<sip:user@example.com?Route=%3Csip:sip.example.com%3E>;expires=3600"),
  },
  {
    section: "3.3.15",
    name: "sdp01",
    demand: "406 or 488 from an endpoint. What the caller can read is nothing to a proxy.",
    datagram: RELAYED,
  },
  {
    section: "3.4.1",
    name: "inv2543",
    demand:
      "Served: no branch, no tag in From, no Max-Forwards, no Content-Length. A connection cannot do without that.",
    datagram: RELAYED,
    stream: CLOSED,
  },
];

testTortureCases("rfc4475", "RFC 4475", CASES);

Deno.test("RFC 4475 §3.2.1 badbranch: another request with that branch is another transaction, the same one is none", async () => {
  const bench = new WireBench();
  const first = readTorture("rfc4475", "badbranch");
  await bench.datagram(first);
  await bench.datagram(first);
  assertEquals(bench.take().length, 1, "a retransmission");
  await bench.datagram(encodeOctets(decodeOctets(first).replace("badbranch.sadon", "another.sadon")));
  assertEquals(bench.take().length, 1, "another Call-ID");
});

Deno.test("RFC 4475 §3.3.14 regescrt: calls to the Contact have neither its headers nor its method in their Request-URI", async () => {
  const bench = new WireBench();
  const register = decodeOctets(readTorture("rfc4475", "regescrt"));
  await bench.datagram(encodeOctets(register.replace("?Route", ";method=INVITE;x=1?Route")));
  await bench.datagram(readTorture("rfc4475", "sdp01"));
  const [, invite] = bench.take();
  assertMatch(invite!.text, /^INVITE sip:user@example\.com;x=1 SIP\/2\.0\r\n/);
  assertEquals(/^Route:/m.test(invite!.text), false, "and no Route is made of them");
});
