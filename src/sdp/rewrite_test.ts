import { assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { parseSdp } from "./description.ts";
import type { IceCandidate } from "./relay_candidate.ts";
import { rewriteSdp } from "./rewrite.ts";

const RELAY = "198.51.100.7";

function rewrite(body: string, ports: number[], address = RELAY, iceCandidate: IceCandidate = "none"): string {
  return rewriteSdp(parseSdp(body), { address, ports, iceCandidate });
}

/** The lines that changed, as `old > new`; inserted and removed ones have one side. */
function changes(before: string, after: string): string[] {
  const [olds, news] = [before.split("\r\n"), after.split("\r\n")];
  const kept = new Set(olds);
  const found: string[] = [];
  for (const line of news) if (!kept.has(line)) found.push(`+${line}`);
  const now = new Set(news);
  for (const line of olds) if (!now.has(line)) found.push(`-${line}`);
  return found;
}

function sdp(...lines: string[]): string {
  return ["v=0", "o=alice 1000 1 IN IP4 192.0.2.1", "s=-", ...lines].map((line) => `${line}\r\n`).join("");
}

Deno.test("rewriteSdp() puts in the relay's address and port, and nothing else", () => {
  const body = sdp("c=IN IP4 192.0.2.1", "t=0 0", "m=audio 6000 RTP/AVP 0", "a=rtpmap:0 PCMU/8000");
  assertEquals(
    rewrite(body, [50002]),
    body.replace("c=IN IP4 192.0.2.1", `c=IN IP4 ${RELAY}`).replace("6000", "50002"),
  );
});

Deno.test("rewriteSdp() keeps line ends, a missing last one, and lines that it does not know", () => {
  const body = "v=0\nc=IN IP4 192.0.2.1 \r\nt=0 0\nnonsense\r\n\r\n k\xff=\nm=audio  6000/1 RTP/AVP 0";
  assertEquals(
    rewrite(body, [50002]),
    `v=0\nc=IN IP4 ${RELAY} \r\nt=0 0\nnonsense\r\n\r\n k\xff=\nm=audio  50002/1 RTP/AVP 0`,
  );
});

Deno.test("rewriteSdp() gives streams c= lines of their own where some cannot be relayed (transcript use_multi)", () => {
  const body = sdp(
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    "m=audio 6000 RTP/AVP 0",
    "a=rtpmap:0 PCMU/8000",
    "a=rtcp:6101 IN IP4 127.0.0.1",
    "m=video 6200 RTP/SAVPF 96",
    "c=IN IP4 127.0.0.2",
    "a=rtpmap:96 H264/90000",
    "m=message 7394 TCP/MSRP *",
    "a=accept-types:text/plain",
    "m=video 0 RTP/AVP 97",
    "m=image 6300 udptl t38",
  );
  assertEquals(
    rewrite(body, [50010, 50014, 0, 50022]),
    sdp(
      "t=0 0",
      "m=audio 50010 RTP/AVP 0",
      `c=IN IP4 ${RELAY}`,
      "a=rtpmap:0 PCMU/8000",
      `a=rtcp:50011 IN IP4 ${RELAY}`,
      "m=video 50014 RTP/SAVPF 96",
      `c=IN IP4 ${RELAY}`,
      "a=rtpmap:96 H264/90000",
      "m=message 7394 TCP/MSRP *",
      "c=IN IP4 127.0.0.1",
      "a=accept-types:text/plain",
      "m=video 0 RTP/AVP 97",
      `c=IN IP4 ${RELAY}`,
      "m=image 50022 udptl t38",
      `c=IN IP4 ${RELAY}`,
    ),
  );
});

Deno.test("rewriteSdp() inserts a c= line behind an i= line, and at an end without line end (RFC 8866 §5)", () => {
  const body = "v=0\nc=IN IP4 192.0.2.1\nm=audio 6000 RTP/AVP 0\ni=first\nb=AS:64\nm=x 9 TCP/MSRP *";
  assertEquals(
    rewrite(body, [50002]),
    `v=0\nm=audio 50002 RTP/AVP 0\ni=first\nc=IN IP4 ${RELAY}\nb=AS:64\nm=x 9 TCP/MSRP *\nc=IN IP4 192.0.2.1`,
  );
});

Deno.test("rewriteSdp() leaves a hold alone: 0.0.0.0 and :: (RFC 3264 §8.4)", () => {
  const body = sdp("c=IN IP4 0.0.0.0", "t=0 0", "m=audio 6000 RTP/AVP 0", "m=x 9 TCP/MSRP *");
  assertEquals(rewrite(body, [50002]), body.replace("6000", "50002"));
  const own = sdp("c=IN IP4 192.0.2.1", "t=0 0", "m=audio 6000 RTP/AVP 0", "c=IN IP6 ::", "m=video 6002 RTP/AVP 96");
  assertEquals(changes(own, rewrite(own, [50002, 50004])), [
    `+c=IN IP4 ${RELAY}`,
    "+m=audio 50002 RTP/AVP 0",
    "+m=video 50004 RTP/AVP 96",
    "-c=IN IP4 192.0.2.1",
    "-m=audio 6000 RTP/AVP 0",
    "-m=video 6002 RTP/AVP 96",
  ]);
});

Deno.test("rewriteSdp() leaves port 0, and writes the 0 of the other side (RFC 3264 §6)", () => {
  const body = sdp("c=IN IP4 192.0.2.1", "m=audio 0 RTP/AVP 0", "a=rtcp:1", "m=video 6002 RTP/AVP 96", "a=rtcp:6003");
  assertEquals(
    rewrite(body, [50002, 0]),
    sdp(`c=IN IP4 ${RELAY}`, "m=audio 0 RTP/AVP 0", "a=rtcp:1", "m=video 0 RTP/AVP 96", "a=rtcp:6003"),
  );
});

Deno.test("rewriteSdp() moves RTCP to the port behind, with an address if there was one (RFC 3605 §2.1)", () => {
  const body = sdp("c=IN IP4 192.0.2.1", "m=audio 6000 RTP/AVP 0", "a=rtcp:6101 IN IP4 192.0.2.9", "a=rtcp-mux");
  assertEquals(rewrite(body, [50002]).includes(`\r\na=rtcp:50003 IN IP4 ${RELAY}\r\na=rtcp-mux\r\n`), true);
  const bare = sdp("c=IN IP4 192.0.2.1", "m=audio 6000 RTP/AVP 0", "a=rtcp:6101");
  assertEquals(rewrite(bare, [50002]).includes("\r\na=rtcp:50003\r\n"), true);
});

Deno.test("rewriteSdp() names the relay's address family, whatever the party's was (RFC 8866 §5.2, baresip 1.0)", () => {
  const inOrigin = (text: string, address: string) => text.replace(/(?<=^o=.*) IN IP4 192\.0\.2\.1/m, ` IN ${address}`);
  const body = sdp("c=IN IP4 192.0.2.1", "m=audio 6000 RTP/AVP 0", "a=rtcp:6001 IN IP4 192.0.2.1");
  assertEquals(
    rewrite(body, [50002], "2001:db8::7"),
    inOrigin(
      sdp("c=IN IP6 2001:db8::7", "m=audio 50002 RTP/AVP 0", "a=rtcp:50003 IN IP6 2001:db8::7"),
      "IP6 2001:db8::7",
    ),
  );
  assertEquals(
    rewrite(inOrigin(sdp("c=IN IP6 2001:db8::1", "m=audio 6000 RTP/AVP 0"), "IP6 2001:db8::1"), [50002]),
    inOrigin(sdp(`c=IN IP4 ${RELAY}`, "m=audio 50002 RTP/AVP 0"), `IP4 ${RELAY}`),
  );
});

Deno.test("rewriteSdp() leaves streams alone for which there is no port, with their address", () => {
  const body = sdp("c=IN IP4 192.0.2.1", "m=audio 6000 RTP/AVP 0", "m=video 6002 RTP/AVP 96", "m=audio 6004 RTP/AVP 0");
  assertEquals(
    rewrite(body, [50002, 50004]),
    sdp(
      "m=audio 50002 RTP/AVP 0",
      `c=IN IP4 ${RELAY}`,
      "m=video 50004 RTP/AVP 96",
      `c=IN IP4 ${RELAY}`,
      "m=audio 6004 RTP/AVP 0",
      "c=IN IP4 192.0.2.1",
    ),
  );
  assertEquals(rewrite(body, [50002, 50004, 50006, 50008]).includes("m=audio 50006 RTP/AVP 0"), true);
});

Deno.test("rewriteSdp() edits every c= line of a section, so that no parser finds the party's address", () => {
  const body = sdp("c=IN IP4 192.0.2.1", "m=audio 6000 RTP/AVP 0", "c=IN IP4 192.0.2.2", "c=IN IP4 192.0.2.3");
  assertEquals(rewrite(body, [50002]).includes("192.0.2.2"), false);
  assertEquals(rewrite(body, [50002]).includes("192.0.2.3"), false);
});

const ICE = [
  "c=IN IP4 127.0.0.1",
  "t=0 0",
  "m=audio 6000 RTP/AVP 0",
  "a=ice-ufrag:abcd",
  "a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa",
  "a=candidate:1 1 UDP 2130706431 127.0.0.1 6000 typ host",
];
const RTCP_CANDIDATE = "a=candidate:1 2 UDP 2130706430 127.0.0.1 6101 typ host";

Deno.test("rewriteSdp() inserts the relay before the first candidate, for RTCP too if there is one (RFC 8839 §5.1)", () => {
  assertEquals(
    rewrite(sdp(...ICE, RTCP_CANDIDATE), [50058], "127.0.0.1", "low-priority"),
    sdp(
      "c=IN IP4 127.0.0.1",
      "t=0 0",
      "m=audio 50058 RTP/AVP 0",
      "a=ice-ufrag:abcd",
      "a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa",
      "a=candidate:R100007f 1 UDP 16777215 127.0.0.1 50058 typ relay raddr 127.0.0.1 rport 50058",
      "a=candidate:R100007f 2 UDP 16777214 127.0.0.1 50059 typ relay raddr 127.0.0.1 rport 50059",
      "a=candidate:1 1 UDP 2130706431 127.0.0.1 6000 typ host",
      RTCP_CANDIDATE,
    ),
  );
  const one = rewrite(sdp(...ICE), [50058], "127.0.0.1", "high-priority");
  assertEquals(one.match(/R100007f . UDP \d+/g), ["R100007f 1 UDP 2197815295"]);
});

Deno.test("rewriteSdp() inserts no candidate into streams that are refused, lack credentials, or if told none", () => {
  const body = sdp(...ICE);
  assertEquals(rewrite(body, [50058]).includes("typ relay"), false);
  assertEquals(rewrite(body, [0], RELAY, "low-priority").includes("typ relay"), false);
  const without = body.replace("a=ice-pwd", "a=x");
  assertEquals(rewrite(without, [50058], RELAY, "low-priority").includes("typ relay"), false);
});

const stream = fc.record({
  type: fc.constantFrom("audio", "video", "image"),
  port: fc.constantFrom(0, 1, 6000, 65535),
  proto: fc.constantFrom("RTP/AVP", "udptl", "UDP/TLS/RTP/SAVPF", "TCP/MSRP"),
  connection: fc.constantFrom("", "c=IN IP4 10.0.0.9", "c=IN IP6 2001:db8::9", "c=IN IP4 0.0.0.0"),
  attributes: fc.array(
    fc.constantFrom(
      "a=rtcp:99",
      "a=rtcp:99 IN IP4 10.0.0.9",
      "a=sendonly",
      "b=AS:64",
      "a=x:\xff",
      "i=title",
      ...ICE.slice(3),
    ),
    { maxLength: 8 },
  ),
});
const description = fc.record({
  streams: fc.array(stream, { maxLength: 6 }),
  session: fc.constantFrom("c=IN IP4 10.0.0.1", "c=IN IP6 2001:db8::1", "c=IN IP4 0.0.0.0"),
  end: fc.constantFrom("\r\n", "\n"),
  lastEnd: fc.boolean(),
}).map(({ streams, session, end, lastEnd }) => {
  const lines = ["v=0", "o=- 1 1 IN IP4 10.0.0.1", "s=-", session, "t=0 0", "a=tool:x"];
  for (const { type, port, proto, connection, attributes } of streams) {
    lines.push(`m=${type} ${port} ${proto} 0`, ...(connection === "" ? [] : [connection]), ...attributes);
  }
  return lines.join(end) + (lastEnd ? end : "");
});

/** Lines that a rewrite may change, insert or remove. */
const MAY_CHANGE = /^(?:c=|m=|a=rtcp:|a=candidate:R)/;

Deno.test("rewriteSdp() changes c=, ports, a=rtcp, inserted candidates and a foreign o= only, and puts in what the relay gave", () => {
  const address = fc.constantFrom(RELAY, "2001:db8::7");
  const iceCandidate = fc.constantFrom<IceCandidate>("none", "low-priority", "high-priority");
  const counts = fc.integer({ min: 0, max: 7 });
  fc.assert(
    fc.property(description, address, iceCandidate, counts, (body, relay, ice, count) => {
      const before = parseSdp(body);
      const ports = Array.from({ length: count }, (_, index) => 50000 + 2 * index);
      const text = rewriteSdp(before, { address: relay, ports, iceCandidate: ice });
      const kept = (it: string) =>
        it.split(/(?<=\n)/).filter((line) => !MAY_CHANGE.test(line)).map((it) => it.trimEnd());
      const origin = relay.includes(":") ? body.replace("o=- 1 1 IN IP4 10.0.0.1", `o=- 1 1 IN IP6 ${relay}`) : body;
      assertEquals(kept(text), kept(origin));
      assertEquals(text.endsWith("\n"), body.endsWith("\n"));
      const rest = (it: string) =>
        it.split(/\r?\n/).filter((line) => line.startsWith("m=")).map((it) => it.split(" ")[2]);
      assertEquals(rest(text), rest(body));
      const after = parseSdp(text);
      let next = 0;
      after.streams.forEach((now, index) => {
        const was = before.streams[index]!;
        const port = was.supported ? ports[next++] : undefined;
        const isHeld = was.address === "0.0.0.0";
        if (port === undefined) assertEquals(now, was);
        else assertEquals([now.port, now.address], [was.port && port, isHeld ? "0.0.0.0" : relay]);
      });
    }),
    { numRuns: 1000 },
  );
});
