import { assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { findSdp } from "./multipart.ts";

const SDP = "v=0\r\nm=audio 6000 RTP/AVP 0\r\n";
const MIXED = 'multipart/mixed;boundary="b 1"';

function found(contentType: string | undefined, body: string): string | undefined {
  const range = findSdp(contentType, body);
  return range && body.slice(range.start, range.end);
}

function multipart(boundary: string, ...parts: string[]): string {
  return parts.map((part) => `--${boundary}\r\n${part}\r\n`).join("") + `--${boundary}--\r\n`;
}

const SDP_PART = `Content-Type: application/sdp\r\n\r\n${SDP}`;
const ISUP_PART =
  "Content-Type: application/isup;version=itu\r\nContent-Transfer-Encoding: binary\r\n\r\n\x01\x00I\xff";

Deno.test("findSdp() takes the whole body of application/sdp, in whatever case and with parameters", () => {
  for (const type of ["application/sdp", "Application/SDP", " application/sdp ; charset=utf-8"]) {
    assertEquals([type, found(type, SDP)], [type, SDP]);
  }
});

Deno.test("findSdp() finds nothing in other bodies, in empty ones, and without a type", () => {
  assertEquals(found("application/dtmf-relay", SDP), undefined);
  assertEquals(found("application/sdpx", SDP), undefined);
  assertEquals(found("application/sdp", ""), undefined);
  assertEquals(found(undefined, SDP), undefined);
  assertEquals(found("multipart/mixed", multipart("b", SDP_PART)), undefined);
});

Deno.test("findSdp() finds the part in any multipart, whatever stands around it (RFC 5621 §3)", () => {
  for (const type of ["mixed", "related", "alternative"]) {
    const body = `preamble\r\n--b\r\n${SDP_PART}\r\n--b\r\n${ISUP_PART}\r\n--b--\r\nepilogue --b\r\n`;
    assertEquals(found(`multipart/${type};boundary=b`, body), SDP);
  }
  assertEquals(found(MIXED, multipart("b 1", ISUP_PART, SDP_PART)), SDP);
});

Deno.test("findSdp() reads the headers of a part: case, compact form, folding, other headers (RFC 2046 §5.1)", () => {
  assertEquals(found(MIXED, multipart("b 1", `content-TYPE : application/SDP\r\n\r\n${SDP}`)), SDP);
  assertEquals(found(MIXED, multipart("b 1", `c: application/sdp\r\n\r\n${SDP}`)), SDP);
  assertEquals(
    found(MIXED, multipart("b 1", `Content-ID: <1>\r\nContent-Type:\r\n application/sdp\r\n\r\n${SDP}`)),
    SDP,
  );
  assertEquals(found(MIXED, multipart("b 1", `\r\nContent-Type: application/sdp\r\n\r\n${SDP}`)), undefined);
});

Deno.test("findSdp() accepts bare LF, and white space behind a boundary (RFC 2046 §5.1.1)", () => {
  assertEquals(found(MIXED, multipart("b 1", SDP_PART).replaceAll("\r\n", "\n")), SDP.replaceAll("\r\n", "\n"));
  assertEquals(found(MIXED, multipart("b 1", SDP_PART).replaceAll("--b 1\r\n", "--b 1 \t\r\n")), SDP);
});

Deno.test("findSdp() does not take a longer boundary for its own, nor one in the middle of a line", () => {
  const type = "multipart/mixed;boundary=b";
  const body = `--b\r\nContent-Type: text/plain\r\n\r\n--bb\r\n${SDP_PART}\r\n--b--\r\n`;
  assertEquals(found(type, body), undefined);
  assertEquals(found(type, body.replace("--b--", `--b\r\n${SDP_PART}\r\n--b--`)), SDP);
  const inLine = SDP.replace("v=0", "v=0\r\ns=--b");
  assertEquals(found(type, multipart("b", SDP_PART.replace(SDP, inLine))), inLine);
});

Deno.test("findSdp() does not look into the epilogue, nor into an empty part", () => {
  const body = multipart("b 1", ISUP_PART) + multipart("b 1", SDP_PART);
  assertEquals(found(MIXED, body), undefined);
  assertEquals(found(MIXED, multipart("b 1", "Content-Type: application/sdp\r\n\r\n")), undefined);
});

Deno.test("findSdp() looks into a multipart within a multipart, and no deeper", () => {
  const nest = (boundary: string, part: string) =>
    `Content-Type: multipart/alternative;boundary=${boundary}\r\n\r\n${multipart(boundary, part)}`;
  assertEquals(found(MIXED, multipart("b 1", ISUP_PART, nest("inner", SDP_PART))), SDP);
  assertEquals(found(MIXED, multipart("b 1", nest("inner", nest("deep", SDP_PART)))), undefined);
});

Deno.test("findSdp() leaves an SDP alone that is encoded, or whose end is missing", () => {
  const encoded = `Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\ndj0w\r\n`;
  assertEquals(found(MIXED, multipart("b 1", encoded)), undefined);
  assertEquals(found(MIXED, `--b 1\r\n${SDP_PART}`), undefined);
});

Deno.test("findSdp() is total, and its range lies within the body", () => {
  const piece = fc.constantFrom(
    "--b",
    "--b--",
    "\r\n",
    "\n",
    "\r\n\r\n",
    "Content-Type: application/sdp",
    "c:",
    " ",
    "v=0",
  );
  const type = fc.oneof(fc.constant("multipart/mixed;boundary=b"), fc.string());
  fc.assert(
    fc.property(type, fc.array(fc.oneof(piece, fc.string()), { maxLength: 30 }), (contentType, pieces) => {
      const body = pieces.join("");
      const range = findSdp(contentType, body);
      if (range !== undefined) {
        assertEquals(0 <= range.start && range.start < range.end && range.end <= body.length, true);
      }
    }),
    { numRuns: 1000 },
  );
});
