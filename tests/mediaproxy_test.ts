/**
 * The mediaproxy module with a real dispatcher and a real relay in this process: a call is relayed, both parties hear each
 * other, and the session goes when the call does.
 * @module
 */
import { startRelay } from "../relay/io/service.ts";
import { parseConfig } from "../src/config/mod.ts";
import { assert, assertEquals } from "../src/deps/assert.ts";
import { startDispatcher } from "../src/dispatcher/io/service.ts";
import { makeCertificates } from "../src/io/certificate_files.ts";
import { UnixDispatcherClient } from "../src/mediaproxy/io/dispatcher_client.ts";
import { DEFAULT_SETTINGS, MediaProxy } from "../src/mediaproxy/mod.ts";
import { parseSdp } from "../src/sdp/mod.ts";
import type { SipMessage } from "../src/sip/message.ts";
import { parseMessage } from "../src/sip/parse_message.ts";
import { freeTcpPort, freeUdpBlock } from "./peers/support/ports.ts";
import { until } from "./peers/support/until.ts";
import { RecordingLogger } from "./support/fakes.ts";
import { rtp } from "./support/rtp_packets.ts";

const RELAY_PORTS = 200;

/** A dispatcher, its relay and the module. */
class Lab implements AsyncDisposable {
  readonly log = new RecordingLogger();
  readonly #stack = new AsyncDisposableStack();
  dispatcher!: Awaited<ReturnType<typeof startDispatcher>>;
  relay!: Awaited<ReturnType<typeof startRelay>>;
  client!: UnixDispatcherClient;
  proxy!: MediaProxy;

  static async start(): Promise<Lab> {
    const lab = new Lab();
    const directory = Deno.makeTempDirSync();
    lab.#stack.defer(() => Deno.remove(directory, { recursive: true }));
    await makeCertificates(`${directory}/tls`);
    const [port, firstPort] = [freeTcpPort(), freeUdpBlock(RELAY_PORTS)];
    const { config } = parseConfig(
      `[Dispatcher]
listen = 127.0.0.1:${port}
listen_management = 127.0.0.1:${freeTcpPort()}
[Relay]
dispatchers = 127.0.0.1:${port}
relay_ip = 127.0.0.1
port_range = ${firstPort}:${firstPort + RELAY_PORTS}
[TLS]
certs_path = ${directory}/tls
`,
      "config.ini",
    );
    const paths = {
      configFile: `${directory}/config.ini`,
      configDir: directory,
      runtimeDir: directory,
      explicit: true,
    };
    lab.dispatcher = lab.#stack.use(await startDispatcher(config, paths, lab.log));
    lab.relay = lab.#stack.use(await startRelay(config, directory, lab.log));
    await until("the relay to connect", () => lab.dispatcher.relayCount === 1);
    const { socketPath: path } = lab.dispatcher;
    lab.client = lab.#stack.use(new UnixDispatcherClient({ path, timeoutMs: 8000 }, lab.log));
    lab.proxy = new MediaProxy(DEFAULT_SETTINGS, lab.client, lab.log);
    return lab;
  }

  use(message: SipMessage): Promise<1 | -1 | -2> {
    return this.proxy.useMediaProxy({ message, sourceAddress: "127.0.0.1", avps: new Map() });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** A phone's socket and what it says in SDP. */
class Phone implements Disposable {
  readonly port = freeUdpBlock(2);
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: this.port });

  get sdp(): string {
    return `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${this.port} RTP/AVP 0\r\n`;
  }

  async send(packet: Uint8Array, port: number): Promise<void> {
    await this.#socket.send(packet, { transport: "udp", hostname: "127.0.0.1", port });
  }

  async receive(): Promise<Uint8Array> {
    const [packet] = await this.#socket.receive();
    return packet;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

function message(startLine: string, callId: string, body = ""): SipMessage {
  const isRequest = !startLine.startsWith("SIP/2.0");
  return parseMessage([
    startLine,
    "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1",
    "From: <sip:alice@example.com>;tag=a1",
    `To: <sip:bob@example.net>${startLine.startsWith("INVITE") ? "" : ";tag=b1"}`,
    `Call-ID: ${callId}`,
    `CSeq: 1 ${isRequest ? startLine.split(" ")[0] : "INVITE"}`,
    ...(body === "" ? [] : ["Content-Type: application/sdp"]),
    "",
    body,
  ].join("\r\n"));
}

function portIn(message: SipMessage): number {
  const [stream] = parseSdp(message.body).streams;
  assertEquals(stream!.address, "127.0.0.1");
  return stream!.port;
}

Deno.test("the module, a dispatcher and a relay carry a call and let go of it", async () => {
  await using lab = await Lab.start();
  using alice = new Phone();
  using bob = new Phone();
  const invite = message("INVITE sip:bob@example.net SIP/2.0", "call-1", alice.sdp);
  assertEquals(await lab.use(invite), 1);
  const ok = message("SIP/2.0 200 OK", "call-1", bob.sdp);
  assertEquals(await lab.use(ok), 1);
  assert(portIn(invite) !== alice.port && portIn(ok) !== bob.port);
  assertEquals([lab.dispatcher.sessionCount, lab.relay.sessionCount], [1, 1]);

  const [fromAlice, fromBob] = [rtp({ ssrc: 1 }), rtp({ ssrc: 2 })];
  const heard = Promise.all([alice.receive(), bob.receive()]);
  await alice.send(fromAlice, portIn(ok));
  await bob.send(fromBob, portIn(invite));
  // What came before the relay knew where to send it to is lost.
  const again = setInterval(
    () => void alice.send(fromAlice, portIn(ok)).then(() => bob.send(fromBob, portIn(invite))),
    20,
  );
  const [byAlice, byBob] = await heard.finally(() => clearInterval(again));
  assertEquals([byAlice, byBob], [fromBob, fromAlice]);

  const bye = message("BYE sip:bob@example.net SIP/2.0", "call-1");
  assertEquals(await lab.proxy.endMediaSession(bye), 1);
  assertEquals([lab.dispatcher.sessionCount, lab.relay.sessionCount], [0, 0]);
  assertEquals(await lab.proxy.endMediaSession(bye), -1);
});

Deno.test("the module tells a dispatcher of an answer without SDP, and of calls that it cannot relay nothing", async () => {
  await using lab = await Lab.start();
  using alice = new Phone();
  const ok = message("SIP/2.0 200 OK", "call-2");
  assertEquals([await lab.use(ok), ok.body], [1, ""]);
  const multicast = alice.sdp.replace("c=IN IP4 127.0.0.1", "c=IN IP4 233.252.0.1/127");
  const invite = message("INVITE sip:bob@example.net SIP/2.0", "call-3", multicast);
  assertEquals([await lab.use(invite), invite.body], [-1, multicast]);
  assertEquals([lab.dispatcher.sessionCount, lab.relay.sessionCount], [0, 0]);
});

Deno.test("the module relays 40 calls at a time", async () => {
  await using lab = await Lab.start();
  using alice = new Phone();
  const calls = Array.from({ length: 40 }, (_, index) => `call-${index}`);
  const invites = calls.map((callId) => message("INVITE sip:bob@example.net SIP/2.0", callId, alice.sdp));
  assertEquals(await Promise.all(invites.map((invite) => lab.use(invite))), calls.map(() => 1));
  assertEquals(new Set(invites.map(portIn)).size, 40);
  assertEquals(lab.relay.sessionCount, 40);
  const byes = calls.map((callId) => message("BYE sip:bob@example.net SIP/2.0", callId));
  assertEquals(await Promise.all(byes.map((bye) => lab.proxy.endMediaSession(bye))), calls.map(() => 1));
  assertEquals(lab.relay.sessionCount, 0);
});

Deno.test("a call whose worker dies in the relay ends at the dispatcher at once, and the next call finds another", async () => {
  await using lab = await Lab.start();
  using alice = new Phone();
  const invite = (callId: string) => message("INVITE sip:bob@example.net SIP/2.0", callId, alice.sdp);
  assertEquals(await lab.use(invite("call-1")), 1);
  assertEquals(lab.dispatcher.sessionCount, 1);
  lab.relay.killWorker(1);
  await until("the dispatcher to hear of it", () => lab.log.messages("info").some((it) => /did time out/.test(it)));
  assertEquals(lab.relay.sessionCount, 0);
  const started = () => lab.log.messages("info").includes("worker started again");
  await until("another worker", started);
  assertEquals(await lab.use(invite("call-2")), 1);
  assertEquals(lab.relay.sessionCount, 1);
});
