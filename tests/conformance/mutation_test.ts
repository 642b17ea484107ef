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
import { WireBench } from "./wire_bench.ts";
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

const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...SHARP) },
  { weight: 1, arbitrary: fc.constantFrom(...HEADERS).map((name) => `\r\n${name}: `) },
  { weight: 1, arbitrary: fc.constantFrom(...MESSAGES) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }).map((bytes) => decodeOctets(bytes)) },
);
/** Puts a piece in the place of some bytes. */
const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), length: fc.nat(12), piece });
const mutated = fc.tuple(fc.constantFrom(...MESSAGES), fc.array(edit, { minLength: 1, maxLength: 4 })).map(
  ([message, edits]) =>
    edits.reduce((text, { at, length, piece }) => {
      const start = Math.floor(at * text.length);
      return text.slice(0, start) + piece + text.slice(start + length);
    }, message),
);

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

Deno.test("the proxy survives broken torture messages, and serves whoever comes next", async () => {
  const good = encodeOctets(
    MESSAGES.find((text) => text.includes("lwsdisp"))!.replace("lwsdisp", "next").replace("kdjuw", "next"),
  );
  await fc.assert(
    fc.asyncProperty(mutated, async (text) => {
      const bench = new WireBench();
      await bench.datagram(encodeOctets(text));
      await bench.stream(encodeOctets(text));
      assertEquals(bench.log.messages("error"), []);
      bench.take();
      await bench.datagram(good);
      assertEquals(bench.take().length, 1);
    }),
    { numRuns: 300 },
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
