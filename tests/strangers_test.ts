/**
 * Strangers who try to get a call's media, through real sockets: dispatcher and relay in this process, two phones behind
 * pretended NATs, and a stranger with an address that nobody vouches for.
 * @module
 */
import { startRelay } from "../relay/io/service.ts";
import { parseConfig } from "../src/config/mod.ts";
import { serializeRequest } from "../src/control/request.ts";
import { assertEquals, assertMatch } from "../src/deps/assert.ts";
import { startDispatcher } from "../src/dispatcher/io/service.ts";
import { makeCertificates } from "../src/io/certificate_files.ts";
import { freeTcpPort, freeUdpBlock } from "./peers/support/ports.ts";
import { TalkingSocket } from "./peers/support/talking_socket.ts";
import { pause, until } from "./peers/support/until.ts";
import { type UpdateFields, updateHeaders } from "./support/control_messages.ts";
import { RecordingLogger } from "./support/fakes.ts";

const RELAY_PORTS = 40;
const CALLER_SSRC = 1111;
const CALLEE_SSRC = 2222;
const STRANGER_SSRC = 6666;
const [CALLER_ADDRESS, CALLEE_ADDRESS, STRANGER_ADDRESS] = ["127.0.0.2", "127.1.0.3", "127.77.0.9"];

/** A dispatcher and a relay, commanded as by a SIP server, phones and a stranger. */
class Lab implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly #sip: Deno.UnixConn;
  readonly firstPort: number;
  readonly caller: TalkingSocket;
  readonly callee: TalkingSocket;
  readonly stranger: TalkingSocket;

  private constructor(stack: AsyncDisposableStack, sip: Deno.UnixConn, firstPort: number) {
    this.#stack = stack;
    this.#sip = sip;
    this.firstPort = firstPort;
    [this.caller, this.callee, this.stranger] = [CALLER_ADDRESS, CALLEE_ADDRESS, STRANGER_ADDRESS].map((address) =>
      stack.use(new TalkingSocket(`${address}:${freeUdpBlock(2)}`))
    ) as [TalkingSocket, TalkingSocket, TalkingSocket];
  }

  static async start(relayKeys = ""): Promise<Lab> {
    await using stack = new AsyncDisposableStack();
    const directory = Deno.makeTempDirSync();
    stack.defer(() => Deno.remove(directory, { recursive: true }));
    await makeCertificates(`${directory}/tls`);
    const [port, firstPort] = [freeTcpPort(), freeUdpBlock(RELAY_PORTS)];
    const { config } = parseConfig(
      `[Dispatcher]
listen = 127.0.0.1:${port}
listen_management = 127.0.0.1:${freeTcpPort()}
[Relay]
dispatchers = 127.0.0.1:${port}
relay_ip = 127.0.0.1
workers = 1
port_range = ${firstPort}:${firstPort + RELAY_PORTS}
${relayKeys}
[TLS]
certs_path = ${directory}/tls
`,
      "config.ini",
    );
    const log = new RecordingLogger();
    const paths = {
      configFile: `${directory}/config.ini`,
      configDir: directory,
      runtimeDir: directory,
      explicit: true,
    };
    const dispatcher = stack.use(await startDispatcher(config, paths, log));
    stack.use(await startRelay(config, directory, log));
    await until("the relay to connect", () => dispatcher.relayCount === 1);
    const sip = stack.adopt(
      await Deno.connect({ transport: "unix", path: dispatcher.socketPath }),
      (conn) => conn.close(),
    );
    return new Lab(stack.move(), sip, firstPort);
  }

  get everyPort(): number[] {
    return Array.from({ length: RELAY_PORTS }, (_, index) => this.firstPort + index);
  }

  /** Returns where the callee is to send. */
  offer(fields: UpdateFields = {}): Promise<string> {
    return this.#update({ media: "audio:10.0.0.5:6000", signalingIp: CALLER_ADDRESS, ...fields });
  }

  /** Returns where the caller is to send. */
  answer(): Promise<string> {
    const media = "audio:192.168.0.5:7000";
    return this.#update({ type: "reply", toTag: "callee", media, signalingIp: CALLEE_ADDRESS });
  }

  async #update(fields: UpdateFields): Promise<string> {
    const answer = await this.#ask(serializeRequest("update", updateHeaders(fields)));
    assertMatch(answer, /^127\.0\.0\.1 \d+$/);
    return answer.replace(" ", ":");
  }

  async #ask(request: string): Promise<string> {
    await this.#sip.write(new TextEncoder().encode(request));
    const buffer = new Uint8Array(4096);
    const length = await this.#sip.read(buffer);
    return new TextDecoder().decode(buffer.subarray(0, length ?? 0)).trimEnd();
  }

  /** A packet every 5 ms to each port. */
  flood(packets: number, ports = this.everyPort): Promise<void> {
    return this.stranger.send({ kind: "rtp", to: "127.0.0.1:1", ports, packets, ssrc: STRANGER_SSRC, paceMs: 5 });
  }

  /** Both phones talk: a packet every 20 ms. */
  async talk(toCaller: string, toCallee: string, packets: number): Promise<void> {
    await Promise.all([
      this.caller.send({ kind: "rtp", to: toCaller, packets, ssrc: CALLER_SSRC }),
      this.callee.send({ kind: "rtp", to: toCallee, packets, ssrc: CALLEE_SSRC }),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Waits until a phone has heard so many packets of the other one through the relay, and checks that it heard nobody else. */
async function hearsOnly(phone: TalkingSocket, ssrc: number, from: string, packets: number): Promise<void> {
  let count = 0;
  await until(() => `${packets} packets of ${ssrc}, so far ${count}`, () => {
    const heard = phone.takeArrivals();
    assertEquals(Object.keys(heard).filter((name) => name !== `${ssrc} from ${from}`), []);
    count += heard[`${ssrc} from ${from}`] ?? 0;
    return count >= packets;
  });
}

Deno.test("a stranger who floods every port before, during and after set-up hears nothing, and is not heard", async () => {
  await using lab = await Lab.start();
  await lab.flood(20); // before there is a call
  const toCallee = await lab.offer();
  await lab.flood(40); // while it rings
  const toCaller = await lab.answer();
  await lab.flood(60); // as long as it takes the phones to begin
  await Promise.all([lab.flood(100), lab.talk(toCaller, toCallee, 25)]);
  await lab.flood(80); // 400 ms in which both are silent
  await lab.talk(toCaller, toCallee, 15);
  await hearsOnly(lab.caller, CALLEE_SSRC, toCaller, 39);
  await hearsOnly(lab.callee, CALLER_SSRC, toCallee, 39);
  assertEquals(lab.stranger.takeArrivals(), {});
});

Deno.test("a stranger who tries every port of the range gets nothing from any, whatever he sends (RTP bleed)", async () => {
  await using lab = await Lab.start();
  const toCallee = await lab.offer();
  const toCaller = await lab.answer();
  const ports = lab.everyPort;
  for (const kind of ["rtp", "rtcp", "stun"] as const) {
    await lab.stranger.send({ kind, to: "127.0.0.1:1", ports, packets: 2, ssrc: STRANGER_SSRC });
  }
  await Promise.all([
    lab.talk(toCaller, toCallee, 20),
    pause(100).then(() => lab.stranger.send({ kind: "stun", to: "127.0.0.1:1", ports, packets: 3 })),
  ]);
  await hearsOnly(lab.caller, CALLEE_SSRC, toCaller, 19);
  await hearsOnly(lab.callee, CALLER_SSRC, toCallee, 19);
  assertEquals(lab.stranger.takeArrivals(), {});
});

Deno.test("a stranger who outlasts a silent phone hears nothing in a call whose SIP server wants strict learning", async () => {
  await using lab = await Lab.start();
  const toCallee = await lab.offer({ learning: "strict" }); // the dispatcher passes on what it does not know
  await lab.answer();
  await lab.flood(220); // 1.1 s: longer than a silent party is waited for
  await lab.callee.send({ kind: "rtp", to: toCallee, packets: 10, ssrc: CALLEE_SSRC });
  await Promise.all([lab.flood(40), lab.callee.send({ kind: "rtp", to: toCallee, packets: 10, ssrc: CALLEE_SSRC })]);
  assertEquals([lab.stranger.takeArrivals(), lab.callee.takeArrivals()], [{}, {}]);
});
