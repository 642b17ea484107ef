import { assertEquals } from "../deps/assert.ts";
import { play } from "../../tests/support/conversation.ts";

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
