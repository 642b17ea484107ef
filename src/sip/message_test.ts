import { assertEquals } from "../deps/assert.ts";
import { SipRequest } from "./message.ts";
import { parseMessage } from "./parse_message.ts";

/** A request with these lines after the ones that it needs; their texts come back from {@linkcode linesOf}. */
function requestWith(...lines: readonly string[]): SipRequest {
  const message = parseMessage([
    "OPTIONS sip:bob@example.com SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
    "From: <sip:alice@example.com>;tag=a",
    "To: <sip:bob@example.com>",
    "Call-ID: 1",
    "CSeq: 1 OPTIONS",
    ...lines,
    "\r\n",
  ].join("\r\n"));
  if (message instanceof SipRequest) return message;
  throw new TypeError("not a request");
}

function linesOf(request: SipRequest): string[] {
  return request.fields.slice(5).map(({ text }) => text);
}

const ROUTES = ["X-A: 1", "Route: <sip:a>,\t<sip:b>", "X-B: 2", "route:<sip:c>"];

Deno.test("headerValues() gives all values of a list, header() and headerFields() whole fields", () => {
  const request = requestWith(...ROUTES, "Supported: , a,,b ,");
  assertEquals(request.headerValues("route"), ["<sip:a>", "<sip:b>", "<sip:c>"]);
  assertEquals(request.header("route"), "<sip:a>,\t<sip:b>");
  assertEquals(request.headerFields("route"), ["<sip:a>,\t<sip:b>", "<sip:c>"]);
  assertEquals(request.headerValues("supported"), ["a", "b"]);
  assertEquals([request.headerValues("path"), request.header("path"), request.hasHeader("path")], [
    [],
    undefined,
    false,
  ]);
});

for (
  const [what, change, lines] of [
    ["prependHeader() before the first", (it: SipRequest) => it.prependHeader("route", "<sip:z>"), [
      "X-A: 1",
      "Route: <sip:z>",
      "Route: <sip:a>,\t<sip:b>",
      "X-B: 2",
      "route:<sip:c>",
    ]],
    ["appendHeader() after the last", (it: SipRequest) => {
      it.appendHeader("x-a", "3");
      it.appendHeader("p-new-one", "4");
    }, ["X-A: 1", "X-A: 3", "Route: <sip:a>,\t<sip:b>", "X-B: 2", "route:<sip:c>", "P-New-One: 4"]],
    ["setHeader() in the place of all", (it: SipRequest) => it.setHeader("route", "<sip:z>"), [
      "X-A: 1",
      "Route: <sip:z>",
      "X-B: 2",
    ]],
    ["removeHeader() all", (it: SipRequest) => it.removeHeader("route"), ["X-A: 1", "X-B: 2"]],
    ["removeFirstValue() the first", (it: SipRequest) => it.removeFirstValue("route"), [
      "X-A: 1",
      "Route: <sip:b>",
      "X-B: 2",
      "route:<sip:c>",
    ]],
    ["removeFirstValue() one after the other", (it: SipRequest) => {
      for (let count = 0; count < 4; count++) it.removeFirstValue("route");
    }, ["X-A: 1", "X-B: 2"]],
    ["replaceFirstValue() the first", (it: SipRequest) => it.replaceFirstValue("route", "<sip:z>"), [
      "X-A: 1",
      "Route: <sip:z>, <sip:b>",
      "X-B: 2",
      "route:<sip:c>",
    ]],
    ["replaceFirstValue() nothing, if there is none", (it: SipRequest) => it.replaceFirstValue("path", "z"), ROUTES],
  ] as const
) {
  Deno.test(`a message changes by ${what}; the rest stays as it came`, () => {
    const request = requestWith(...ROUTES);
    change(request);
    assertEquals(linesOf(request), [...lines]);
  });
}

Deno.test("the first value of a list is the first that is not empty, for all who ask, remove and replace", () => {
  const request = requestWith("Route:", "Route: ,<sip:a>,,<sip:b>");
  request.replaceFirstValue("route", "<sip:z>");
  assertEquals(request.headerValues("route"), ["<sip:z>", "<sip:b>"]);
  request.removeFirstValue("route");
  assertEquals(request.headerValues("route"), ["<sip:b>"]);
  request.removeFirstValue("route");
  assertEquals([request.headerValues("route"), request.hasHeader("route")], [[], false]);
});

Deno.test("what is parsed of a message is parsed anew once it has changed", () => {
  const request = requestWith();
  assertEquals([request.topVia.host, request.cseq.sequence, request.fromTag, request.toTag], ["192.0.2.1", 1, "a", ""]);
  request.prependHeader("via", "SIP/2.0/TCP 192.0.2.9");
  request.setHeader("cseq", "2 OPTIONS");
  request.setHeader("from", "<sip:alice@example.com>;tag=c");
  request.setHeader("to", "<sip:bob@example.com>;tag=b");
  request.setRequestUri("sip:carol@example.net");
  assertEquals([request.topVia.host, request.cseq.sequence, request.fromTag, request.toTag], [
    "192.0.2.9",
    2,
    "c",
    "b",
  ]);
  assertEquals([request.uri.user, request.uri.host], ["carol", "example.net"]);
});

Deno.test("a copy is changed without its original", () => {
  const request = requestWith("X-A: 1");
  const copy = request.clone();
  copy.setHeader("x-a", "2");
  copy.setBody("hi", "text/plain");
  assertEquals([request.header("x-a"), request.body, request.hasHeader("content-type")], ["1", "", false]);
  assertEquals([copy.header("x-a"), copy.body, copy.header("content-length")], ["2", "hi", "2"]);
  copy.setBody("");
  assertEquals([copy.hasHeader("content-type"), copy.header("content-length")], [false, "0"]);
});
