import { assertEquals } from "../deps/assert.ts";
import { Conversation, play } from "../../tests/support/conversation.ts";
import type { MediaProxySettings } from "../mediaproxy/mod.ts";
import type { RoutingScript } from "./script.ts";

/** Relays by hand what has SDP, as a script with use_media_proxy() does; writes down what the functions return. */
function byHand(returned: (number | string)[], before: (avps: Map<string, string>) => void = () => {}): RoutingScript {
  return {
    async request(call) {
      call.recordRoute();
      before(call.avps);
      const { method } = call.request;
      if (method === "BYE") returned.push("end", await call.endMediaSession());
      else if (method === "INVITE" || method === "ACK") returned.push(method, await call.useMediaProxy());
      call.relay();
    },
    async reply(reply) {
      if (reply.request.method === "INVITE") returned.push(reply.status, await reply.useMediaProxy());
    },
    async failure(call) {
      returned.push("end", await call.endMediaSession());
    },
  };
}

Deno.test("useMediaProxy() returns 1 for SDP and for a 200 without, and -2 for what has none", async () => {
  const returned: (number | string)[] = [];
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20 | sdp 203.0.113.10:4000
    alice < 100
    relay < update request 203.0.113.10:4000 | dialog_id: none | signaling_ip: 203.0.113.10 | cseq: 1
    bob < INVITE | sdp 192.0.2.200:50000
    bob > 180
    alice < 180
    bob > 183 | sdp 203.0.113.20:6000
    relay < update reply 203.0.113.20:6000 | signaling_ip: 203.0.113.20 | cseq: 1
    alice < 183 | sdp 192.0.2.200:50002
    bob > 200
    relay < update reply
    alice < 200
    alice > ACK
    bob < ACK
    bob > BYE
    relay < remove bob alice
    alice < BYE
    alice > 200
    bob < 200
    `,
    { script: byHand(returned) },
  );
  assertEquals(returned, ["INVITE", 1, 180, -2, 183, 1, 200, 1, "ACK", -2, "end", 1]);
});

Deno.test("useMediaProxy() returns -1 when the dispatcher cannot help, and leaves the message as it is", async () => {
  const returned: (number | string)[] = [];
  await play(
    `
    relay holds
    alice > INVITE sip:bob@203.0.113.20 | sdp 203.0.113.10:4000
    alice < 100
    relay < update request *
    relay > error
    bob < INVITE | sdp 203.0.113.10:4000
    bob > 404
    bob < ACK
    relay < remove alice
    relay > error
    alice < 404
    `,
    { script: byHand(returned) },
  );
  assertEquals(returned, ["INVITE", -1, 404, -2, "end", -1]);
});

Deno.test("useMediaProxy() needs a port for each stream of a request, and only warns in a reply", async () => {
  const returned: (number | string)[] = [];
  const { log } = await play(
    `
    relay holds
    alice > INVITE sip:bob@203.0.113.20 | sdp 203.0.113.10:4000 203.0.113.10:4002
    alice < 100
    relay < update request 203.0.113.10:4000 203.0.113.10:4002
    relay > 192.0.2.200 50000
    bob < INVITE | sdp 203.0.113.10:4000 203.0.113.10:4002
    bob > 200 | sdp 203.0.113.20:6000 203.0.113.20:6002
    relay < update reply 203.0.113.20:6000 203.0.113.20:6002
    relay > 192.0.2.200 50002
    alice < 200 | sdp 192.0.2.200:50002 192.0.2.200:6002
    `,
    { script: byHand(returned) },
  );
  assertEquals(returned, ["INVITE", -1, 200, 1]);
  assertEquals(log.messages("warning"), [
    "use_media_proxy: -1, the dispatcher gave 1 ports for 2 streams",
    "use_media_proxy: the dispatcher gave 1 ports for 2 streams, the others stay as they are",
  ]);
});

Deno.test("useMediaProxy() returns -1 for SDP that cannot be read, and for multicast", async () => {
  const returned: (number | string)[] = [];
  const conversation = bodies({
    nonsense: "v=0\r\nm=audio x\r\n",
    multicast:
      "v=0\r\no=- 1 1 IN IP4 224.2.1.1\r\ns=-\r\nc=IN IP4 224.2.1.1/127\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
  }, byHand(returned));
  await conversation.play(`
    alice > INVITE sip:bob@203.0.113.20 | body nonsense
    alice < 100
    bob < INVITE
    bob > 486
    bob < ACK
    relay < remove *
    alice < 486
    alice > INVITE sip:bob@203.0.113.20 | body multicast
    alice < 100
    bob < INVITE
    bob > 486
    bob < ACK
    relay < remove *
    alice < 486
  `);
  assertEquals(returned.filter((_, index) => index % 6 === 1), [-1, -1]);
});

Deno.test("useMediaProxy() leaves an end of ICE negotiation and its reply alone, and streams that no relay carries", async () => {
  const returned: (number | string)[] = [];
  const head = "v=0\r\no=- 1 1 IN IP4 203.0.113.10\r\ns=-\r\nc=IN IP4 203.0.113.10\r\nt=0 0\r\n";
  const conversation = bodies({
    end: `${head}m=audio 4000 RTP/AVP 0\r\na=remote-candidates:1 203.0.113.20 6000\r\n`,
    msrp: `${head}m=message 7654 TCP/MSRP *\r\n`,
  }, byHand(returned));
  await conversation.play(`
    alice > INVITE sip:bob@203.0.113.20 | body end
    alice < 100
    bob < INVITE | sdp 203.0.113.10:4000
    bob > 200 | sdp 203.0.113.20:6000
    alice < 200 | sdp 203.0.113.20:6000
    alice > INVITE sip:bob@203.0.113.20 | body msrp
    alice < 100
    bob < INVITE | sdp 203.0.113.10:7654
    bob > 486
    bob < ACK
    relay < remove *
    alice < 486
  `);
  assertEquals(returned, ["INVITE", -1, 200, -1, "INVITE", 1, 486, -2, "end", 1]);
});

for (const prefix of ["mp_", ""]) {
  Deno.test(`useMediaProxy() takes its AVPs by the names ${prefix}signaling_ip, ${prefix}media_relay, ${prefix}ice_candidate`, async () => {
    const script = byHand([], (avps) => {
      avps.set(`${prefix}signaling_ip`, "198.51.100.7");
      avps.set(`${prefix}media_relay`, "192.0.2.201");
      avps.set(`${prefix}ice_candidate`, "high-priority");
    });
    const conversation = bodies({ ice: ICE }, script);
    await conversation.play(`
      alice > INVITE sip:bob@203.0.113.20 | body ice
      alice < 100
      relay < update request * | signaling_ip: 198.51.100.7 | media_relay: 192.0.2.201
      bob < INVITE
    `);
    assertEquals(candidates(conversation), [`a=candidate:Rc80200c0 1 UDP 2197815295 192.0.2.200 50000 ${TYPE}`, OWN]);
  });
}

for (
  const [setting, avp, priority] of [
    ["none", undefined, undefined],
    ["low-priority", undefined, 16777215],
    ["high-priority", undefined, 2197815295],
    ["high-priority", "none", undefined],
    ["high-priority", "nonsense", 2197815295],
    ["none", "low-priority", 16777215],
  ] as const
) {
  Deno.test(`useMediaProxy() with ice_candidate ${setting} and the AVP ${avp} adds a candidate of priority ${priority}`, async () => {
    const script = byHand([], (avps) => avp === undefined || avps.set("mp_ice_candidate", avp));
    const conversation = bodies({ ice: ICE }, script, { iceCandidate: setting });
    await conversation.play(`
      alice > INVITE sip:bob@203.0.113.20 | body ice
      alice < 100
      relay < update request *
      bob < INVITE
    `);
    const added = priority === undefined ? [] : [`a=candidate:Rc80200c0 1 UDP ${priority} 192.0.2.200 50000 ${TYPE}`];
    assertEquals(candidates(conversation), [...added, OWN]);
  });
}

Deno.test("useMediaProxy() takes its AVPs by the names of the configuration alone", async () => {
  const script = byHand([], (avps) => avps.set("mp_signaling_ip", "198.51.100.7").set("nat_ip", "198.51.100.8"));
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20 | sdp 203.0.113.10:4000
    alice < 100
    relay < update request * | signaling_ip: 198.51.100.8 | media_relay: none
    bob < INVITE
    `,
    { script, mediaproxy: { signalingIpAvp: ["nat_ip"] } },
  );
});

Deno.test("useMediaProxy() and endMediaSession() return -1 with `disable`, ask nobody, and change nothing", async () => {
  const returned: (number | string)[] = [];
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20 | sdp 203.0.113.10:4000
    alice < 100
    bob < INVITE | sdp 203.0.113.10:4000
    bob > 486
    bob < ACK
    alice < 486
    `,
    { script: byHand(returned), mediaproxy: { disabled: true } },
  );
  assertEquals(returned, ["INVITE", -1, 486, -1, "end", -1]);
});

Deno.test("useMediaProxy() in a branch route gives each copy ports of its own", async () => {
  await play(
    `
    alice > INVITE sip:x@example.com | sdp 203.0.113.10:4000
    alice < 100
    relay < update request 203.0.113.10:4000
    relay < update request 203.0.113.10:4000
    bob < INVITE | sdp 192.0.2.200:50000
    carol < INVITE | sdp 192.0.2.200:50002
    `,
    {
      script: {
        request(call) {
          call.setDestinations([{ uri: "sip:x@203.0.113.20" }, { uri: "sip:x@203.0.113.30" }]);
          call.relay();
        },
        async branch(branch) {
          await branch.useMediaProxy();
        },
      },
    },
  );
});

Deno.test("useMediaProxy() in a failure route relays what is tried next, and only that", async () => {
  await play(
    `
    alice > INVITE sip:bob@203.0.113.20 | sdp 203.0.113.10:4000
    alice < 100
    bob < INVITE | sdp 203.0.113.10:4000
    bob > 486
    bob < ACK
    relay < update request 203.0.113.10:4000
    carol < INVITE | sdp 192.0.2.200:50000
    carol > 486
    carol < ACK
    relay < remove alice
    alice < 486
    `,
    {
      script: {
        request: (call) => call.relay(),
        async failure(call) {
          if (call.flags.has("tried")) return void await call.endMediaSession();
          call.flags.add("tried");
          await call.useMediaProxy();
          call.setDestinations([{ uri: "sip:carol@203.0.113.30" }]);
          call.relay();
        },
      },
    },
  );
});

const OWN = "a=candidate:1 1 UDP 2130706431 203.0.113.10 4000 typ host";
const TYPE = "typ relay raddr 192.0.2.200 rport 50000";
const ICE = [
  "v=0",
  "o=- 1 1 IN IP4 203.0.113.10",
  "s=-",
  "c=IN IP4 203.0.113.10",
  "t=0 0",
  "a=ice-ufrag:abcd",
  "a=ice-pwd:0123456789012345678901",
  "m=audio 4000 RTP/AVP 0",
  OWN,
  "",
].join("\r\n");

function bodies(
  texts: Readonly<Record<string, string>>,
  script: RoutingScript,
  mediaproxy: Partial<MediaProxySettings> = {},
): Conversation {
  const conversation = new Conversation({ script, mediaproxy });
  for (const [name, text] of Object.entries(texts)) conversation.body(name, text);
  return conversation;
}

/** The candidates in the last message that was sent. */
function candidates(conversation: Conversation): string[] {
  return conversation.bench.transport.sent.at(-1)!.text.split("\r\n").filter((line) => line.startsWith("a=candidate"));
}
