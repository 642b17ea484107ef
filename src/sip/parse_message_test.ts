import { assert, assertEquals, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { SipSyntaxError } from "./errors.ts";
import { createResponse, SipRequest, SipResponse } from "./message.ts";
import { decodeOctets, encodeOctets, octetsToUtf8, utf8ToOctets } from "./octets.ts";
import { BadRequestError, parseMessage } from "./parse_message.ts";

/** The syntax of RFC 4475 §3.1.1.1, "a short tortuous INVITE": white space, folding and spellings of all kinds. */
const TORTUOUS = [
  "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0",
  "TO :",
  " sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n",
  'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>',
  "  ;",
  "  tag = 98asjd8",
  "MaX-fOrWaRdS: 0068",
  "Call-ID: wsinv.ndaksdj@192.0.2.1",
  "Content-Length   : 4",
  "cseq: 0009",
  "  INVITE",
  "Via  : SIP  /   2.0",
  " /UDP",
  "    192.0.2.2;branch=390skdjuw",
  "s :",
  "NewFangledHeader:   newfangled value",
  " continued newfangled value",
  "UnknownHeaderWithUnusualValue: ;;,,;;,;",
  "Content-Type: application/sdp",
  "Route:",
  " <sip:services.example.com;lr;unknownwith=value;unknown-no-value>",
  "v:  SIP  / 2.0  / TCP     spindle.example.com   ;",
  "  branch  =   z9hG4bK9ikj8  ,",
  " SIP  /    2.0   / UDP  192.168.255.111   ; branch=",
  " z9hG4bK30239",
  'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =',
  "      newvalue ;",
  "  secondparam ; q = 0.33",
  "",
  "v=0\n",
].join("\r\n");

const PLAIN = [
  "INVITE sip:bob@example.com SIP/2.0",
  "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
  "From: <sip:alice@example.com>;tag=a",
  "To: <sip:bob@example.com>",
  "Call-ID: 1@192.0.2.1",
  "CSeq: 1 INVITE",
  "Max-Forwards: 70",
  "X-Unknown:  kept   as it is \xe9\xff",
  "Content-Length: 0",
  "",
  "",
].join("\r\n");

Deno.test("parseMessage() reads white space, folding, compact and odd spellings (RFC 4475 §3.1.1.1)", () => {
  const message = parseMessage(TORTUOUS) as SipRequest;
  assertEquals(message.toTag, "1918181833n");
  assertEquals([message.from.displayName, message.fromTag], ['"J Rosenberg \\\\\\""', "98asjd8"]);
  assertEquals(message.cseq, { sequence: 9, method: "INVITE" });
  assertEquals(message.headerValues("via").length, 3);
  assertEquals([message.topVia.host, message.topVia.params.get("branch")], ["192.0.2.2", "390skdjuw"]);
  assertEquals(message.header("subject"), "");
  assertEquals(message.header("newfangledheader"), "newfangled value continued newfangled value");
  assertEquals(message.uri.params.has("unknownparam"), true);
  assertEquals(message.body, "v=0\n");
  assertEquals(message.serialize(), TORTUOUS, "what was not touched stays as it came");
});

Deno.test("parseMessage() and serialize() keep every byte of what is not touched", () => {
  assertEquals(parseMessage(PLAIN).serialize(), PLAIN);
});

for (
  const [what, change, status] of [
    ["another version (RFC 4475 §3.1.2.16)", (text: string) => text.replace("SIP/2.0\r\n", "SIP/7.0\r\n"), 505],
    [
      "a Request-URI in brackets (§3.1.2.7)",
      (text: string) => text.replace("sip:bob@example.com S", "<sip:bob@example.com> S"),
      400,
    ],
    ["spaces in the Request-Line (§3.1.2.9)", (text: string) => text.replace("INVITE sip", "INVITE  sip"), 400],
    [
      "a negative Content-Length (§3.1.2.3)",
      (text: string) => text.replace("Content-Length: 0", "Content-Length: -999"),
      400,
    ],
    [
      "a body that is not all there (§3.1.2.2)",
      (text: string) => text.replace("Content-Length: 0", "Content-Length: 9999"),
      400,
    ],
    ["methods that do not match (§3.1.2.17)", (text: string) => text.replace("1 INVITE", "1 BYE"), 400],
    ["two Call-IDs (§3.3.8)", (text: string) => text.replace("CSeq", "Call-ID: 2\r\nCSeq"), 400],
    ["a Max-Forwards that is no number", (text: string) => text.replace(": 70", ": x"), 400],
    [
      "a line feed alone, which the next server might take for a line's end",
      (text: string) => text.replace("X-Unknown:", "X-A: b\nX-Unknown:"),
      400,
    ],
    ["a header without a name", (text: string) => text.replace("X-Unknown", ""), 400],
    ["a control character", (text: string) => text.replace("kept", "\0"), 400],
    ["a control character after an escaped backslash", (text: string) => text.replace("From:", 'From: "\\\\\0"'), 400],
    ["an escaped control character that would get into logs", (text: string) => text.replace("1@", "\\\x1b1@"), 400],
    ["an escaped line feed", (text: string) => text.replace("From:", 'From: "\\\n"'), 400],
    ["a Via of nothing (RFC 4475 §3.1.2.1)", (text: string) => text.replace("z9hG4bK1", "z9hG4bK1,"), 400],
    ["a Via of parameters (RFC 4475 §3.1.2.1)", (text: string) => text.replace("z9hG4bK1", "z9hG4bK1,;a"), 400],
    ["a CSeq beyond 32 bits (§3.1.2.4)", (text: string) => text.replace("CSeq: 1", "CSeq: 4294967296"), 400],
    ["a To that cannot be read (§3.1.2.6)", (text: string) => text.replace("To: <", 'To: "Bob <'), 400],
    ["a request without To (§3.3.1)", (text: string) => text.replace(/To:.*\r\n/, ""), 400],
  ] as const
) {
  Deno.test(`parseMessage() refuses ${what} so that it can be answered ${status}`, () => {
    const error = assertThrows(() => parseMessage(change(PLAIN)), BadRequestError) as BadRequestError;
    assertEquals(error.statusHint, status);
    assert(createResponse(error.request, error.statusHint).header("call-id")!.endsWith("1@192.0.2.1"));
  });
}

for (
  const [what, text] of [
    ["nothing", ""],
    ["text that is not SIP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["a request without Via", PLAIN.replace(/Via.*\r\n/, "")],
    ["a status above 699 (§3.1.2.19)", PLAIN.replace(/^.*\r\n/, "SIP/2.0 4294967301 better not break\r\n")],
  ] as const
) {
  Deno.test(`parseMessage() drops ${what}`, () => {
    const error = assertThrows(() => parseMessage(text), SipSyntaxError);
    assert(!(error instanceof BadRequestError));
  });
}

Deno.test("parseMessage() takes what is escaped in a quoted string, whatever it is (RFC 3261 §25.1)", () => {
  const text = PLAIN.replace("<alice", '"a\\\0\\\x7f\\\\\\"" <alice').replace("z9hG4bK1", 'z9hG4bK1;x=", ,;"');
  assertEquals(parseMessage(text).serialize(), text);
});

Deno.test("createResponse() sends a To back as it came if it cannot be read, or is not there", () => {
  for (const [change, to] of [["To: <", 'To: "Bob <'], ["To: <sip:bob@example.com>\r\n", ""]] as const) {
    const text = PLAIN.replace(change, to);
    const { request } = assertThrows(() => parseMessage(text), BadRequestError) as BadRequestError;
    const response = createResponse(request, 400, undefined, "t1");
    assertEquals(response.header("to"), to === "" ? undefined : '"Bob <sip:bob@example.com>');
  }
});

Deno.test("parseMessage() takes any octets, or throws SipSyntaxError", () => {
  const mutated = fc.tuple(fc.nat(PLAIN.length), fc.nat(40), fc.string({ unit: "binary", maxLength: 10 }));
  fc.assert(
    fc.property(mutated, ([start, length, text]) => {
      const octets = decodeOctets(
        encodeOctets(PLAIN.slice(0, start) + utf8ToOctets(text) + PLAIN.slice(start + length)),
      );
      try {
        const message = parseMessage(octets);
        assert(message instanceof SipRequest || message instanceof SipResponse);
      } catch (error) {
        assert(error instanceof SipSyntaxError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("decodeOctets() and encodeOctets() keep any bytes; UTF-8 comes back as text", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    assertEquals(encodeOctets(decodeOctets(bytes)), new Uint8Array(bytes));
  }));
  assertEquals(octetsToUtf8(utf8ToOctets("naïve ☎")), "naïve ☎");
});
