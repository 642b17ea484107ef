import { assertEquals } from "../../deps/assert.ts";
import { decodeOctets, encodeOctets } from "../../sip/octets.ts";
import { newTransportCounters } from "../counters.ts";
import { FakeTime } from "../../../tests/support/fake_time.ts";
import { FakeClock, RecordingLogger } from "../../../tests/support/fakes.ts";
import { flowFrom } from "../../../tests/support/registrations.ts";
import { type Framing, SipFraming } from "../framing.ts";
import { WebSocketFraming } from "../web_socket_framing.ts";
import type { ByteStream } from "./byte_stream.ts";
import { MAX_BUFFERED_BYTES } from "./connection.ts";
import { StreamConnection } from "./stream_connection.ts";

const OPTIONS =
  "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:b@a>;tag=1\r\n" +
  "To: <sip:a@a>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

/** A stream whose other end is the test: what it says, and whether it reads. */
class FakeStream implements ByteStream {
  isReading = true;
  isClosed = false;
  #written = "";
  #arrived: ((count: number | null) => void) | undefined;
  #buffer: Uint8Array | undefined;
  #stuck: ((error: Error) => void) | undefined;

  read(buffer: Uint8Array): Promise<number | null> {
    this.#buffer = buffer;
    return new Promise((resolve) => this.#arrived = resolve);
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.isReading) {
      this.#written += decodeOctets(bytes);
      return Promise.resolve(bytes.length);
    }
    return new Promise((_, reject) => this.#stuck = reject);
  }

  close(): void {
    this.isClosed = true;
    this.#arrived?.(null);
    this.#stuck?.(new Error("closed"));
  }

  /** What was written since the last call. */
  take(): string {
    const written = this.#written;
    this.#written = "";
    return written;
  }

  /** The other end says something. */
  say(text: string): void {
    const bytes = encodeOctets(text);
    this.#buffer!.set(bytes);
    this.#arrived!(bytes.length);
  }
}

/** A connection with everything around it. */
class Lab implements Disposable {
  readonly time = new FakeTime();
  readonly clock = new FakeClock(0);
  readonly counters = newTransportCounters();
  readonly stream = new FakeStream();
  readonly received: string[] = [];
  readonly closed: string[] = [];
  readonly failures: string[] = [];
  readonly connection: StreamConnection;

  constructor(isAccepted = true, framing: Framing = new SipFraming()) {
    const handler = {
      message: () => void this.received.push("message"),
      malformed: () => void this.received.push("malformed"),
      connectionClosed: () => {},
    };
    const context = { handler, counters: this.counters, clock: this.clock, log: new RecordingLogger() };
    const owner = { closed: (_: unknown, reason: string) => void this.closed.push(reason) };
    const flow = flowFrom("203.0.113.1", 40_000, "tcp", 1);
    this.connection = new StreamConnection(flow, this.stream, owner, context, framing, isAccepted);
    this.connection.run();
  }

  async advance(durationMs: number): Promise<void> {
    this.clock.advance(durationMs);
    await this.time.advance(durationMs);
    this.connection.sweep(this.clock.nowMs());
    await this.time.advance(0);
  }

  async say(text: string): Promise<void> {
    this.stream.say(text);
    await this.time.advance(0);
  }

  async send(octets: string): Promise<void> {
    this.connection.send(octets, (reason) => this.failures.push(reason));
    await this.time.advance(0);
  }

  [Symbol.dispose](): void {
    this.time[Symbol.dispose]();
  }
}

Deno.test("StreamConnection ends when a peer connects and says nothing", async () => {
  using lab = new Lab();
  await lab.advance(30_000);
  assertEquals(lab.closed, []);
  await lab.advance(1);
  assertEquals([lab.closed, lab.stream.isClosed, lab.counters.stalled], [
    ["the peer does not finish a message"],
    true,
    1,
  ]);
});

Deno.test("StreamConnection waits for a peer that was connected to, and for one that has said something", async () => {
  using ours = new Lab(false);
  await ours.advance(600_000);
  assertEquals(ours.closed, []);
  ours[Symbol.dispose]();
  using theirs = new Lab();
  await theirs.say(OPTIONS);
  await theirs.say("\r\n"); // a pong
  await theirs.advance(600_000);
  assertEquals([theirs.closed, theirs.received], [[], ["message"]]);
});

Deno.test("StreamConnection ends when a peer sends a message byte by byte for too long", async () => {
  using lab = new Lab();
  for (const byte of OPTIONS.slice(0, 31)) {
    await lab.say(byte);
    await lab.advance(1000);
  }
  assertEquals(lab.closed, ["the peer does not finish a message"]);
});

Deno.test("StreamConnection gives every message its time, and not all of them together", async () => {
  using lab = new Lab();
  for (let index = 0; index < 10; index++) {
    await lab.say(OPTIONS.slice(0, 50));
    await lab.advance(20_000);
    await lab.say(OPTIONS.slice(50) + "OPTIONS sip:"); // the next one has begun
    await lab.advance(20_000);
    await lab.say(OPTIONS.slice(12));
  }
  assertEquals([lab.closed, lab.received.length], [[], 20]);
});

Deno.test("StreamConnection ends when a peer does not read, by the bytes that wait", async () => {
  using lab = new Lab();
  await lab.say(OPTIONS);
  lab.stream.isReading = false;
  await lab.send("x");
  for (let bytes = 0; bytes <= MAX_BUFFERED_BYTES; bytes += 64 * 1024) await lab.send("x".repeat(64 * 1024));
  assertEquals([lab.closed, lab.stream.isClosed, lab.counters.overflowed], [["the peer does not read"], true, 1]);
  assertEquals(lab.failures.length, 18, "nobody waits for what did not leave");
});

Deno.test("StreamConnection ends when a peer does not read, by the time that it takes", async () => {
  using lab = new Lab();
  await lab.say(OPTIONS);
  lab.stream.isReading = false;
  await lab.send("x");
  await lab.advance(30_000);
  await lab.say(OPTIONS); // it still talks
  assertEquals(lab.closed, []);
  await lab.advance(1);
  assertEquals([lab.closed, lab.failures], [["the peer does not read"], ["closed"]]);
});

Deno.test("StreamConnection.close() lets what was sent leave, but not for ever", async () => {
  using lab = new Lab();
  await lab.say(OPTIONS);
  lab.stream.isReading = false;
  await lab.send("x");
  lab.connection.close("enough");
  assertEquals([lab.closed, lab.stream.isClosed], [["enough"], false]);
  await lab.advance(5000);
  assertEquals(lab.stream.isClosed, true);
});

Deno.test("StreamConnection answers where a message ends wrongly, and ends (RFC 3261 §18.3)", async () => {
  using lab = new Lab();
  await lab.say(OPTIONS.replace("Content-Length: 0", "Content-Length: x"));
  assertEquals([lab.received, lab.stream.isClosed, lab.counters.malformed], [["malformed"], true, 1]);
});

const PONG = "\x8a\x80\x37\xfa\x21\x3d";
const CLOSE = "\x88\x80\x37\xfa\x21\x3d";

Deno.test("StreamConnection pings a WebSocket that is silent, and ends when nothing comes back (RFC 6455 §5.5.2)", async () => {
  using lab = new Lab(false, new WebSocketFraming());
  await lab.advance(29_999);
  assertEquals(lab.stream.take(), "");
  await lab.advance(1);
  assertEquals(lab.stream.take(), "\x89\x00");
  await lab.say(PONG);
  await lab.advance(29_999);
  assertEquals(lab.stream.take(), "");
  for (let index = 0; index < 3; index++) await lab.advance(30_000);
  assertEquals([lab.closed, lab.stream.take(), lab.counters.stalled], [
    ["the peer does not answer pings"],
    "\x89\x00\x89\x00",
    1,
  ]);
});

Deno.test("StreamConnection takes leave of a WebSocket, and answers when it does (RFC 6455 §5.5.1)", async () => {
  using ours = new Lab(false, new WebSocketFraming());
  ours.connection.close("the proxy stops");
  await ours.time.advance(0);
  assertEquals([ours.stream.take(), ours.stream.isClosed], ["\x88\x02\x03\xe8", true]);
  ours[Symbol.dispose]();
  using theirs = new Lab(false, new WebSocketFraming());
  await theirs.say(CLOSE);
  assertEquals([theirs.stream.take(), theirs.closed], ["\x88\x02\x03\xe8", ["the peer closed it"]]);
});
