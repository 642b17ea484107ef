import { assertEquals, assertMatch } from "../deps/assert.ts";
import { listenPoint } from "../../tests/support/fake_transport.ts";
import { Conversation, play } from "../../tests/support/conversation.ts";
import type { RoutingScript } from "./script.ts";

/** Relays everything to where routes and Request-URI lead, and stays in the path. */
const RELAY: RoutingScript = {
  request(call) {
    call.recordRoute();
    call.relay();
  },
};

Deno.test("ForwardedRequest counts Max-Forwards down, and adds one where there is none (RFC 3261 §16.6 step 3)", async () => {
  await play(
    `
    alice > OPTIONS sip:bob@203.0.113.20 | Max-Forwards: 7
    bob < OPTIONS | Max-Forwards: 6
    bob > 200
    alice < 200
    alice > OPTIONS sip:bob@203.0.113.20 | Max-Forwards: none
    bob < OPTIONS | Max-Forwards: 70
    bob > 200
    alice < 200
    alice > OPTIONS sip:bob@203.0.113.20 | Max-Forwards: 1
    bob < OPTIONS | Max-Forwards: 0
    bob > 200
    alice < 200
    alice > OPTIONS sip:bob@203.0.113.20 | Max-Forwards: 0
    alice < 483
    alice > OPTIONS sip:bob@203.0.113.20 | Max-Forwards: many
    alice < 400
    `,
    { script: RELAY },
  );
});

Deno.test("ForwardedRequest puts its Via on top, and notes in the one below where the request came from (§16.6 step 8, §18.2.1)", async () => {
  const { transport } = await play(
    `
    alice > OPTIONS sip:bob@203.0.113.20 | Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport
    bob < OPTIONS | Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK*;rport, SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport=5060;received=203.0.113.10
    bob > 200
    alice < 200 | Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport=5060;received=203.0.113.10
    `,
    { script: RELAY },
  );
  assertEquals(transport.sent.at(-1)!.target.address, "203.0.113.10");
});

Deno.test("ForwardedRequest leaves unknown headers and bodies as they are (§16.6 step 1)", async () => {
  const { transport } = await play(
    `
    alice > MESSAGE sip:bob@203.0.113.20 | X-Strange: "a;b , c | Content-Type: text/x-odd | sdp 10.0.0.1:4000
    bob < MESSAGE | X-Strange: "a;b , c | Content-Type: text/x-odd
    bob > 200 | Server: tin can
    alice < 200 | Server: tin can
    `,
    { script: RELAY },
  );
  assertMatch(transport.sent[0]!.text, /\r\n\r\nv=0\r\no=- 1 1 IN IP4 10\.0\.0\.1\r\n/);
});

Deno.test("ForwardedRequest records its route if the script says so, and in-dialog requests come back by it (§16.6 step 4, §16.12.1.1)", async () => {
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE | Record-Route: <sip:192.0.2.1;lr;sig=*>
    bob > 200
    alice < 200 | Record-Route: <sip:192.0.2.1;lr;sig=*>
    alice > ACK
    bob < ACK sip:bob@203.0.113.20 | Route: none | Max-Forwards: 69
    bob > BYE
    alice < BYE sip:alice@203.0.113.10 | Route: none
    alice > 200
    bob < 200
    `,
    { script: RELAY },
  );
});

Deno.test("ForwardedRequest without recordRoute() leaves the dialog to the phones", async () => {
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE | Record-Route: none
    bob > 486
    bob < ACK
    alice < 486
    `,
    { script: { request: (call) => call.relay() } },
  );
});

Deno.test("ForwardedRequest records both sides when the transport changes, and leaves by the right one (RFC 5658 §4)", async () => {
  await play(
    `
    bob = tcp 203.0.113.20:40001
    alice > INVITE sip:bob@203.0.113.20:40001;transport=tcp
    alice < 100
    bob < INVITE | Record-Route: <sip:192.0.2.1;transport=tcp;lr;r2=on;sig=*>, <sip:192.0.2.1;lr;r2=on;sig=*>
    bob > 200
    alice < 200 | Record-Route: <sip:192.0.2.1;transport=tcp;lr;r2=on;sig=*>, <sip:192.0.2.1;lr;r2=on;sig=*>
    alice > ACK
    bob < ACK | Route: none
    bob > INFO
    alice < INFO | Route: none | Via: SIP/2.0/UDP 192.0.2.1:5060;*
    alice > 200
    bob < 200
    alice > BYE
    bob < BYE | Route: none | Via: SIP/2.0/TCP 192.0.2.1:5060;*
    bob > 200
    alice < 200
    `,
    { script: RELAY },
  );
});

Deno.test("ForwardedRequest records both sides when the network changes, and leaves from the socket of the side (RFC 5658 §4)", async () => {
  const inside = listenPoint("udp", { address: "10.9.0.1", advertisedHost: "10.9.0.1" });
  const outside = listenPoint("udp");
  const conversation = new Conversation({
    listenPoints: [outside, inside],
    script: {
      request(call) {
        call.recordRoute();
        if (!call.hasToTag) {
          call.setDestinations([{
            uri: call.request.requestUri,
            target: { transport: "udp", address: "203.0.113.20", port: 5060, listenPoint: inside },
          }]);
        }
        call.relay();
      },
    },
  });
  await conversation.play(`
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE | Record-Route: <sip:10.9.0.1;lr;r2=on;sig=*>, <sip:192.0.2.1;lr;r2=on;sig=*> | Via: SIP/2.0/UDP 10.9.0.1*
    bob > 200
    alice < 200
    alice > ACK
    bob < ACK | Via: SIP/2.0/UDP 10.9.0.1*
    alice > BYE
    bob < BYE | Via: SIP/2.0/UDP 10.9.0.1*
    bob > 200
    alice < 200
  `);
  assertEquals(conversation.bench.transport.sent.at(-2)!.target.listenPoint, inside);
});

Deno.test("ForwardedRequest follows a Route that leads elsewhere, and leaves it for whom it names (§16.6 step 7)", async () => {
  await play(
    `
    alice > OPTIONS sip:bob@elsewhere.example | Route: <sip:192.0.2.1;lr> && <sip:203.0.113.30;lr>
    carol < OPTIONS sip:bob@elsewhere.example | Route: <sip:203.0.113.30;lr>
    carol > 200
    alice < 200
    `,
    { script: RELAY },
  );
});

Deno.test("ForwardedRequest gives a strict router what it wants (§16.6 step 6)", async () => {
  await play(
    `
    alice > OPTIONS sip:bob@elsewhere.example | Route: <sip:203.0.113.30>, <sip:203.0.113.40;lr>
    carol < OPTIONS sip:203.0.113.30 | Route: <sip:203.0.113.40;lr>, <sip:bob@elsewhere.example>
    carol > 200
    alice < 200
    `,
    { script: RELAY },
  );
});

Deno.test("ForwardedRequest undoes what a strict router before it has done (§16.4, §16.12.1.2)", async () => {
  await play(
    `
    alice > OPTIONS sip:192.0.2.1;lr | Route: <sip:203.0.113.30;lr>, <sip:bob@elsewhere.example>
    carol < OPTIONS sip:bob@elsewhere.example | Route: <sip:203.0.113.30;lr>
    carol > 200
    alice < 200
    alice > OPTIONS sip:192.0.2.1;lr | Route: <sip:bob@203.0.113.20>
    bob < OPTIONS sip:bob@203.0.113.20 | Route: none
    bob > 200
    alice < 200
    `,
    { script: RELAY },
  );
});

Deno.test("ForwardedRequest refuses a Route that is none, and a Request-URI that cannot be reached", async () => {
  await play(
    `
    alice > OPTIONS sip:bob@203.0.113.20 | Route: <nonsense>
    alice < 400 Bad Route
    alice > OPTIONS sip:bob@nowhere.example
    alice < 404
    alice > OPTIONS unknown:bob
    alice < 416
    `,
    { script: RELAY },
  );
});

Deno.test("ForwardedRequest sends a request that is too large for a datagram over TCP (§18.1.1)", async () => {
  const conversation = new Conversation({ script: RELAY });
  await conversation.play(`
    carol = tcp 203.0.113.20:5060
    alice > MESSAGE sip:bob@203.0.113.20 | Subject: ${"x".repeat(1200)}
    carol < MESSAGE | Via: SIP/2.0/TCP *
    carol > 200
    alice < 200
  `);
});

Deno.test("ForwardedRequest goes back to UDP when nobody listens on TCP there (§18.1.1)", async () => {
  await play(
    `
    carol = tcp 203.0.113.20:5060
    carol gone
    alice > MESSAGE sip:bob@203.0.113.20 | Subject: ${"x".repeat(1200)}
    bob < MESSAGE | Via: SIP/2.0/UDP *
    bob > 200
    alice < 200
    `,
    { script: RELAY },
  );
});

Deno.test("ForwardedRequest tries a domain's other servers when one does not answer, or answers 503 (RFC 3263 §4.3)", async () => {
  const dns = {
    "_sip._udp.away.example": ["1 0 5060 one.away.example", "2 0 5060 two.away.example", "3 0 5060 three.away.example"],
    "one.away.example": ["203.0.113.20"],
    "two.away.example": ["203.0.113.30"],
    "three.away.example": ["203.0.113.40"],
  };
  await play(
    `
    bob gone
    alice > OPTIONS sip:x@away.example
    carol < OPTIONS sip:x@away.example
    carol > 503
    dave < OPTIONS sip:x@away.example
    dave > 200
    alice < 200
    alice > OPTIONS sip:y@away.example    # those that failed lately come last
    dave < OPTIONS sip:y@away.example
    dave > 200
    alice < 200
    `,
    { script: RELAY, dns },
  );
});

Deno.test("ForwardedRequest tries the next server of a domain after 32 s of silence (RFC 3263 §4.3)", async () => {
  const dns = {
    "_sip._udp.away.example": ["1 0 5060 one.away.example", "2 0 5060 two.away.example"],
    "one.away.example": ["203.0.113.20"],
    "two.away.example": ["203.0.113.30"],
  };
  await play(
    `
    alice > INVITE sip:x@away.example
    alice < 100
    bob < INVITE
    +31500
    bob < INVITE
    bob < INVITE
    bob < INVITE
    bob < INVITE
    bob < INVITE
    bob < INVITE
    +500
    carol < INVITE
    carol > 200
    alice < 200
    `,
    { script: RELAY, dns },
  );
});
