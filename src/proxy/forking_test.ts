import { assertEquals } from "../deps/assert.ts";
import { play } from "../../tests/support/conversation.ts";
import type { RoutingScript } from "./script.ts";

const at = (address: string, q?: number) => ({ uri: `sip:x@${address}`, ...q === undefined ? {} : { q } });

/** Bob and Carol at once; if both fail, Dave. */
const FORK: RoutingScript = {
  request(call) {
    if (!call.hasToTag) {
      call.setDestinations([at("203.0.113.20"), at("203.0.113.30"), at("203.0.113.40", 0.5)]);
      call.recordRoute();
    }
    call.relay();
  },
};

Deno.test("A forked INVITE rings at all phones, and goes to the first that answers (RFC 3261 §16.7 steps 5, 10)", async () => {
  await play(
    `
    alice > INVITE sip:x@example.com
    alice < 100
    bob < INVITE sip:x@203.0.113.20
    carol < INVITE sip:x@203.0.113.30
    bob > 180
    alice < 180 | To: *;tag=bob
    carol > 180
    alice < 180 | To: *;tag=carol
    carol > 200
    alice < 200 | To: *;tag=carol
    bob < CANCEL | Reason: SIP ;cause=200 ;text="Call completed elsewhere"
    bob > 200 CANCEL
    bob > 487 INVITE
    bob < ACK
    alice > ACK
    carol < ACK
    alice > BYE
    carol < BYE
    carol > 200
    alice < 200
    `,
    { script: FORK },
  );
});

Deno.test("A branch that has not answered at all is canceled once it does (§9.1)", async () => {
  await play(
    `
    alice > INVITE sip:x@example.com
    alice < 100
    bob < INVITE
    carol < INVITE
    carol > 200
    alice < 200
    +100
    bob > 100
    bob < CANCEL
    bob > 200 CANCEL
    bob > 487 INVITE
    bob < ACK
    `,
    { script: FORK },
  );
});

Deno.test("Every phone that answers reaches the caller: each 200 is a dialog of its own (§16.7 step 5, RFC 6026 §7.2)", async () => {
  await play(
    `
    alice > INVITE sip:x@example.com
    alice < 100
    bob < INVITE
    carol < INVITE
    bob > 180
    alice < 180
    carol > 200
    alice < 200 | To: *;tag=carol
    bob < CANCEL
    bob > 200 INVITE
    alice < 200 | To: *;tag=bob
    bob > again
    alice < 200 | To: *;tag=bob
    bob > 481 CANCEL
    `,
    { script: FORK },
  );
});

Deno.test("The next group is tried when all of the first have failed, and the best failure is told at last (§16.6, §16.7 step 6)", async () => {
  await play(
    `
    alice > INVITE sip:x@example.com
    alice < 100
    bob < INVITE
    carol < INVITE
    bob > 486
    bob < ACK
    carol > 404
    carol < ACK
    dave < INVITE
    dave > 480
    dave < ACK
    alice < 486
    alice > ACK
    `,
    { script: FORK },
  );
});

Deno.test("A 6xx ends all branches and goes upstream when they have ended (§16.7 step 5)", async () => {
  await play(
    `
    alice > INVITE sip:x@example.com
    alice < 100
    bob < INVITE
    carol < INVITE
    carol > 180
    alice < 180
    bob > 603
    bob < ACK
    carol < CANCEL | Reason: SIP ;cause=603 ;text="Declined elsewhere"
    carol > 200 CANCEL
    carol > 487 INVITE
    carol < ACK
    alice < 603
    `,
    { script: FORK },
  );
});

Deno.test("A 6xx does not hold up a phone that answers at the same moment (§16.7 step 5)", async () => {
  await play(
    `
    alice > INVITE sip:x@example.com
    alice < 100
    bob < INVITE
    carol < INVITE
    carol > 180
    alice < 180
    bob > 600
    bob < ACK
    carol < CANCEL
    carol > 200 INVITE
    alice < 200
    carol > 481 CANCEL
    +200s
    `,
    { script: FORK },
  );
});

Deno.test("A phone that rings on and on is canceled at timer C, and the caller told 408 (§16.8)", async () => {
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE
    bob > 180
    alice < 180
    +100s
    bob > 183        # timer C begins anew
    alice < 183
    +184s
    +1s
    bob < CANCEL | Reason: SIP ;cause=408 ;text="No answer"
    bob > 200 CANCEL
    bob > 487 INVITE
    bob < ACK
    alice < 408
    `,
    { script: { request: (call) => call.relay() } },
  );
});

Deno.test("100 Trying stays with the hop that it is for, and other provisional responses go on (§16.7 step 5)", async () => {
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE
    bob > 100
    bob > 181
    alice < 181
    bob > 199
    alice < 199
    bob > 183
    alice < 183
    bob > 404
    bob < ACK
    alice < 404
    `,
    { script: { request: (call) => call.relay() } },
  );
});

Deno.test("A phone that never answers is given up after 32 s, and the caller told 408 (§16.7 step 6, §17.1.1.2)", async () => {
  await play(
    `
    alice > MESSAGE sip:bob@203.0.113.20
    bob < MESSAGE
    +500
    bob < MESSAGE
    +1s
    bob < MESSAGE
    +2s
    bob < MESSAGE
    +4s
    bob < MESSAGE
    +4s
    bob < MESSAGE
    +4s
    bob < MESSAGE
    +4s
    bob < MESSAGE
    +4s
    bob < MESSAGE
    +4s
    bob < MESSAGE
    +4s
    bob < MESSAGE
    +500
    alice < 408
    `,
    { script: { request: (call) => call.relay() } },
  );
});

Deno.test("A response that belongs to nothing goes nowhere (RFC 6026 §8.3)", async () => {
  const { core } = await play(
    `
    alice > OPTIONS sip:bob@203.0.113.20
    bob < OPTIONS
    bob > 200
    alice < 200
    +64s
    bob > again
    `,
    { script: { request: (call) => call.relay() } },
  );
  assertEquals(core.statistics().strayResponses, 1);
});

Deno.test("The best failure holds the challenges of all branches (§16.7 step 7)", async () => {
  await play(
    `
    alice > MESSAGE sip:x@example.com
    bob < MESSAGE
    carol < MESSAGE
    bob > 407 | Proxy-Authenticate: Digest realm="a", nonce="1"
    carol > 401 | WWW-Authenticate: Digest realm="b", nonce="2"
    dave < MESSAGE
    dave > 404
    alice < 407 | Proxy-Authenticate: Digest realm="a", nonce="1" | WWW-Authenticate: Digest realm="b", nonce="2"
    `,
    { script: FORK },
  );
});

Deno.test("A failure route sees the best failure, and may try somebody else (§16.7 step 4)", async () => {
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE
    bob > 486
    bob < ACK
    carol < INVITE sip:x@203.0.113.30 | X-Forwarded: busy
    carol > 404
    carol < ACK
    alice < 480 Gone Fishing
    `,
    {
      script: {
        request: (call) => call.relay(),
        failure(call) {
          if (call.status === 404) return call.reply(480, "Gone Fishing");
          call.request.setHeader("x-forwarded", "busy");
          call.setDestinations([at("203.0.113.30")]);
          call.relay();
        },
      },
    },
  );
});
