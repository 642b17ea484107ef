import { assertEquals } from "../deps/assert.ts";
import { Conversation, play } from "../../tests/support/conversation.ts";
import { collectGarbage } from "../../tests/support/garbage.ts";
import type { IncomingRequest, RoutingScript } from "./script.ts";

Deno.test("AnsweredCall sends a repeated 200 on as the first, media and all, for 64*T1 (RFC 6026 §7.2)", async () => {
  await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request *
    bob < INVITE
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply 203.0.113.20:6000 | to_tag: bob | cseq: 1
    alice < 200 | sdp 192.0.2.200:50002 | Via: SIP/2.0/UDP 203.0.113.10;*
    +31500
    bob > again
    relay < update reply 203.0.113.20:6000 | to_tag: bob | cseq: 1
    alice < 200 | sdp 192.0.2.200:50004 | Via: SIP/2.0/UDP 203.0.113.10;*
    alice > ACK
    bob < ACK
    +500
    bob > again
  `);
});

Deno.test("AnsweredCall sends on the 200 of another callee behind the next proxy (RFC 6026 §7.2)", async () => {
  await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request *
    bob < INVITE
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply * | to_tag: bob
    alice < 200
    +5s
    bob > 200 | To: <sip:bob@example.com>;tag=desk | sdp 203.0.113.21:7000
    relay < update reply 203.0.113.21:7000 | to_tag: desk
    alice < 200 | To: <sip:bob@example.com>;tag=desk | sdp 192.0.2.200:50004
  `);
});

Deno.test("AnsweredCall shows a repeated 200 to the script's reply route, with the call's AVPs, flags and INVITE", async () => {
  const seen: unknown[] = [];
  const script: RoutingScript = {
    request(call) {
      call.avps.set("customer", "4711");
      call.flags.add("gold");
      call.onReply(({ status, avps, flags, request }) => {
        seen.push([status, avps.get("customer"), flags.has("gold"), request.requestUri]);
      });
      call.relay();
    },
  };
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20
    alice < 100
    bob < INVITE
    bob > 200
    alice < 200
    +500
    bob > again
    alice < 200
    `,
    { script },
  );
  const each = [200, "4711", true, "sip:bob@203.0.113.20"];
  assertEquals(seen, [each, each]);
});

/** Plays up to a final response; returns whether the call is still there though nothing of it is left to do. */
async function isKept(text: string): Promise<boolean> {
  let seen: WeakRef<IncomingRequest> | undefined;
  const script: RoutingScript = {
    request(call) {
      seen = new WeakRef(call);
      call.engageMediaProxy();
      call.relay();
    },
    reply() {},
  };
  const conversation = new Conversation({ script });
  await conversation.play(text);
  await collectGarbage();
  return seen!.deref() !== undefined;
}

const RINGING = `
  alice > INVITE sip:bob@203.0.113.20 | sdp 203.0.113.10:4000
  alice < 100
  relay < update request *
  bob < INVITE
  bob > 180
  alice < 180
`;

Deno.test("a call is kept while it rings, and forgotten with its final response, whatever timers are left", async () => {
  const answered = `${RINGING}
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply *
    alice < 200`;
  const refused = `${RINGING}
    bob > 486
    bob < ACK
    relay < remove alice bob
    alice < 486`;
  assertEquals([await isKept(RINGING), await isKept(answered), await isKept(refused)], [true, false, false]);
});
