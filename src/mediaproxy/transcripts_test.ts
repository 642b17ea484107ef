/**
 * The calls that were recorded with Kamailio's module: the same messages, given to ours, must make the same requests byte
 * for byte, and the same SDP. What differs is named.
 * @module
 */
import { assert, assertEquals } from "../deps/assert.ts";
import { RecordingLogger } from "../../tests/support/fakes.ts";
import { parseTranscript, type Step } from "../../tests/golden/transcript.ts";
import type { IceCandidate } from "../sdp/mod.ts";
import { SipRequest } from "../sip/message.ts";
import { parseMessage } from "../sip/parse_message.ts";
import { MediaProxy } from "./media_proxy.ts";
import { DEFAULT_SETTINGS } from "./settings.ts";

const DIRECTORY = new URL("../../tests/transcripts/", import.meta.url);
const CALLS = [...Deno.readDirSync(DIRECTORY)].map(({ name }) => name).filter((name) => /^(?:eng|use)_/.test(name))
  .sort();

/** How each was configured, where it was not by default. */
const ICE: Record<string, IceCandidate> = { "use_ice.txt": "low-priority", "eng_ice.txt": "high-priority" };
const AVPS: Record<string, [string, string][]> = {
  "use_avp.txt": [
    ["signaling_ip", '{"signaling_ip": "127.0.0.1", "username": "alice@example.com"}'],
    ["media_relay", "127.0.0.1"],
  ],
};

/** Deviation: raddr and rport stand in our candidate, as RFC 8839 §5.1 wants and OpenSIPS writes. */
const RELATED_ADDRESS = / raddr \S+ rport \d+/g;

/** One message of part (c). */
interface Recorded {
  readonly from: "caller" | "callee";
  readonly startLine: string;
  readonly cseq: string;
  readonly sdp: string;
  readonly forwarded: string;
}

function parseMessages(text: string): Recorded[] {
  const pattern =
    /### (caller|callee) sent: (.*?) {2}\[CSeq (\d+ [A-Z]+)\]\n((?: {4}.*\n)+)### as forwarded:\n((?: {4}.*\n?)+)/g;
  const body = (shown: string) => shown.trimEnd().split("\n").map((line) => `${line.slice(4)}\r\n`).join("");
  return [...text.matchAll(pattern)].map(([, from, startLine, cseq, sdp, forwarded]) => ({
    from: from as "caller" | "callee",
    startLine: startLine!,
    cseq: cseq!,
    sdp: body(sdp!),
    forwarded: body(forwarded!),
  }));
}

class Request {
  readonly text: string;
  readonly answer: string;
  constructor({ request, answers }: Step) {
    this.text = new TextDecoder("latin1").decode(request);
    this.answer = answers[0] ?? "";
  }
  get(name: string): string {
    return this.text.split("\r\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? "";
  }
}

/** The request that a message made: the one of its type and number whose first stream has its port. */
function requestFor(message: Recorded, requests: readonly Request[]): Request | undefined {
  const port = /^m=\S+ (\d+)/m.exec(message.sdp)?.[1];
  const type = message.startLine.startsWith("SIP/2.0") ? "reply" : "request";
  return requests.find((it) =>
    it.get("type") === type && message.cseq.startsWith(`${it.get("cseq")} `) && it.get("media").split(":")[2] === port
  );
}

for (const file of CALLS) {
  Deno.test(`transcript ${file}: the module asks and edits as Kamailio's does`, async () => {
    const text = Deno.readTextFileSync(new URL(file, DIRECTORY));
    const requests = parseTranscript(file, text).flatMap(({ steps }) => steps).map((step) => new Request(step));
    const [first] = requests;
    const tags = {
      caller: first!.get("from_tag"),
      callee: requests.map((it) => it.get("to_tag")).find((tag) => tag !== "" && tag !== first!.get("from_tag")) ?? "",
    };
    const asked: string[] = [];
    let answer = "";
    const proxy = new MediaProxy(
      { ...DEFAULT_SETTINGS, iceCandidate: ICE[file] ?? "none" },
      { ask: (request) => (asked.push(request), Promise.resolve(answer)) },
      new RecordingLogger(),
    );
    const initial = new Map<string, SipRequest>();
    const messages = parseMessages(text);
    assert(messages.length > 0);
    for (const recorded of messages) {
      const message = parseMessage([
        recorded.startLine,
        "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1",
        `From: "Alice" <sip:alice@example.com>;tag=${tags.caller}`,
        `To: <sip:bob@example.net>${
          /^INVITE sip:bob@example.net/.test(recorded.startLine) ? "" : `;tag=${tags.callee}`
        }`,
        `Call-ID: ${first!.get("call_id")}`,
        `CSeq: ${recorded.cseq}`,
        recorded.from === "caller" ? "User-Agent: Test UA/1.0 (caller)" : "Server: TestUAS/2.0 (callee)",
        "Content-Type: application/sdp",
        "",
        recorded.sdp,
      ].join("\r\n"));
      const request = requestFor(recorded, requests);
      answer = request?.answer ?? "";
      if (message instanceof SipRequest) initial.set(recorded.cseq, message);
      const code = await proxy.useMediaProxy({
        message,
        sourceAddress: "127.0.0.1",
        avps: new Map(AVPS[file]),
        dialogId: request?.get("dialog_id"),
        request: message instanceof SipRequest ? undefined : initial.get(recorded.cseq),
      });
      const endsIce = [recorded.sdp, initial.get(recorded.cseq)?.body ?? ""].some((it) => it.includes("remote-cand"));
      if (endsIce) {
        // Deviation: use_media_proxy() of the original relays the reply to the end of an ICE negotiation.
        assertEquals([code, message.body, asked], [-1, recorded.sdp, []]);
      } else {
        assertEquals([code, asked.splice(0)], [1, [request!.text]]);
        assertEquals(message.body.replaceAll(RELATED_ADDRESS, ""), recorded.forwarded);
      }
    }
    for (const request of requests.filter((it) => it.text.startsWith("remove"))) {
      const [callId, fromTag, toTag] = ["call_id", "from_tag", "to_tag"].map((name) => request.get(name));
      answer = request.answer;
      assertEquals(
        await proxy.endMediaSession({ callId: callId!, fromTag: fromTag!, toTag: toTag! }),
        answer === "removed" ? 1 : -1,
      );
      assertEquals(asked.splice(0), [request.text]);
    }
  });
}
