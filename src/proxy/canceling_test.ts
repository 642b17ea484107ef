import { assertEquals } from "../deps/assert.ts";
import { seededRandom } from "../../tests/support/fakes.ts";
import { requestOf } from "../../tests/support/transaction_bench.ts";
import { Conversation, play } from "../../tests/support/conversation.ts";
import { toTagMaker } from "./proxy.ts";
import type { RoutingScript } from "./script.ts";

const RELAY: RoutingScript = { request: (call) => call.relay() };

Deno.test("CANCEL before any response waits for one, and goes with it (RFC 3261 §9.1)", async () => {
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE
    alice > CANCEL
    alice < 200 | CSeq: 1 CANCEL
    bob > 100
    bob < CANCEL sip:bob@203.0.113.20 | CSeq: 1 CANCEL | Max-Forwards: 70
    bob > 200 CANCEL
    bob > 487 INVITE
    bob < ACK
    alice < 487
    alice > ACK
    `,
    { script: RELAY },
  );
});

Deno.test("CANCEL of a phone that never says anything ends when the INVITE does (§9.1, §17.1.1.2)", async () => {
  await play(
    `
    bob = tcp 203.0.113.20:40001
    alice > INVITE sip:bob@203.0.113.20:40001;transport=tcp
    alice < 100
    bob < INVITE
    alice > CANCEL
    alice < 200
    +32s
    alice < 487
    `,
    { script: RELAY },
  );
});

Deno.test("CANCEL of a ringing phone that does not answer it ends after 64*T1 (§9.1)", async () => {
  await play(
    `
    bob = tcp 203.0.113.20:40001
    alice > INVITE sip:bob@203.0.113.20:40001;transport=tcp
    alice < 100
    bob < INVITE
    bob > 180
    alice < 180
    alice > CANCEL
    alice < 200
    bob < CANCEL
    +32s
    alice < 487
    `,
    { script: RELAY },
  );
});

Deno.test("CANCEL repeats the reason of the caller (RFC 3326)", async () => {
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE
    bob > 180
    alice < 180
    alice > CANCEL | Reason: SIP ;cause=200 ;text="Call completed elsewhere"
    alice < 200
    bob < CANCEL | Reason: SIP ;cause=200 ;text="Call completed elsewhere"
    bob > 200 CANCEL
    bob > 487 INVITE
    bob < ACK
    alice < 487
    `,
    { script: RELAY },
  );
});

Deno.test("CANCEL that crosses the 200 changes nothing: the caller gets it, and ends the call (§9.1, §16.10)", async () => {
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE
    bob > 200
    alice < 200 | CSeq: 1 INVITE
    alice > CANCEL
    alice < 200 | CSeq: 1 CANCEL
    +64s
    `,
    { script: RELAY },
  );
});

Deno.test("CANCEL after a failure is answered while the INVITE is known, and changes nothing (§9.2)", async () => {
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE
    bob > 486
    bob < ACK
    alice < 486
    alice > ACK
    alice > CANCEL
    alice < 200 | CSeq: 1 CANCEL
    `,
    { script: RELAY },
  );
});

Deno.test("CANCEL of nothing is answered 481 (§9.2, §16.10)", async () => {
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE
    alice > CANCEL | Via: SIP/2.0/UDP 203.0.113.10;branch=z9hG4bKother
    alice < 481
    bob > 486
    bob < ACK
    alice < 486
    `,
    { script: RELAY },
  );
});

Deno.test("CANCEL ends all branches, and begins no new ones (§16.10)", async () => {
  await play(
    `
    alice > INVITE sip:x@example.com
    alice < 100
    bob < INVITE
    carol < INVITE
    bob > 180
    alice < 180
    carol > 183
    alice < 183
    alice > CANCEL
    alice < 200
    bob < CANCEL
    carol < CANCEL
    bob > 200 CANCEL
    bob > 487 INVITE
    bob < ACK
    carol > 200 CANCEL
    carol > 487 INVITE
    carol < ACK
    alice < 487
    alice > ACK
    `,
    {
      script: {
        request(call) {
          const at = (address: string, q: number) => ({ uri: `sip:x@${address}`, q });
          call.setDestinations([at("203.0.113.20", 1), at("203.0.113.30", 1), at("203.0.113.40", 0.1)]);
          call.relay();
        },
      },
    },
  );
});

Deno.test("CANCEL lets the failure route know, and keeps it from trying others", async () => {
  const seen: unknown[] = [];
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE
    bob > 180
    alice < 180
    alice > CANCEL
    alice < 200
    bob < CANCEL
    bob > 200 CANCEL
    bob > 487 INVITE
    bob < ACK
    alice < 487
    `,
    {
      script: {
        request: (call) => call.relay(),
        failure(call) {
          seen.push(call.isCanceled, call.status);
          call.setDestinations([{ uri: "sip:x@203.0.113.30" }]);
          call.relay();
        },
      },
    },
  );
  assertEquals(seen, [true, 487]);
});

Deno.test("CANCEL while the script still thinks keeps the INVITE from leaving (§16.10)", async () => {
  const thought = Promise.withResolvers<void>();
  const conversation = new Conversation({
    script: {
      async request(call) {
        await thought.promise;
        call.relay();
      },
    },
  });
  await conversation.play(`
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    alice > CANCEL
    alice < 200
  `);
  thought.resolve();
  await conversation.play(`
    alice < 487
  `);
});

Deno.test("CANCEL while the dispatcher is asked keeps the INVITE from leaving, and ends the media session once", async () => {
  await play(`
    registered bob
    relay holds
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request 203.0.113.10:4000
    alice > CANCEL
    alice < 200
    relay < remove alice
    alice < 487
    alice > ACK
    relay > 192.0.2.200 50000
  `);
});

Deno.test("CANCEL while the 200 waits for the dispatcher does not lose the 200 (§9.1)", async () => {
  await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request 203.0.113.10:4000
    bob < INVITE
    bob > 180
    alice < 180
    relay holds
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply 203.0.113.20:6000
    alice > CANCEL
    alice < 200 | CSeq: 1 CANCEL
    relay > 192.0.2.200 50002
    alice < 200 | CSeq: 1 INVITE
    alice > ACK
    bob < ACK
    relay answers
    alice > BYE
    relay < remove alice bob
    bob < BYE
    bob > 200
    alice < 200
  `);
});

Deno.test("toTagMaker() gives a CANCEL the tag of its INVITE, which need not be remembered (RFC 3261 §9.2)", () => {
  const toTag = toTagMaker(seededRandom());
  const other = requestOf("INVITE", { callId: "call-2" });
  const [invite, again, cancel, another] = [requestOf("INVITE"), requestOf("INVITE"), requestOf("CANCEL"), other].map(
    toTag,
  );
  assertEquals([again, cancel, another === invite], [invite, invite, false]);
});
