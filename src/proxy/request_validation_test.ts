import { assertEquals } from "../deps/assert.ts";
import { SipRequest } from "../sip/message.ts";
import { refuse } from "./request_validation.ts";

function request(uri = "sip:bob@example.com"): SipRequest {
  const it = new SipRequest("OPTIONS", uri);
  it.appendHeader("via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
  it.appendHeader("from", "<sip:alice@example.com>;tag=a");
  it.appendHeader("to", "<sip:bob@example.com>");
  return it;
}

Deno.test("refuse() lets good requests pass, without Max-Forwards too (RFC 3261 §16.3)", () => {
  assertEquals(refuse(request()), undefined);
});

Deno.test("refuse() answers a scheme that is not SIP's with 416, and leaves tel to the script (§16.3 step 2)", () => {
  assertEquals(refuse(request("http://example.com"))?.status, 416);
  assertEquals(refuse(request("tel:+31201234567")), undefined);
});

Deno.test("refuse() answers headers in the Request-URI with 400 (RFC 3261 §19.1.1, RFC 4475 §3.1.2.11)", () => {
  assertEquals(refuse(request("sip:bob@example.com?Route=%3Csip:example.com%3E"))?.status, 400);
  assertEquals(refuse(request("sip:bob?a@example.com")), undefined); // that question mark is the user's
});

Deno.test("refuse() answers 483 when no hop is left (§16.3 step 3)", () => {
  const last = request();
  last.setHeader("max-forwards", "0");
  assertEquals(refuse(last)?.status, 483);
  last.setHeader("max-forwards", "000");
  assertEquals(refuse(last)?.status, 483);
  last.setHeader("max-forwards", "1");
  assertEquals(refuse(last), undefined);
});

Deno.test("refuse() names the extensions that it lacks with 420 (§16.3 step 5)", () => {
  const it = request();
  it.setHeader("proxy-require", "path, sec-agree");
  const response = refuse(it);
  assertEquals([response?.status, response?.header("unsupported")], [420, "sec-agree"]);
});
