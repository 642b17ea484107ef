/** Torture messages, broken further: whatever comes, the parser answers in its one way, and the proxy goes on. @module */
import { assert, assertEquals } from "../../src/deps/assert.ts";
import { fc } from "../../src/deps/fast_check.ts";
import { SipSyntaxError } from "../../src/sip/errors.ts";
import { type SipMessage, SipRequest } from "../../src/sip/message.ts";
import { parseNameAddr } from "../../src/sip/name_addr.ts";
import { decodeOctets, encodeOctets } from "../../src/sip/octets.ts";
import { parseMessage } from "../../src/sip/parse_message.ts";
import { StreamFramer } from "../../src/sip/stream_framer.ts";
import { parseSipUri } from "../../src/sip/uri.ts";
import { parseVia } from "../../src/sip/via.ts";
import { WireBench, type WireBenchOptions } from "./wire_bench.ts";
import { readTorture, tortureNames } from "./torture.ts";

const MESSAGES = ["rfc4475", "rfc5118"].flatMap((rfc) =>
  tortureNames(rfc).map((name) => decodeOctets(readTorture(rfc, name)))
);

/** What grammars turn on, and what strings end with. */
const SHARP = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ";",
  ",",
  ":",
  "@",
  "<",
  ">",
  '"',
  "\\",
  "[",
  "]",
  "?",
  "=",
  "%",
  "/",
  "\xff",
];
const HEADERS = [
  "Via",
  "Route",
  "Record-Route",
  "To",
  "Contact",
  "CSeq",
  "Max-Forwards",
  "Content-Length",
  "Proxy-Require",
];

/** What means something to us. */
const WORDS = [
  "<sip:198.51.100.1;lr>",
  "<sip:198.51.100.1;lr;r2=on>, <sip:[2001:db8::10];transport=tcp;lr;r2=on>",
  "sip:198.51.100.1;lr",
  "sip:example.com",
  "sip:alice@example.com",
  ";alias=192.0.2.1~5060~udp",
  ";tag=1",
  ";branch=z9hG4bK",
  ";received=[::1]",
  ";rport=x",
  ";maddr=192.0.2.9",
  ";expires=0",
  ";lr",
  'Digest realm="example.com",',
];

const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...SHARP) },
  { weight: 2, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 2, arbitrary: fc.constantFrom(...HEADERS).map((name) => `\r\n${name}: `) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(...HEADERS), fc.constantFrom(...WORDS)).map((it) => `\r\n${it.join(": ")}`),
  },
  { weight: 1, arbitrary: fc.constantFrom(...MESSAGES) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }).map((bytes) => decodeOctets(bytes)) },
);
/** Puts a piece in the place of some bytes. */
const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), length: fc.nat(12), piece });
const edits = fc.array(edit, { minLength: 1, maxLength: 4 });
const mutated = fc.tuple(fc.constantFrom(...MESSAGES), edits).map(([message, them]) => apply(message, them));

function apply(message: string, edits: readonly { at: number; length: number; piece: string }[]): string {
  return edits.reduce((text, { at, length, piece }) => {
    const start = Math.floor(at * text.length);
    return text.slice(0, start) + piece + text.slice(start + length);
  }, message);
}

/** `undefined` if it is refused in the one way that there is; anything else that is thrown fails the test. */
function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SipSyntaxError) return undefined;
    throw error;
  }
}

/** Reads all that a proxy or its script may ask a message for. */
function readAll(message: SipMessage): void {
  void [message.topVia, message.from, message.to, message.cseq, message.callId, message.fromTag, message.toTag];
  for (const value of message.headerValues("via")) attempt(() => parseVia(value));
  for (const name of ["contact", "route", "record-route", "path"]) {
    for (const value of message.headerValues(name)) attempt(() => parseSipUri(parseNameAddr(value).uri));
  }
  if (message instanceof SipRequest) attempt(() => message.uri);
}

Deno.test("parseMessage() of broken torture messages gives a message that can be used, or SipSyntaxError", () => {
  let parsed = 0;
  fc.assert(
    fc.property(mutated, (text) => {
      const message = attempt(() => parseMessage(text));
      if (message === undefined) return;
      parsed++;
      readAll(message);
      const serialized = message.serialize();
      const head = text.slice(0, text.indexOf("\r\n\r\n"));
      assert(
        serialized.startsWith(head.slice(head.indexOf("\r\n")), serialized.indexOf("\r\n")),
        "each field as it came",
      );
      const again = parseMessage(serialized);
      assertEquals(again.serialize(), serialized);
      assertEquals(again.body, message.body);
    }),
    { numRuns: 5000 },
  );
  assert(parsed > 250, `only ${parsed} were good enough to be looked at`);
});

const SETUPS: readonly WireBenchOptions[] = [{}, { residential: "open" }, { residential: "closed" }];

Deno.test("the proxy survives broken torture messages, and serves whoever comes next", async () => {
  const good = MESSAGES.find((text) => text.includes("zeromf"))!.replaceAll(/zeromf|kdjuw/g, "next");
  await fc.assert(
    fc.asyncProperty(mutated, fc.constantFrom(...SETUPS), async (text, setup) => {
      const bench = new WireBench(setup);
      await bench.datagram(encodeOctets(text));
      await bench.stream(encodeOctets(text));
      await bench.advance(200_000);
      assertEquals(bench.log.messages("error"), []);
      bench.take();
      await bench.datagram(encodeOctets(good));
      assertEquals(bench.take().length, 1);
    }),
    { numRuns: 300 },
  );
});

Deno.test("the proxy survives broken answers to what it has sent, and whoever asked has one answer", async () => {
  const responses = MESSAGES.filter((text) => text.startsWith("SIP/2.0"));
  const answers = fc.constantFrom(...responses).chain((text) => edits.map((them) => apply(text, them)));
  const invite = MESSAGES.find((text) => text.includes("sdp01"))!;
  await fc.assert(
    fc.asyncProperty(fc.array(answers, { minLength: 1, maxLength: 3 }), async (texts) => {
      const bench = new WireBench();
      await bench.datagram(encodeOctets(invite));
      const ownVia = /\r\nVia: .*/.exec(bench.take()[0]!.text)![0];
      for (const text of texts) await bench.datagram(encodeOctets(text.replace("\r\n", `${ownVia}\r\n`)));
      await bench.advance(400_000);
      assertEquals(bench.log.messages("error"), []);
      assert(bench.take().some(({ text }) => /^SIP\/2\.0 [2-6]/.test(text)), "a final response, be it 408");
    }),
    { numRuns: 60 },
  );
});

Deno.test("StreamFramer cuts torture messages in the same way whatever the chunks are", () => {
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 });
  const stream = fc.array(fc.oneof(fc.constantFrom(...MESSAGES), mutated), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(stream, cuts, (texts, places) => {
      const bytes = encodeOctets(texts.join(""));
      const framer = new StreamFramer();
      const ends = [...places.map((place) => Math.floor(place * bytes.length)).sort((a, b) => a - b), bytes.length];
      const items = ends.flatMap((end, index) => framer.push(bytes.subarray(ends[index - 1] ?? 0, end)));
      assertEquals(items, new StreamFramer().push(bytes));
    }),
    { numRuns: 1000 },
  );
});
