/** A call between two sipp phones through Kamailio. @module */
import { assert, assertEquals } from "../../../src/deps/assert.ts";
import type { EndedSession } from "../../../src/control/mod.ts";
import type { Bench } from "./bench.ts";
import type { Style } from "./kamailio.ts";
import type { RelayPlace } from "./mediaproxy.ts";
import { MediaEndpoint, type Side } from "./media.ts";
import { Phone } from "./phone.ts";
import { assertRelayed, audioSdp } from "./sdp.ts";
import { headerValue } from "./sip_trace.ts";

/** Where both parties' SIP comes from. */
export const SIGNALLING_ADDRESS = "127.0.0.1";
/** Where the parties' media is. Not the relay's address, so that a rewritten address shows. */
export const CALLER_ADDRESS = "127.0.0.2";
export const CALLEE_ADDRESS = "127.0.0.3";

export const CALLER_UA = "Peer Caller/1.0";
export const CALLEE_UA = "Peer Callee/2.0";

export interface CallOptions {
  /** SDP of the INVITE; without it the INVITE has none, and the offer is in the 200. */
  readonly offer?: string;
  /** SDP of the ACK. */
  readonly ackAnswer?: string;
  /** More headers of the INVITE. */
  readonly headers?: readonly string[];
}

export interface AudioCallOptions {
  /** More headers of the INVITE. */
  readonly headers?: readonly string[];
  /** The relay that the call has to get. */
  readonly relay?: RelayPlace;
}

let calls = 0;

/** Both phones of a call. Whatever happens, both are gone when it is disposed of. */
export class Call implements AsyncDisposable {
  readonly id: string;
  readonly style: Style;
  readonly bench: Bench;
  readonly caller: Phone;
  readonly callee: Phone;

  private constructor(id: string, style: Style, bench: Bench, caller: Phone, callee: Phone) {
    this.id = id;
    this.style = style;
    this.bench = bench;
    this.caller = caller;
    this.callee = callee;
  }

  /** Has the caller call; resolves as soon as the INVITE is on its way. */
  static async start(bench: Bench, style: Style, { offer, ackAnswer, headers = [] }: CallOptions): Promise<Call> {
    const callId = `${style}-${++calls}-${crypto.randomUUID().slice(0, 8)}`;
    const { directory } = bench.installation;
    const proxyPort = bench.kamailio(style).port;
    const callee = await Phone.waiting({ scenario: "callee", callId, proxyPort, directory });
    const caller = Phone.calling({
      scenario: "caller",
      callId,
      proxyPort,
      directory,
      keywords: {
        callee_port: `${callee.port}`,
        invite_headers: headers.map((header) => `${header}\r\n`).join(""),
        ...content("invite", offer),
        ...content("ack", ackAnswer),
      },
    });
    bench.watch(caller, callee);
    return new Call(callId, style, bench, caller, callee);
  }

  get fromTag(): string {
    return `caller-${this.id}`;
  }

  get toTag(): string {
    return `callee-${this.id}`;
  }

  /** Waits for the `nth` INVITE, answers it with `sdp`, and waits until the caller has confirmed. */
  async answer(sdp: string, nth = 1): Promise<void> {
    await this.callee.received("INVITE", nth);
    if (nth === 1) await this.callee.sent("180 INVITE");
    this.callee.wish("ANSWER", sdp);
    await this.callee.received("ACK", nth);
  }

  /** Has `party` hang up, and waits until both phones are done. */
  async hangUp(party: "caller" | "callee" = "caller"): Promise<void> {
    this[party].wish("HANG-UP");
    await Promise.all([this.caller.finished(), this.callee.finished()]);
    const bye = await this[party === "caller" ? "callee" : "caller"].received("BYE");
    assertEquals(headerValue(bye, "Call-ID"), this.id);
  }

  /** Waits until the SIP server has ended the call at both phones. */
  async ended(): Promise<void> {
    await Promise.all([this.caller.finished(), this.callee.finished()]);
    await Promise.all([this.caller.received("BYE"), this.callee.received("BYE")]);
  }

  /** Checks the SDP of what a phone received against what the other sent, and returns the relay's ports in it. */
  relayed(sent: string, seen: string, relay: RelayPlace = this.bench.installation): number[] {
    const { relayAddress, portRange } = relay;
    return assertRelayed(sent, seen, relayAddress, portRange);
  }

  /** Waits for the session's statistics, and checks what all calls that were hung up have in common. */
  async statistics(): Promise<EndedSession> {
    const session = await this.bench.accounting(this.id);
    assertEquals(session.from_tag, this.fromTag);
    assertEquals(session.to_tag, this.toTag);
    assertEquals(session.from_uri, "alice@example.com");
    assertEquals(session.to_uri, "bob@example.net");
    assertEquals(session.caller_ua, CALLER_UA);
    assertEquals(session.callee_ua, CALLEE_UA);
    assertEquals(session.all_streams_ice, false);
    this.assertDialogId(session.dialog_id);
    await this.bench.gone(this.id);
    assertEquals(this.bench.accounted(this.id).length, 1, "the session was accounted for more than once");
    return session;
  }

  /** Only engage_media_proxy() knows the dialog; Kamailio writes its two numbers as `entry:id`. */
  assertDialogId(dialogId: string | null): void {
    if (this.style === "use") assertEquals(dialogId, null);
    else assert(/^\d+:\d+$/.test(dialogId ?? ""), `dialog_id ${dialogId} is not entry:id`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.caller[Symbol.asyncDispose](), this.callee[Symbol.asyncDispose]()]);
  }
}

/** A call with one audio stream, set up, and both parties' media. */
export class AudioCall implements AsyncDisposable {
  readonly call: Call;
  readonly callerMedia: MediaEndpoint;
  readonly calleeMedia: MediaEndpoint;
  readonly callerSide: Side;
  readonly calleeSide: Side;

  /** `ports` are the relay's: the one that the caller sends to, and the callee's. */
  constructor(
    call: Call,
    callerMedia: MediaEndpoint,
    calleeMedia: MediaEndpoint,
    ports: readonly [number, number],
    { relayAddress: hostname }: RelayPlace = call.bench.installation,
  ) {
    this.call = call;
    this.callerMedia = callerMedia;
    this.calleeMedia = calleeMedia;
    this.callerSide = { media: callerMedia, to: { hostname, port: ports[0] } };
    this.calleeSide = { media: calleeMedia, to: { hostname, port: ports[1] } };
  }

  /** Sets a call up, and checks the SDP that each end saw. */
  static async start(bench: Bench, style: Style, options: AudioCallOptions = {}): Promise<AudioCall> {
    const { headers = [], relay = bench.installation } = options;
    await using undo = new AsyncDisposableStack();
    const callerMedia = undo.use(MediaEndpoint.open(CALLER_ADDRESS));
    const calleeMedia = undo.use(MediaEndpoint.open(CALLEE_ADDRESS));
    const offer = callerAudio(callerMedia);
    const call = undo.use(await Call.start(bench, style, { offer, headers }));
    const invite = await call.callee.received("INVITE");
    const [towardsCallee] = call.relayed(offer, invite.body, relay);
    const answer = calleeAudio(calleeMedia);
    await call.answer(answer);
    const ok = await call.caller.received("200 INVITE");
    const [towardsCaller] = call.relayed(answer, ok.body, relay);
    undo.move();
    return new AudioCall(call, callerMedia, calleeMedia, [towardsCaller!, towardsCallee!], relay);
  }

  /** Hangs up, and checks that the accounting has exactly what was sent. */
  async hangUpAndCount(party: "caller" | "callee" = "caller"): Promise<EndedSession> {
    await this.call.hangUp(party);
    const session = await this.call.statistics();
    assertEquals(session.timed_out, false);
    assertEquals(session.streams.length, 1);
    this.assertCounted(session, "closed");
    return session;
  }

  /** Checks the one stream of the statistics. */
  assertCounted({ streams: [stream] }: EndedSession, status: string): void {
    assert(stream !== undefined, "the session has no stream");
    const { callerMedia, calleeMedia, callerSide, calleeSide } = this;
    const { post_dial_delay: delay } = stream;
    assert(delay !== null && delay >= 0 && delay < 60, `post_dial_delay ${delay}`);
    const counted = {
      type: stream.media_type,
      status: stream.status,
      codecs: [stream.caller_codec, stream.callee_codec],
      packets: [stream.caller_packets, stream.callee_packets],
      bytes: [stream.caller_bytes, stream.callee_bytes],
      local: [stream.caller_local, stream.callee_local],
      remote: [stream.caller_remote, stream.callee_remote],
    };
    assertEquals(counted, {
      type: "audio",
      status,
      codecs: ["G711u", "G711u"],
      packets: [callerMedia.sentPackets, calleeMedia.sentPackets],
      bytes: [callerMedia.sentBytes, calleeMedia.sentBytes],
      local: [callerSide, calleeSide].map(({ to }) => `${to.hostname}:${to.port}`),
      remote: [callerMedia, calleeMedia].map(({ address, port }) => `${address}:${port}`),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.callerMedia.close();
    this.calleeMedia.close();
    await this.call[Symbol.asyncDispose]();
  }
}

/** The caller's SDP for one audio stream. */
export function callerAudio({ address, port }: MediaEndpoint, version = 1, attributes: string[] = []): string {
  return audioSdp({ owner: "alice", address, port, version, attributes });
}

/** The callee's SDP for one audio stream. */
export function calleeAudio({ address, port }: MediaEndpoint, version = 1, attributes: string[] = []): string {
  return audioSdp({ owner: "bob", address, port, version, attributes });
}

/** The keywords for a message with or without SDP. */
function content(message: "invite" | "ack", sdp?: string): Record<string, string> {
  return {
    [`${message}_type`]: sdp === undefined ? "" : "Content-Type: application/sdp\r\n",
    [`${message}_sdp`]: sdp ?? "",
  };
}
