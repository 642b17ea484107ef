import { assertEquals, assertStringIncludes } from "../../src/deps/assert.ts";
import type { SessionStatistics } from "../../src/control/statistics.ts";
import type { Link, LinkHandler } from "../../src/io/link.ts";
import { FakeTime } from "../../tests/support/fake_time.ts";
import { RecordingLogger } from "../../tests/support/fakes.ts";
import { Dispatchers } from "./dispatchers.ts";

/** A dispatcher that a relay connects to, in memory. */
class FakeDispatcher {
  readonly sent: string[] = [];
  attempts = 0;
  refusing = false;
  answersPings = true;
  handler: LinkHandler | undefined = undefined;

  connect(onLink: (link: Link) => LinkHandler): Promise<void> {
    this.attempts++;
    if (this.refusing) return Promise.reject(new Error("connection refused"));
    this.handler = onLink({
      peer: { hostname: "192.0.2.1", port: 25060, text: "192.0.2.1:25060", commonName: "fake" },
      send: (text) => {
        this.sent.push(text);
        if (text === "ping\r\n" && this.answersPings) this.handler!.received(new TextEncoder().encode("pong\r\n"));
      },
      close: (reason) => this.drop(reason),
      bufferedBytes: 0,
    });
    return Promise.resolve();
  }

  /** The connection ends. */
  drop(reason: string): void {
    const { handler } = this;
    this.handler = undefined;
    handler?.closed(reason);
  }
}

interface Bench {
  readonly dispatchers: Dispatchers;
  readonly fake: FakeDispatcher;
  readonly log: RecordingLogger;
  addresses: string[];
  sessions: boolean;
}

function bench(entries = [{ host: "192.0.2.1", port: 25060, isAddress: true }]): Bench {
  const fake = new FakeDispatcher();
  const log = new RecordingLogger();
  const it: Bench = {
    dispatchers: new Dispatchers(
      { entries, reconnectDelayMs: 10_000, keepaliveIntervalMs: 10_000, dnsCheckIntervalMs: 60_000 },
      {
        resolver: { srvTargets: () => Promise.resolve([]), address: () => Promise.resolve(it.addresses[0]!) },
        connect: (_, onLink) => fake.connect(onLink),
        handle: (_, command, _headers, answer) => answer(command === "summary" ? "{}" : "error"),
        hasSessions: () => it.sessions,
        log,
      },
    ),
    fake,
    log,
    addresses: ["192.0.2.1"],
    sessions: false,
  };
  return it;
}

function statistics(callId: string): SessionStatistics {
  return { "call_id": callId, "from_tag": "f", streams: [] } as unknown as SessionStatistics;
}

Deno.test("Dispatchers answers commands on the connection that brought them", async () => {
  using _time = new FakeTime();
  const { dispatchers, fake } = bench();
  await dispatchers.start();
  fake.handler!.received(new TextEncoder().encode("summary 7\r\n\r\n"));
  assertEquals(fake.sent, ["7 {}\r\n"]);
});

Deno.test("Dispatchers reconnects after a second when the connection was good, else after reconnect_delay (PROTOCOL 4)", async () => {
  using time = new FakeTime();
  const { dispatchers, fake } = bench();
  await dispatchers.start();
  assertEquals(fake.attempts, 1);
  await time.advance(5000);
  fake.drop("gone");
  await time.advance(999);
  assertEquals(fake.attempts, 1);
  await time.advance(1);
  assertEquals(fake.attempts, 2);
  fake.drop("gone again, at once");
  await time.advance(9999);
  assertEquals(fake.attempts, 2);
  await time.advance(1);
  assertEquals(fake.attempts, 3);
  fake.refusing = true;
  fake.drop("and for long");
  await time.advance(30_000);
  assertEquals(fake.attempts, 6);
});

Deno.test("Dispatchers takes a dispatcher for dead after three pings without an answer (PROTOCOL 3)", async () => {
  using time = new FakeTime();
  const { dispatchers, fake, log } = bench();
  fake.answersPings = false;
  await dispatchers.start();
  await time.advance(30_000);
  assertEquals(fake.sent.filter((text) => text === "ping\r\n").length, 3);
  await time.advance(11_000);
  assertStringIncludes(log.messages("error").join("\n"), "keepalives in a row");
  await time.advance(1000);
  assertEquals(fake.attempts, 2);
});

Deno.test("Dispatchers delivers what expired while the dispatcher was away", async () => {
  using time = new FakeTime();
  const { dispatchers, fake } = bench();
  await dispatchers.start();
  fake.drop("gone");
  dispatchers.expired("192.0.2.1:25060", statistics("while away"));
  assertEquals(fake.sent, []);
  await time.advance(10_000);
  assertEquals(fake.sent, [`expired ${JSON.stringify(statistics("while away"))}\r\n`]);
});

Deno.test("Dispatchers follows a name that leads elsewhere, once the last session has ended (PROTOCOL 4)", async () => {
  using time = new FakeTime();
  const it = bench([{ host: "dispatcher.example.com", port: 25060, isAddress: false }]);
  await it.dispatchers.start();
  assertEquals(it.fake.attempts, 1);
  it.sessions = true;
  it.addresses = ["192.0.2.2"];
  await time.advance(61_000);
  assertEquals(it.fake.attempts, 2);
  const removed = () => it.log.lines.filter(({ message }) => message === "removing dispatcher");
  assertEquals(removed().length, 0);
  it.sessions = false;
  await time.advance(1000);
  assertEquals(removed().map(({ fields }) => fields.dispatcher), ["192.0.2.1:25060"]);
});
