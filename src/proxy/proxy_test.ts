import { play } from "../../tests/support/conversation.ts";

Deno.test("Proxy carries a call from INVITE to BYE (RFC 3665 §3.2)", async () => {
  await play(`
    registered bob
    alice > INVITE sip:bob@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request 203.0.113.10:4000
    bob < INVITE sip:bob@203.0.113.20 | sdp 192.0.2.200:50000
    bob > 180
    alice < 180
    bob > 200 | sdp 203.0.113.20:6000
    relay < update reply 203.0.113.20:6000
    alice < 200 | sdp 192.0.2.200:50002
    alice > ACK
    bob < ACK
    alice > BYE
    relay < remove alice bob
    bob < BYE
    bob > 200
    alice < 200
    +64s
  `);
});
