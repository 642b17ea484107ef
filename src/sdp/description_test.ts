import { assertEquals, assertThrows } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { endsIceNegotiation, parseSdp } from "./description.ts";
import { SdpSyntaxError } from "./errors.ts";
import { rewriteSdp } from "./rewrite.ts";

const HEAD = ["v=0", "o=alice 1000 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"];
const CANDIDATE = "a=candidate:1 1 UDP 2130706431 192.0.2.1 6000 typ host";

function sdp(...lines: string[]): string {
  return lines.map((line) => `${line}\r\n`).join("");
}

function streamsOf(...lines: string[]) {
  return parseSdp(sdp(...HEAD, ...lines)).streams;
}

function streamOf(...lines: string[]) {
  const [stream] = streamsOf(...lines);
  return stream!;
}

function refusal(body: string): { message: string; lineNumber: number } {
  const { message, lineNumber } = assertThrows(() => parseSdp(body), SdpSyntaxError);
  return { message, lineNumber };
}

Deno.test("parseSdp() reads what a relay needs to know of a stream", () => {
  assertEquals(streamOf("m=audio 6000 RTP/AVP 0 8", "a=rtpmap:0 PCMU/8000"), {
    type: "audio",
    port: 6000,
    proto: "RTP/AVP",
    supported: true,
    address: "192.0.2.1",
    direction: "sendrecv",
    ice: false,
    hasRtcpCandidate: false,
  });
});

Deno.test("parseSdp() takes a stream's own c= line before the session's (RFC 8866 §5.7)", () => {
  assertEquals(
    streamsOf("m=audio 6000 RTP/AVP 0", "m=video 6002 RTP/AVP 96", "c=IN IP6 2001:DB8::0:1").map((it) => it.address),
    ["192.0.2.1", "2001:db8::1"],
  );
});

Deno.test("parseSdp() knows which transports a relay can carry (PROTOCOL §2)", () => {
  const supported = ["RTP/AVP", "RTP/SAVPF", "rtp/avp", "udp", "udptl", "UDPTL", "UDP/TLS/RTP/SAVPF", "UDP/DTLS/SCTP"];
  const others = ["TCP/MSRP", "TCP/RTP/AVP", "TCP/TLS/BFCP", "DCCP/RTP/AVP", "x"];
  for (const proto of supported) assertEquals([proto, streamOf(`m=audio 6000 ${proto} 0`).supported], [proto, true]);
  for (const proto of others) assertEquals([proto, streamOf(`m=audio 6000 ${proto} 0`).supported], [proto, false]);
});

Deno.test("parseSdp() inherits the direction from the session, and sendrecv if there is none (RFC 8866 §6.7)", () => {
  const directions = streamsOf("a=recvonly", "m=audio 6000 RTP/AVP 0", "m=video 6002 RTP/AVP 96", "a=inactive")
    .map(({ direction }) => direction);
  assertEquals(directions, ["recvonly", "inactive"]);
  assertEquals(streamOf("m=audio 6000 RTP/AVP 0", "a=sendonlyish").direction, "sendrecv");
});

Deno.test("parseSdp() sees ICE where credentials and a candidate are (RFC 8839 §5.4)", () => {
  const stream = "m=audio 6000 RTP/AVP 0";
  const credentials = ["a=ice-ufrag:1234", "a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa"];
  assertEquals(streamOf(stream, ...credentials, CANDIDATE).ice, true);
  assertEquals(streamOf(...credentials, stream, CANDIDATE).ice, true);
  assertEquals(streamOf(stream, ...credentials).ice, false);
  assertEquals(streamOf(stream, credentials[0]!, CANDIDATE).ice, false);
  assertEquals(streamOf(stream, "a=ice-ufrag:", credentials[1]!, CANDIDATE).ice, false);
  assertEquals(streamOf(stream, CANDIDATE).ice, false);
  assertEquals(streamOf(stream, ...credentials, "a=candidate:nonsense").ice, false);
});

Deno.test("parseSdp() sees a candidate for RTCP (RFC 8839 §5.1)", () => {
  const rtcp = "a=candidate:1 2 UDP 2130706430 192.0.2.1 6001 typ host";
  assertEquals(streamOf("m=audio 6000 RTP/AVP 0", CANDIDATE, rtcp).hasRtcpCandidate, true);
  assertEquals(streamOf("m=audio 6000 RTP/AVP 0", CANDIDATE).hasRtcpCandidate, false);
});

Deno.test("parseSdp() accepts a count of one port and refuses others", () => {
  assertEquals(streamOf("m=audio 6000/1 RTP/AVP 0").port, 6000);
  assertEquals(refusal(sdp(...HEAD, "m=audio 6000/2 RTP/AVP 0")).message, "Cannot relay a stream of 2 ports: line 6");
  assertEquals(streamOf("m=x 6000/2 TCP/MSRP *").supported, false);
});

Deno.test("parseSdp() refuses multicast where a stream is to be relayed, and only there", () => {
  const multicast = "c=IN IP4 233.252.0.1/127";
  const { message, lineNumber } = refusal(sdp(...HEAD, "m=audio 6000 RTP/AVP 0", multicast));
  assertEquals([message, lineNumber], ['Cannot relay the multicast address "233.252.0.1/127": line 6', 6]);
  assertEquals(streamOf("m=message 6000 TCP/MSRP *", multicast).supported, false);
  refusal(sdp("v=0", "s=-", multicast, "t=0 0", "m=audio 6000 RTP/AVP 0"));
});

Deno.test("parseSdp() refuses streams whose address is missing, a name or no address", () => {
  assertEquals(
    refusal(sdp("v=0", "m=audio 6000 RTP/AVP 0")).message,
    "Cannot relay a stream without a c= line: line 2",
  );
  assertEquals(
    refusal(sdp("v=0", "c=IN IP4 host.example", "m=audio 6000 RTP/AVP 0")).message,
    'Cannot relay "host.example": it is no address: line 3',
  );
  refusal(sdp("v=0", "c=IN IP4 010.0.0.1", "m=audio 6000 RTP/AVP 0"));
  refusal(sdp("v=0", "c=IN IP4", "m=audio 6000 RTP/AVP 0"));
  refusal(sdp(...HEAD, "m=audio 6000 RTP/AVP 0", "c=ATM NSAP 47.0091"));
});

Deno.test("parseSdp() asks no address of a stream that is refused (RFC 3264 §6)", () => {
  const [stream] = parseSdp(sdp("v=0", "m=video 0 RTP/AVP 96")).streams;
  assertEquals([stream!.port, stream!.address], [0, "0.0.0.0"]);
});

Deno.test("parseSdp() tells an IPv6 hold as the one that relays know (RFC 3264 §8.4)", () => {
  assertEquals(streamOf("m=audio 6000 RTP/AVP 0", "c=IN IP6 0::0").address, "0.0.0.0");
});

Deno.test("parseSdp() wants one v= line, and at most 32 streams", () => {
  assertEquals(refusal("").message, "Cannot parse the SDP: it has no v= line");
  assertEquals(refusal(sdp("s=-", "m=audio 1 RTP/AVP 0")).message, "Cannot parse the SDP: it has no v= line");
  assertEquals(refusal(sdp(...HEAD, "v=0")).message, "Cannot parse the SDP: a second v= line: line 6");
  const stream = "m=audio 6000 RTP/AVP 0";
  assertEquals(streamsOf(...Array(32).fill(stream)).length, 32);
  assertEquals(refusal(sdp(...HEAD, ...Array(33).fill(stream))).message, "Cannot relay more than 32 streams");
});

Deno.test("parseSdp() refuses m= lines that it cannot read, with their number", () => {
  const lines = [
    "m=audio",
    "m=audio x RTP/AVP 0",
    "m=audio 65536 RTP/AVP 0",
    "m=audio -1 RTP/AVP 0",
    "m=audio 6000/ RTP/AVP 0",
    "m=audio,video 6000 RTP/AVP 0", // it would be two streams in the media header
    "m=audio:1 6000 RTP/AVP 0",
    "m= 6000 RTP/AVP 0",
  ];
  for (const line of lines) assertEquals([line, refusal(sdp(...HEAD, line)).lineNumber], [line, 6]);
});

Deno.test("parseSdp() refuses a CR that ends no line, where another parser may see one", () => {
  assertEquals(refusal(sdp(...HEAD, "a=x\rm=audio 6000 RTP/AVP 0")).lineNumber, 6);
});

Deno.test("parseSdp() gives up on a body of very many lines", () => {
  refusal("v=0\n" + "a=x\n".repeat(2500));
  assertEquals(parseSdp("v=0\n" + "a=x\n".repeat(2499)).streams, []);
});

Deno.test("endsIceNegotiation() looks for a=remote-candidates (RFC 8839 §5.2)", () => {
  assertEquals(
    endsIceNegotiation(sdp(...HEAD, "m=audio 6000 RTP/AVP 0", "a=remote-candidates:1 192.0.2.1 6000")),
    true,
  );
  assertEquals(endsIceNegotiation(sdp(...HEAD, "a=x-a=remote-candidates:1")), false);
});

Deno.test("parseSdp() is total: any octets are an SDP that can be rewritten and read again, or an SdpSyntaxError", () => {
  const token = fc.constantFrom(
    ..."v=0|m=|c=|a=|i=|o=|audio|65535|65536|6000/1|99999999999|RTP/AVP|udp|TCP/MSRP|IN|IP4|IP6|192.0.2.1|::1|0.0.0.0|/127"
      .split("|"),
    ..."a=candidate:|1 2 UDP 1|typ host|a=rtcp:|a=ice-ufrag:|a=ice-pwd:x|a=sendonly| |:|\r\n|\n|\r|\0|\xff|__proto__|-1|1e9"
      .split("|"),
  );
  const octets = fc.array(fc.integer({ min: 0, max: 255 })).map((codes) => String.fromCharCode(...codes));
  const body = fc.array(fc.oneof({ weight: 4, arbitrary: token }, octets), { maxLength: 60 })
    .map((pieces) => `v=0\nc=IN IP4 192.0.2.1\n${pieces.join("")}`);
  fc.assert(
    fc.property(fc.oneof(body, octets), (text) => {
      try {
        const description = parseSdp(text);
        const ports = description.streams.map(() => 50000);
        parseSdp(rewriteSdp(description, { address: "198.51.100.7", ports, iceCandidate: "low-priority" }));
      } catch (error) {
        if (!(error instanceof SdpSyntaxError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
