import { assertEquals, assertStringIncludes } from "../../src/deps/assert.ts";
import { defaultConfig } from "../../src/config/mod.ts";
import { HeaderLines, type Headers } from "../../src/control/headers.ts";
import type { SessionStatistics } from "../../src/control/statistics.ts";
import { freeUdpBlock, isBoundUdpPort } from "../../tests/peers/support/ports.ts";
import { until } from "../../tests/peers/support/until.ts";
import { removeHeaders, updateHeaders } from "../../tests/support/control_messages.ts";
import { RecordingLogger } from "../../tests/support/fakes.ts";
import { DISPATCHER, relayAddress } from "../../tests/support/relay_host.ts";
import { rtp } from "../../tests/support/rtp_packets.ts";
import { Carrier } from "./carrier.ts";

const PORTS_PER_WORKER = 128;

/** Two worker isolates with real sockets, and phones. */
class Lab implements AsyncDisposable {
  readonly log = new RecordingLogger();
  readonly expired: SessionStatistics[] = [];
  readonly phones: Phone[] = [];
  firstPort = 0;
  carrier!: Carrier;

  static async start(): Promise<Lab> {
    const lab = new Lab();
    lab.firstPort = freeUdpBlock(PORTS_PER_WORKER * 2);
    const portRange = { start: lab.firstPort, end: lab.firstPort + PORTS_PER_WORKER * 2 };
    const config = { ...defaultConfig().relay, portRange };
    lab.carrier = await Carrier.start(
      { config, addresses: [relayAddress("127.0.0.1")], workers: 2 },
      (_dispatcher, statistics) => void lab.expired.push(statistics),
      lab.log,
    );
    return lab;
  }

  ask(command: string, headers: Headers): Promise<string> {
    return new Promise((resolve) => this.carrier.directory.handle(DISPATCHER, command, headers, resolve));
  }

  /** A call that is up, and the relay's ports for its phones. */
  async call(callId: string): Promise<Call> {
    const [caller, callee] = [new Phone(), new Phone()];
    this.phones.push(caller, callee);
    const media = (phone: Phone) => `audio:127.0.0.1:${phone.port}:sendrecv:ice=no`;
    const dialogId = `dialog of ${callId}`;
    const offer = updateHeaders({ callId, dialogId, signalingIp: "127.0.0.1", media: media(caller) });
    const calleeSendsTo = portOf(await this.ask("update", offer));
    const answer = { callId, type: "reply", toTag: "callee", signalingIp: "127.0.0.1", media: media(callee) } as const;
    const callerSendsTo = portOf(await this.ask("update", updateHeaders(answer)));
    return { caller, callee, callerSendsTo, calleeSendsTo };
  }

  workerOf({ callerSendsTo }: Call): number {
    return callerSendsTo < this.firstPort + PORTS_PER_WORKER ? 1 : 2;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.carrier.close();
    for (const phone of this.phones) phone.close();
  }
}

interface Call {
  readonly caller: Phone;
  readonly callee: Phone;
  readonly callerSendsTo: number;
  readonly calleeSendsTo: number;
}

class Phone {
  readonly port = freeUdpBlock(2);
  heard = 0;
  #sequenceNumber = 0;
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: this.port });

  constructor() {
    this.#listen();
  }

  async #listen(): Promise<void> {
    for await (const _ of this.#socket) this.heard++;
  }

  async say(port: number): Promise<void> {
    const packet = rtp({ sequenceNumber: ++this.#sequenceNumber });
    await this.#socket.send(packet, { transport: "udp", hostname: "127.0.0.1", port });
  }

  close(): void {
    this.#socket.close();
  }
}

function portOf(answer: string): number {
  const [, port] = /^127\.0\.0\.1 (\d+)$/.exec(answer) ?? [];
  if (port === undefined) throw new Error(`the relay answers ${answer}`);
  return Number(port);
}

/** Both phones talk until each has heard something new. */
async function talk({ caller, callee, callerSendsTo, calleeSendsTo }: Call): Promise<void> {
  const before = [caller.heard, callee.heard];
  await until("both phones to hear each other", async () => {
    await caller.say(callerSendsTo);
    await callee.say(calleeSendsTo);
    return caller.heard > before[0]! && callee.heard > before[1]!;
  });
}

Deno.test("Carrier spreads calls over isolates, and each carries its media", async () => {
  await using lab = await Lab.start();
  const calls = [await lab.call("a"), await lab.call("b"), await lab.call("c")];
  assertEquals(calls.map((call) => lab.workerOf(call)), [1, 2, 1]);
  await Promise.all(calls.map(talk));
  const [stream] = JSON.parse(await lab.ask("remove", removeHeaders("b"))).streams;
  assertEquals([stream.caller_packets > 0, stream.callee_packets > 0], [true, true]);
  const lines = lab.log.lines.filter(({ message }) => message.startsWith("session created"));
  assertEquals(lines.map(({ fields }) => [fields.callId, fields.worker]), [["a", 1], ["b", 2], ["c", 1]]);
});

Deno.test("Carrier loses only the calls of an isolate that dies, reports them, and puts another in its place", async () => {
  await using lab = await Lab.start();
  const [lost, other] = [await lab.call("a"), await lab.call("b")];
  await Promise.all([lost, other].map(talk));
  // The system's list leaves sockets out now and then while others are opened and closed.
  await until("the socket in the system's list", () => isBoundUdpPort(lost.callerSendsTo));
  lab.carrier.killWorker(1);
  assertEquals(lab.expired.map((it) => [it.call_id, it.dialog_id, it.to_tag]), [["a", "dialog of a", "callee"]]);
  await talk(other);
  await until("the dead isolate's sockets to be closed", () => !isBoundUdpPort(lost.callerSendsTo));
  const isThere = () => lab.log.messages("info").includes("worker started again");
  await until("another isolate", isThere);
  const calls = [await lab.call("c"), await lab.call("d"), await lab.call("e")];
  assertEquals(calls.map((call) => lab.workerOf(call)).toSorted(), [1, 1, 2]);
  await Promise.all(calls.map(talk));
  await talk(other);
  // Ports of the call that was lost rest: its phones may still be sending.
  const used = [lost, ...calls].flatMap(({ callerSendsTo, calleeSendsTo }) => [callerSendsTo, calleeSendsTo]);
  assertEquals(new Set(used).size, used.length);
  assertEquals(await lab.ask("remove", removeHeaders("a")), "error");
});

Deno.test("Carrier contains a fault that one command meets: it gets an error, and the isolate goes on", async () => {
  await using lab = await Lab.start();
  const call = await lab.call("a");
  const poison = new HeaderLines([undefined as unknown as string]);
  Object.defineProperty(poison, "get", { value: () => undefined }); // it is to fail in the isolate, not here
  assertEquals(await lab.ask("update", poison), "error");
  assertEquals(await lab.ask("update", poison), "error");
  const [line] = lab.log.lines.filter(({ level }) => level === "error");
  assertStringIncludes(line!.message, "internal error at update: TypeError");
  await talk(call);
  assertEquals(lab.carrier.directory.sessionCount, 1);
});

Deno.test("Carrier.drain() lets calls end, and settles when the last has", async () => {
  await using lab = await Lab.start();
  await lab.call("a");
  let settled = false;
  const drained = lab.carrier.drain().then(() => settled = true);
  assertEquals(await lab.ask("update", updateHeaders({ callId: "b" })), "halting");
  await lab.ask("remove", removeHeaders("a"));
  assertEquals(settled, false);
  await drained;
});

Deno.test("Carrier.close() reports every call as expired", async () => {
  const lab = await Lab.start();
  const call = await lab.call("a");
  await lab.call("b");
  await talk(call);
  await lab[Symbol.asyncDispose]();
  assertEquals(lab.expired.map(({ call_id }) => call_id).toSorted(), ["a", "b"]);
  const packets = lab.expired.flatMap(({ streams }) => streams).map(({ caller_packets }) => caller_packets);
  assertEquals(packets.filter((count) => count > 0).length, 1); // as the isolates knew it, not as it was last heard
});
