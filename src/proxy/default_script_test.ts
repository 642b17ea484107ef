import { assertEquals } from "../deps/assert.ts";
import { Conversation, play } from "../../tests/support/conversation.ts";

Deno.test("residentialScript() registers phones, and forgets them when they say so (RFC 3261 §10.2)", async () => {
  const { core } = await play(`
    bob > REGISTER sip:example.com | Expires: 600
    bob < 200 | Contact: <sip:bob@203.0.113.20>;expires=600
    bob > REGISTER sip:example.com | Contact: none
    bob < 200 | Contact: <sip:bob@203.0.113.20>;expires=600
    bob > REGISTER sip:example.com | Contact: * | Expires: 0
    bob < 200 | Contact: none
    alice > INVITE sip:bob@example.com
    alice < 100
    alice < 480
    alice > ACK
    alice > INVITE sip:nobody@example.com
    alice < 100
    alice < 404
    alice > ACK
  `);
  assertEquals(core.locations.size, 0);
});

Deno.test("residentialScript() forgets a phone whose registration is over (RFC 3261 §10.3)", async () => {
  await play(`
    registered bob
    +3599s
    alice > OPTIONS sip:bob@example.com
    bob < OPTIONS
    bob > 200
    alice < 200
    +1s
    alice > OPTIONS sip:bob@example.com
    alice < 480
  `);
});

Deno.test("residentialScript() ends the media session of a call that is busy, once", async () => {
  const { core } = await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request 203.0.113.10:4000
    bob < INVITE sip:bob@203.0.113.20 | sdp 192.0.2.200:50000
    bob > 486
    bob < ACK
    relay < remove alice
    alice < 486 Busy Here
    alice > ACK
    +64s
  `);
  assertEquals(core.dialogs.size, 0);
});

Deno.test("residentialScript() ends the media session of a call that nobody answers, once", async () => {
  await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request 203.0.113.10:4000
    bob < INVITE
    bob > 180
    alice < 180
    +60s
    bob < CANCEL | Reason: SIP ;cause=408 ;text="No answer"
    bob > 200 CANCEL
    bob > 487 INVITE
    bob < ACK
    relay < remove alice bob
    alice < 408
    alice > ACK
    +64s
  `);
});

Deno.test("residentialScript() ends the media session of a call that is canceled, once", async () => {
  await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request 203.0.113.10:4000
    bob < INVITE
    bob > 180
    alice < 180
    alice > CANCEL
    alice < 200 | CSeq: 1 CANCEL
    bob < CANCEL
    bob > 200 CANCEL
    bob > 487 INVITE
    bob < ACK
    relay < remove alice bob
    alice < 487
    alice > ACK
    +64s
  `);
});

Deno.test("residentialScript() ends the media session of a call whose phone is gone, once", async () => {
  await play(`
    bob = tcp 203.0.113.20:40001
    registered bob
    bob gone
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request 203.0.113.10:4000
    relay < remove alice
    alice < 480
    alice > ACK
    +64s
  `);
});

const AUTHENTICATE = { settings: { authenticate: true } };

Deno.test("residentialScript() lets phones register that know their password (RFC 3261 §22)", async () => {
  const { core } = await play(
    `
    bob > REGISTER sip:example.com
    bob < 401 | WWW-Authenticate: Digest realm="example.com", *
    bob > authorized wrong
    bob < 401 | WWW-Authenticate: *
    bob > authorized
    bob < 200 | Contact: <sip:bob@203.0.113.20>;expires=3600
    `,
    AUTHENTICATE,
  );
  assertEquals(core.locations.size, 1);
});

Deno.test("residentialScript() lets nobody register for another user, or at another domain", async () => {
  await play(
    `
    bob > REGISTER sip:example.com | To: <sip:alice@example.com>
    bob < 401
    bob > authorized
    bob < 403 Not Your Address
    bob > REGISTER sip:elsewhere.example
    bob < 403 Not Our Domain
    bob > REGISTER sip:example.com | To: <sip:1002@example.com>
    bob < 401
    bob > authorized
    bob < 200
    `,
    AUTHENTICATE,
  );
});

Deno.test("residentialScript() challenges a caller who claims to be one of us (RFC 3261 §22.3)", async () => {
  await play(
    `
    alice > INVITE sip:bob@example.com
    alice < 100
    alice < 407 | Proxy-Authenticate: Digest realm="example.com", *
    alice > ACK
    alice > authorized wrong
    alice < 100
    alice < 407
    alice > ACK
    alice > authorized
    alice < 100
    alice < 480
    alice > ACK
    alice > INVITE sip:bob@example.com | From: <sip:carol@example.com>;tag=alice
    alice < 100
    alice < 407
    alice > ACK
    alice > authorized
    alice < 100
    alice < 403 Not Your Address
    alice > ACK
    `,
    AUTHENTICATE,
  );
});

Deno.test("residentialScript() sends no credentials of ours to others (RFC 3261 §22.3)", async () => {
  await play(
    `
    bob > REGISTER sip:example.com
    bob < 401
    bob > authorized
    bob < 200
    alice > INVITE sip:1002@example.com
    alice < 100
    alice < 407
    alice > ACK
    alice > authorized
    alice < 100
    bob < INVITE sip:bob@203.0.113.20 | Proxy-Authorization: none
    bob > 486
    bob < ACK
    relay < remove alice
    alice < 486
    `,
    AUTHENTICATE,
  );
});

Deno.test("residentialScript() lets strangers call our users, and nobody else", async () => {
  await play(
    `
    bob > REGISTER sip:example.com
    bob < 401
    bob > authorized
    bob < 200
    carol > INVITE sip:bob@example.com | From: <sip:carol@elsewhere.example>;tag=carol
    carol < 100
    bob < INVITE sip:bob@203.0.113.20
    bob > 486
    bob < ACK
    relay < remove carol
    carol < 486
    carol > ACK
    carol > INVITE sip:dave@203.0.113.40 | From: <sip:carol@elsewhere.example>;tag=carol
    carol < 100
    carol < 403 No Relaying
    `,
    AUTHENTICATE,
  );
});

Deno.test("residentialScript() lets trusted peers do what they like", async () => {
  await play(
    `
    carol > INVITE sip:dave@203.0.113.40 | From: <sip:alice@example.com>;tag=carol
    carol < 100
    dave < INVITE sip:dave@203.0.113.40
    dave > 486
    dave < ACK
    relay < remove carol
    carol < 486
    `,
    { settings: { authenticate: true, isTrusted: (address) => address === "203.0.113.30" } },
  );
});

Deno.test("residentialScript() answers OPTIONS for itself, and ACKs of nothing not at all (RFC 3261 §11)", async () => {
  await play(`
    alice > OPTIONS sip:example.com
    alice < 200 | Allow: INVITE, ACK, CANCEL, BYE, *
    alice > OPTIONS sip:192.0.2.1
    alice < 200
    alice > ACK sip:bob@example.com
    alice > ACK sip:bob@example.com | To: <sip:bob@example.com>;tag=x
    alice > BYE sip:bob@example.com | To: <sip:bob@example.com>;tag=x
    alice < 481
  `);
});

Deno.test("residentialScript() rings at all phones of a user, by their q (RFC 3261 §16.6)", async () => {
  await play(`
    bob > REGISTER sip:example.com | Contact: <sip:bob@203.0.113.20> && <sip:bob@203.0.113.30> && <sip:bob@203.0.113.40>;q=0.5
    bob < 200
    alice > INVITE sip:bob@example.com
    alice < 100
    bob < INVITE sip:bob@203.0.113.20
    carol < INVITE sip:bob@203.0.113.30
    bob > 480
    bob < ACK
    carol > 480
    carol < ACK
    dave < INVITE sip:bob@203.0.113.40
    dave > 200
    relay < update reply
    alice < 200
  `);
});

Deno.test("residentialScript() finds the way to phones behind NATs, in calls too (RFC 3581)", async () => {
  await play(`
    bob = udp 198.51.100.20:40020
    bob > REGISTER sip:example.com | Contact: <sip:bob@10.0.0.20:5060> | Via: SIP/2.0/UDP 10.0.0.20:5060;branch=z9hG4bKr;rport
    bob < 200
    alice = udp 198.51.100.10:40010
    alice > INVITE sip:bob@example.com | Contact: <sip:alice@10.0.0.10> | Via: SIP/2.0/UDP 10.0.0.10;branch=z9hG4bKi;rport
    alice < 100
    bob < INVITE sip:bob@10.0.0.20:5060 | Contact: <sip:alice@10.0.0.10;alias=198.51.100.10~40010~1>
    bob > 200 | Contact: <sip:bob@10.0.0.20:5060>
    relay < update reply
    alice < 200 | Contact: <sip:bob@10.0.0.20:5060;alias=198.51.100.20~40020~1>
    alice > ACK
    bob < ACK sip:bob@10.0.0.20:5060
    bob > BYE
    relay < remove alice bob
    alice < BYE sip:alice@10.0.0.10
    alice > 200
    bob < 200
  `);
});

Deno.test("residentialScript() reaches a phone on TCP by its connection, and is told when that is gone (RFC 5626 §5.3)", async () => {
  const conversation = new Conversation();
  await conversation.play(`
    bob = tcp 198.51.100.20:40020
    bob > REGISTER sip:example.com | Contact: <sip:bob@10.0.0.20;transport=tcp>
    bob < 200
    alice > OPTIONS sip:bob@example.com
    bob < OPTIONS
    bob > 200
    alice < 200
    bob closes
    alice > OPTIONS sip:bob@example.com
    alice < 480
  `);
  assertEquals(conversation.bench.core.locations.size, 0);
});

Deno.test("residentialScript() finds phones again after a restart", async () => {
  await play(`
    registered bob
    restart
    alice > OPTIONS sip:bob@example.com
    bob < OPTIONS
    bob > 200
    alice < 200
  `);
});

Deno.test("residentialScript() goes by the Path that a phone registered with (RFC 3327 §5.3)", async () => {
  await play(`
    carol > REGISTER sip:example.com | To: <sip:bob@example.com> | Contact: <sip:bob@10.0.0.20> | Path: <sip:203.0.113.30;lr> | Supported: path
    carol < 200 | Path: <sip:203.0.113.30;lr>
    alice > OPTIONS sip:bob@example.com
    carol < OPTIONS sip:bob@10.0.0.20 | Route: <sip:203.0.113.30;lr>
    carol > 200
    alice < 200
  `);
});

Deno.test("Pings to a phone behind a NAT stop when it is gone, and it is forgotten", async () => {
  const { core, log } = await play(
    `
    bob = udp 198.51.100.20:40020
    bob > REGISTER sip:example.com | Contact: <sip:bob@10.0.0.20> | Expires: 7200
    bob < 200
    bob gone
    +600s
    bob back
    +600s
    `,
    { settings: { natPingIntervalMs: 30_000 } },
  );
  assertEquals(core.locations.size, 0);
  assertEquals(log.messages("info").filter((line) => line.includes("has gone")).length, 1);
});

for (const authenticate of [false, true]) {
  const challenge = authenticate ? "bob < 401\n    bob > authorized" : "";
  Deno.test(`A REGISTER that comes by two ways is served once (RFC 3261 §8.2.2.2), authenticate ${authenticate}`, async () => {
    await play(
      `
      bob > REGISTER sip:example.com
      ${challenge}
      bob < 200
      bob > once more by another way
      bob < 482
      +32s
      bob > once more by another way
      bob < ${authenticate ? 401 : 500}
      `,
      { settings: { authenticate } },
    );
  });
}

Deno.test("A request that is forwarded may come by two ways (RFC 3261 §16.3)", async () => {
  await play(`
    registered bob
    alice > MESSAGE sip:bob@example.com
    bob < MESSAGE
    alice > once more by another way
    bob < MESSAGE
    bob > 200
    alice < 200
  `);
});
