import { assert, assertEquals, assertMatch, assertNotEquals } from "../deps/assert.ts";
import { Conversation, play } from "../../tests/support/conversation.ts";
import { listenPoint } from "../../tests/support/fake_transport.ts";
import { RouteSignature } from "./route_signature.ts";

const KEY = new Uint8Array(32).fill(1);
const OTHER_KEY = new Uint8Array(32).fill(2);

Deno.test("RouteSignature knows its own, for one call and one key", () => {
  const signature = new RouteSignature(KEY);
  const parameter = signature.parameterFor("call-1");
  assertMatch(parameter, /^;sig=[0-9a-f]{16}$/);
  const text = parameter.slice(5);
  assert(signature.isGenuine(text, "call-1"));
  assert(new RouteSignature(KEY.slice()).isGenuine(text, "call-1"), "after a restart");
  assert(!signature.isGenuine(text, "call-2"));
  assert(!signature.isGenuine(undefined, "call-1"));
  assert(!signature.isGenuine("", "call-1"));
  assert(!signature.isGenuine(text.slice(1), "call-1"));
  assertNotEquals(new RouteSignature(OTHER_KEY).parameterFor("call-1"), parameter);
});

const AUTHENTICATE = { settings: { authenticate: true } };
const STRANGER = "From: <sip:carol@elsewhere.example>;tag=carol";
const IN_DIALOG = "To: <sip:x@example.com>;tag=x";

for (const route of ["<sip:192.0.2.1;lr>", "<sip:192.0.2.1;lr;sig=0123456789abcdef>", "<sip:192.0.2.1;lr;sig=>"]) {
  Deno.test(`Nobody is relayed who writes ${route} himself`, async () => {
    await play(
      `
      carol > INVITE sip:dave@203.0.113.40 | ${IN_DIALOG} | ${STRANGER} | Route: ${route}
      carol < 100
      carol < 403 No Relaying
      carol > ACK
      carol > MESSAGE sip:dave@203.0.113.40 | ${IN_DIALOG} | Route: ${route}    # says that he is one of us
      carol < 407
      carol > ACK sip:dave@203.0.113.40 | ${IN_DIALOG} | ${STRANGER} | Route: ${route} | Call-ID: other
      carol > BYE sip:bob@example.com | ${IN_DIALOG} | ${STRANGER} | Route: ${route}
      carol < 404
      `,
      AUTHENTICATE,
    );
  });
}

Deno.test("A user of ours, and whoever calls one, is relayed by a route without signature too", async () => {
  await play(
    `
    bob > REGISTER sip:example.com
    bob < 401
    bob > authorized
    bob < 200
    alice > MESSAGE sip:dave@203.0.113.40 | ${IN_DIALOG} | Route: <sip:192.0.2.1;lr>
    alice < 407
    alice > authorized
    dave < MESSAGE
    dave > 200
    alice < 200
    carol > BYE sip:bob@example.com | ${IN_DIALOG} | ${STRANGER} | Route: <sip:192.0.2.1;lr>
    bob < BYE sip:bob@203.0.113.20
    bob > 200
    carol < 200
    `,
    AUTHENTICATE,
  );
});

Deno.test("The signature of one call is worth nothing in another", async () => {
  const conversation = new Conversation(AUTHENTICATE);
  await conversation.play(`
    bob > REGISTER sip:example.com
    bob < 401
    bob > authorized
    bob < 200
    carol > INVITE sip:bob@example.com | ${STRANGER}
    carol < 100
    bob < INVITE | Record-Route: <sip:192.0.2.1;lr;sig=*>
    bob > 180
    carol < 180
  `);
  const invite = conversation.bench.transport.sent.find(({ text }) => text.startsWith("INVITE"))!.text;
  const route = /Record-Route: (.*)/.exec(invite)![1]!;
  await conversation.play(`
    carol > INVITE sip:dave@203.0.113.40 | ${IN_DIALOG} | ${STRANGER} | Route: ${route} | Call-ID: another
    carol < 100
    carol < 403 No Relaying
  `);
});

Deno.test("Calls and subscriptions go on after a restart, whose media is relayed or not", async () => {
  await play(`
    registered bob
    alice > SUBSCRIBE sip:bob@example.com | Event: dialog
    bob < SUBSCRIBE | Record-Route: <sip:192.0.2.1;lr;sig=*>
    bob > 200
    alice < 200
    restart
    bob > NOTIFY | From: <sip:bob@example.com>;tag=bob | To: <sip:alice@example.com>;tag=alice
    alice < NOTIFY sip:alice@203.0.113.10
    alice > 200
    bob < 200
    alice > SUBSCRIBE | Event: dialog
    bob < SUBSCRIBE sip:bob@203.0.113.20
    bob > 200
    alice < 200
  `);
});

Deno.test("A call that crosses transports goes on after a restart: both routes are signed", async () => {
  const conversation = new Conversation({
    ...AUTHENTICATE,
    listenPoints: [listenPoint("udp"), listenPoint("tcp"), listenPoint("tls")],
  });
  await conversation.play(`
    bob = tls 203.0.113.20:40001
    bob > REGISTER sip:example.com
    bob < 401
    bob > authorized
    bob < 200
    carol > INVITE sip:bob@example.com | ${STRANGER}
    carol < 100
    bob < INVITE | Record-Route: <sip:192.0.2.1;transport=tls;lr;r2=on;sig=*>, <sip:192.0.2.1;lr;r2=on;sig=*>
    bob > 200
    relay < update reply
    carol < 200
  `);
  conversation.bench.dialogRecords.clear(); // the call is not known any more, its route is
  await conversation.play(`
    restart
    carol > ACK
    bob < ACK
    bob > INFO
    carol < INFO
    carol > 200
    bob < 200
    carol > BYE
    bob < BYE
    bob > 200
    carol < 200
  `);
});

Deno.test("A call that is known goes on though the key is lost, and the route comes by a strict router", async () => {
  const conversation = new Conversation(AUTHENTICATE);
  await conversation.play(`
    bob > REGISTER sip:example.com
    bob < 401
    bob > authorized
    bob < 200
    carol > INVITE sip:bob@example.com | ${STRANGER}
    carol < 100
    bob < INVITE
    bob > 200
    relay < update reply
    carol < 200
    carol > ACK
    bob < ACK
  `);
  conversation.bench.routeKey = OTHER_KEY;
  await conversation.play(`
    restart
    bob > INFO
    carol < INFO
    carol > 200
    bob < 200
  `);
  assertEquals(conversation.bench.core.dialogs.size, 1);
});

Deno.test("A strict router's way of routing keeps the signature (RFC 3261 §16.4)", async () => {
  const conversation = new Conversation(AUTHENTICATE);
  const route = `sip:192.0.2.1;lr${new RouteSignature(conversation.bench.routeKey).parameterFor("carol-1")}`;
  await conversation.play(`
    carol > MESSAGE ${route} | ${STRANGER} | ${IN_DIALOG} | Call-ID: carol-1 | Route: <sip:dave@203.0.113.40>
    dave < MESSAGE sip:dave@203.0.113.40
    dave > 200
    carol < 200
  `);
});
