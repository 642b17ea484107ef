import { assertEquals } from "../deps/assert.ts";
import { Conversation, play } from "../../tests/support/conversation.ts";
import type { RoutingScript } from "./script.ts";

const MIXED = "multipart/mixed;boundary=x";

Deno.test("engageMediaProxy() relays a late offer: the 200 offers, the ACK answers (RFC 3264 §5)", async () => {
  await play(`
    registered bob
    alice > INVITE sip:bob@example.com
    alice < 100
    bob < INVITE | Content-Type: none
    bob > 180
    alice < 180
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply 203.0.113.20:6000 | cseq: 1 | to_tag: bob
    alice < 200 | sdp 192.0.2.200:50000
    alice > ACK | sdp 203.0.113.10:4000
    relay < update request 203.0.113.10:4000 | cseq: 1 | to_tag: bob
    bob < ACK | sdp 192.0.2.200:50002
    alice > BYE
    relay < remove alice bob
    bob < BYE
    bob > 200
    alice < 200
  `);
});

Deno.test("engageMediaProxy() relays early media, and tells of the 200 without SDP", async () => {
  await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request 203.0.113.10:4000 | to_tag: none
    bob < INVITE | sdp 192.0.2.200:50000
    bob > 183 | sdp 203.0.113.20:6000
    relay < update reply 203.0.113.20:6000 | to_tag: none
    alice < 183 | sdp 192.0.2.200:50002
    bob > 200
    relay < update reply | to_tag: bob | media: none
    alice < 200
    alice > ACK
    bob < ACK
    bob > BYE
    relay < remove alice bob
    alice < BYE
    alice > 200
    bob < 200
  `);
});

Deno.test("engageMediaProxy() relays hold and resume, whoever asks", async () => {
  await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request *
    bob < INVITE
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply *
    alice < 200
    alice > ACK
    bob < ACK
    bob > INVITE | sdp 0.0.0.0:6000
    bob < 100
    relay < update request 0.0.0.0:6000 | from_tag: bob | to_tag: alice | cseq: 101
    alice < INVITE | sdp 0.0.0.0:50004
    alice > 200 | sdp 203.0.113.10:4000
    relay < update reply 203.0.113.10:4000 | from_tag: bob | to_tag: alice | cseq: 101
    bob < 200 | sdp 192.0.2.200:50006
    bob > ACK
    alice < ACK
    alice > UPDATE | sdp 203.0.113.10:4002
    relay < update request 203.0.113.10:4002 | from_tag: alice | cseq: 2
    bob < UPDATE | sdp 192.0.2.200:50008
    bob > 200 | sdp 203.0.113.20:6002
    relay < update reply 203.0.113.20:6002
    alice < 200 | sdp 192.0.2.200:50010
    alice > BYE
    relay < remove alice bob
    bob < BYE
    bob > 200
    alice < 200
  `);
});

Deno.test("engageMediaProxy() leaves a call alone whose re-INVITE fails", async () => {
  const { core } = await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request *
    bob < INVITE
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply *
    alice < 200
    alice > ACK
    bob < ACK
    alice > INVITE | sdp 203.0.113.10:4002
    alice < 100
    relay < update request *
    bob < INVITE
    bob > 488
    bob < ACK
    alice < 488
    alice > ACK
    +64s
  `);
  assertEquals(core.dialogs.size, 1);
});

Deno.test("engageMediaProxy() relays an offer in a 183 and its answer in the PRACK (RFC 3262 §5)", async () => {
  await play(`
    registered bob
    alice > INVITE sip:bob@example.com | Supported: 100rel
    alice < 100
    bob < INVITE
    bob > 183 | RSeq: 1 | Require: 100rel | sdp 203.0.113.20:6000
    relay < update reply 203.0.113.20:6000
    alice < 183 | RSeq: 1 | sdp 192.0.2.200:50000
    alice > PRACK | RAck: 1 1 INVITE | sdp 203.0.113.10:4000
    relay < update request 203.0.113.10:4000 | cseq: 2
    bob < PRACK | RAck: 1 1 INVITE | sdp 192.0.2.200:50002
    bob > 200 PRACK
    alice < 200 | CSeq: 2 PRACK
    bob > 200 INVITE
    relay < update reply
    alice < 200 | CSeq: 1 INVITE
    alice > BYE
    relay < remove alice bob
    bob < BYE
    bob > 200
    alice < 200
  `);
});

Deno.test("engageMediaProxy() relays the SDP in a multipart body, and leaves the rest of it", async () => {
  const conversation = new Conversation();
  const body = [
    "--x",
    "Content-Type: application/sdp",
    "",
    "v=0",
    "o=- 1 1 IN IP4 203.0.113.10",
    "s=-",
    "c=IN IP4 203.0.113.10",
    "t=0 0",
    "m=audio 4000 RTP/AVP 0",
    "--x",
    "Content-Type: application/isup",
    "",
    "0123",
    "--x--",
    "",
  ].join("\r\n");
  conversation.body("mixed", body);
  await conversation.play(`
    registered bob
    alice > INVITE sip:bob@example.com | Content-Type: ${MIXED} | body mixed
    alice < 100
    relay < update request 203.0.113.10:4000
    bob < INVITE | Content-Type: ${MIXED} | sdp 192.0.2.200:50000
    bob > 486
    bob < ACK
    relay < remove alice
    alice < 486
  `);
  const sent = conversation.bench.transport.sent.find(({ text }) => text.startsWith("INVITE"))!.text;
  assertEquals(
    sent.slice(sent.indexOf("\r\n\r\n") + 4),
    body.replace("c=IN IP4 203.0.113.10", "c=IN IP4 192.0.2.200").replace("audio 4000", "audio 50000"),
  );
});

const FORK: RoutingScript = {
  request(call) {
    if (!call.hasToTag) {
      call.setDestinations([{ uri: "sip:x@203.0.113.20" }, { uri: "sip:x@203.0.113.30" }]);
      if (call.request.method === "INVITE") call.engageMediaProxy();
      call.recordRoute();
    }
    call.relay();
  },
};

Deno.test("engageMediaProxy() gives forked phones the same ports, and ends one session when one has answered", async () => {
  await play(
    `
    alice > INVITE sip:x@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request 203.0.113.10:4000
    bob < INVITE | sdp 192.0.2.200:50000
    carol < INVITE | sdp 192.0.2.200:50000
    bob > 183 | sdp 203.0.113.20:6000
    relay < update reply 203.0.113.20:6000
    alice < 183
    carol > 200 | sdp 203.0.113.30:7000
    relay < update reply 203.0.113.30:7000 | to_tag: carol
    alice < 200
    bob < CANCEL
    bob > 200 CANCEL
    bob > 487 INVITE
    bob < ACK
    alice > ACK
    carol < ACK
    alice > BYE
    relay < remove alice carol
    carol < BYE
    carol > 200
    alice < 200
    +64s
    `,
    { script: FORK },
  );
});

Deno.test("engageMediaProxy() ends the session of each phone that answered when it hangs up", async () => {
  const { core } = await play(
    `
    alice > INVITE sip:x@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request *
    bob < INVITE
    carol < INVITE
    carol > 180
    alice < 180
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply * | to_tag: bob
    alice < 200
    carol < CANCEL
    carol > 200 INVITE | sdp 203.0.113.30:7000
    relay < update reply * | to_tag: carol
    alice < 200
    carol > 481 CANCEL
    bob > BYE
    relay < remove alice bob
    alice < BYE
    alice > 200
    bob < 200
    carol > BYE
    relay < remove alice carol
    alice < BYE
    alice > 200
    carol < 200
    `,
    { script: FORK },
  );
  assertEquals(core.dialogs.size, 0);
});

Deno.test("engageMediaProxy() keeps the session when the caller sends BYE to one of two phones that ring (RFC 3261 §15)", async () => {
  const { core } = await play(
    `
    alice > INVITE sip:x@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request *
    bob < INVITE
    carol < INVITE
    carol > 180
    alice < 180
    bob > 183 | sdp 203.0.113.20:6000
    relay < update reply *
    alice < 183
    alice > BYE
    bob < BYE
    bob > 200 BYE
    alice < 200
    bob > 487 INVITE
    bob < ACK
    carol > 200 INVITE | sdp 203.0.113.30:7000
    relay < update reply * | to_tag: carol
    alice < 200
    carol > BYE
    relay < remove alice carol
    alice < BYE
    alice > 200
    carol < 200
    `,
    { script: FORK },
  );
  assertEquals(core.dialogs.size, 0);
});

Deno.test("engageMediaProxy() ends a call that lasts too long, on both sides, with its session", async () => {
  await play(
    `
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request *
    bob < INVITE
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply *
    alice < 200
    alice > ACK
    bob < ACK
    +600s
    relay < remove alice bob
    alice < BYE sip:alice@203.0.113.10 | CSeq: 1 BYE
    bob < BYE sip:bob@203.0.113.20 | CSeq: 2 BYE | Reason: SIP ;text="Call lasted too long"
    alice > 200
    bob > 200
    +64s
    `,
    { settings: { dialogTimeoutMs: 600_000 } },
  );
});

Deno.test("engageMediaProxy() lets nobody end a session who has no part in the call", async () => {
  const { core } = await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request *
    bob < INVITE
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply *
    alice < 200
    alice > ACK
    bob < ACK
    carol > BYE sip:bob@203.0.113.20 | Route: <sip:192.0.2.1;lr> | Call-ID: alice-1 | To: <sip:bob@example.com>;tag=alice
    bob < BYE
    bob > 481
    carol < 481
  `);
  assertEquals(core.dialogs.size, 1);
});

Deno.test("engageMediaProxy() lets a call go on without a relay when the dispatcher is away", async () => {
  await play(`
    registered bob
    relay down
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request 203.0.113.10:4000
    bob < INVITE | sdp 203.0.113.10:4000
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply 203.0.113.20:6000
    alice < 200 | sdp 203.0.113.20:6000
    alice > BYE
    relay < remove alice bob
    bob < BYE
    bob > 200
    alice < 200
  `);
});

Deno.test("engageMediaProxy() does not let a 200 overtake the 183 that waits for the dispatcher", async () => {
  await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request *
    bob < INVITE
    relay holds
    bob > 183 | sdp 203.0.113.20:6000
    relay < update reply 203.0.113.20:6000
    bob > 200 | sdp 203.0.113.20:6000
    relay > 192.0.2.200 50002
    alice < 183 | sdp 192.0.2.200:50002
    relay < update reply 203.0.113.20:6000
    relay > timeout
    alice < 200 | sdp 203.0.113.20:6000
  `);
});

Deno.test("engageMediaProxy() knows a call again after a restart", async () => {
  await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request * | dialog_id: *
    bob < INVITE
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply *
    alice < 200
    alice > ACK
    bob < ACK
    restart
    alice > INVITE | sdp 203.0.113.10:4002
    alice < 100
    relay < update request 203.0.113.10:4002
    bob < INVITE | sdp 192.0.2.200:50004
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply 203.0.113.20:6000
    alice < 200
    alice > ACK
    bob < ACK
    bob > BYE
    relay < remove alice bob
    alice < BYE
    alice > 200
    bob < 200
  `);
});

Deno.test("engageMediaProxy() forgets after a restart a call that was never answered", async () => {
  const { core, dialogRecords } = await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request *
    bob < INVITE
    bob > 180
    alice < 180
    restart
  `);
  assertEquals([core.dialogs.size, dialogRecords.size], [0, 0]);
});

Deno.test("engageMediaProxy() refuses what is no initial INVITE", async () => {
  const results: boolean[] = [];
  const { log } = await play(
    `
    alice > OPTIONS sip:bob@203.0.113.20
    bob < OPTIONS
    bob > 200
    alice < 200
    `,
    {
      script: {
        request(call) {
          results.push(call.engageMediaProxy());
          call.relay();
        },
      },
    },
  );
  assertEquals(results, [false]);
  assertEquals(log.messages("warning"), ["cannot engage the media of OPTIONS: it is no initial INVITE"]);
});

Deno.test("engageMediaProxy() does nothing with `disable`", async () => {
  await play(
    `
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    bob < INVITE | sdp 203.0.113.10:4000
    bob > 200 | sdp 203.0.113.20:6000
    alice < 200 | sdp 203.0.113.20:6000
    alice > BYE
    bob < BYE
    bob > 200
    alice < 200
    `,
    { mediaproxy: { disabled: true } },
  );
});
