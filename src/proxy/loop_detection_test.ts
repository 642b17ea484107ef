import { assert, assertEquals, assertNotEquals } from "../deps/assert.ts";
import { SipRequest } from "../sip/message.ts";
import type { ListenPoint } from "../transport/flow.ts";
import { isLoop, loopMark } from "./loop_detection.ts";
import { OwnAddress } from "./own_address.ts";

const POINT: ListenPoint = {
  transport: "udp",
  address: "192.0.2.10",
  port: 5060,
  family: "IPv4",
  advertisedHost: "192.0.2.10",
  advertisedPort: 5060,
};
const OWN = new OwnAddress([POINT], []);

function invite(uri = "sip:bob@example.com"): SipRequest {
  const request = new SipRequest("INVITE", uri);
  request.appendHeader("via", "SIP/2.0/UDP 203.0.113.4;branch=z9hG4bKclient");
  request.appendHeader("from", "<sip:alice@example.com>;tag=a");
  request.appendHeader("to", "<sip:bob@example.com>");
  request.appendHeader("call-id", "1");
  request.appendHeader("cseq", "1 INVITE");
  return request;
}

/** As it comes back after it left us, and perhaps another proxy. */
function returned(request: SipRequest, ...vias: string[]): SipRequest {
  const copy = request.clone();
  copy.prependHeader("via", `SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKours.${loopMark(request)}`);
  for (const via of vias) copy.prependHeader("via", via);
  return copy;
}

Deno.test("isLoop() knows a request that comes back unchanged (RFC 3261 §16.3 step 4)", () => {
  assert(isLoop(returned(invite()), OWN));
  assert(isLoop(returned(invite(), "SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKother"), OWN));
});

Deno.test("isLoop() lets a spiral pass: the same request for another URI (RFC 5393 §4.2)", () => {
  const spiral = returned(invite());
  spiral.setRequestUri("sip:carol@example.com");
  assertEquals(isLoop(spiral, OWN), false);
});

Deno.test("isLoop() takes no notice of a Via that cannot be read, even if it has the mark", () => {
  const request = invite();
  for (const via of ["nonsense", "SIP/2.0/UDP", "SIP/2.0/UDP ["]) {
    const copy = request.clone();
    copy.appendHeader("via", `${via}.${loopMark(request)}`);
    assertEquals(isLoop(copy, OWN), false);
  }
});

Deno.test("isLoop() takes no notice of what others write into their branches", () => {
  const request = invite();
  request.prependHeader("via", `SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKtheirs.${loopMark(request)}`);
  assertEquals(isLoop(request, OWN), false);
});

Deno.test("loopMark() differs for all that decides where a request goes, and not for the rest", () => {
  const mark = loopMark(invite());
  for (const name of ["route", "call-id", "cseq", "proxy-require", "to"]) {
    const other = invite();
    other.setHeader(name, "2 INVITE");
    assertNotEquals(loopMark(other), mark, name);
  }
  const other = invite();
  other.setHeader("user-agent", "x");
  assertEquals(loopMark(other), mark);
});
