// deno-lint-ignore-file camelcase -- keys of the configuration
/** A worker of the relay fails while the kernel carries its calls, and those of another one. */
import { assert, assertEquals } from "../../src/deps/assert.ts";
import type { StreamStatistics } from "../../src/control/statistics.ts";
import {
  CALLEE_4,
  CALLER_4,
  type KernelLab,
  kernelMaps,
  KernelPhone,
  kernelTest,
  RELAY_4,
} from "./support/kernel_lab.ts";
import { KernelRelay } from "./support/kernel_relay.ts";
import { until } from "./support/until.ts";

const FIRST_PORT = 40_000;
/** The smallest share of a worker. */
const WORKER_PORTS = 128;
const PORTS_PER_CALL = 4;
const CALLS_PER_WORKER = WORKER_PORTS / PORTS_PER_CALL;
const SETTINGS = {
  relay_ip: RELAY_4,
  workers: 2,
  port_range: `${FIRST_PORT}:${FIRST_PORT + 2 * WORKER_PORTS}`,
  /** Longer than it takes to have all other ports used. */
  port_rest_time: 10,
};

type Party = "caller" | "callee";

/** A call, and what its phones send and hear. */
class Call {
  readonly callId: string;
  readonly #service: KernelRelay;
  readonly #phones: Readonly<Record<Party, KernelPhone>>;
  readonly #ports: Record<Party, number>;
  readonly #sendsTo = { caller: { hostname: "", port: 0 }, callee: { hostname: "", port: 0 } };
  #cseq = 0;

  constructor(service: KernelRelay, phones: Readonly<Record<Party, KernelPhone>>, callId: string, number: number) {
    this.#service = service;
    this.#phones = phones;
    this.callId = callId;
    this.#ports = { caller: 4000 + 100 * number, callee: 5000 + 100 * number };
  }

  /** The relay's ports. */
  get relayPorts(): readonly number[] {
    return [this.#sendsTo.caller.port, this.#sendsTo.callee.port];
  }

  /** Signals the call, each time with another port of the callee, and has those who are new there send a packet. */
  async signal(): Promise<void> {
    const { callId } = this;
    const cseq = ++this.#cseq;
    this.#ports.callee += 2;
    await this.#phones.callee.open(CALLEE_4, this.#ports.callee);
    if (cseq === 1) await this.#phones.caller.open(CALLER_4, this.#ports.caller);
    const media = (address: string, port: number) => `audio:${address}:${port}:sendrecv:ice=no`;
    this.#sendsTo.callee = await this.#service.update({
      callId,
      cseq,
      signalingIp: CALLER_4,
      media: media(CALLER_4, this.#ports.caller),
      ...cseq > 1 && { toTag: "callee" },
    });
    this.#sendsTo.caller = await this.#service.update({
      callId,
      cseq,
      type: "reply",
      toTag: "callee",
      signalingIp: CALLEE_4,
      media: media(CALLEE_4, this.#ports.callee),
    });
    if (cseq === 1) await this.send("caller", 1);
    await this.send("callee", 1);
  }

  send(party: Party, packets: number): Promise<void> {
    const burst = { packets, intervalMs: packets > 1 ? 5 : 0, bytes: 172 };
    return this.#phones[party].send({ ...burst, port: this.#ports[party], to: this.#sendsTo[party] });
  }

  /** How many packets a party has got on the port where it is now. */
  async heard(party: Party): Promise<number> {
    return (await this.#phones[party].arrived(this.#ports[party])).packets;
  }

  async stream(): Promise<StreamStatistics> {
    const sessions = await this.#service.sessions();
    return sessions.find(({ call_id }) => call_id === this.callId)!.streams.at(-1)!;
  }

  async inKernel(): Promise<void> {
    await until(
      () => `the kernel to carry ${this.callId}\n${this.#service.relay!.tail()}`,
      async () => (await this.stream()).carried_by === "kernel",
    );
  }

  async countedByKernel(packets: number): Promise<void> {
    let counted: number | undefined;
    await until(
      () => `the kernel's counters of ${this.callId}: ${counted} of ${packets} packets`,
      async () => (counted = (await this.stream()).kernel_packets) === packets,
    );
  }
}

async function carriedFlows(lab: KernelLab): Promise<number> {
  return (await kernelMaps(lab)).get("flows")!.length;
}

kernelTest(
  "a worker that fails takes its own calls out of the kernel, and no others; the next ones enter",
  async (lab) => {
    await using service = await KernelRelay.start(lab, SETTINGS, { program: "tests/peers/support/failing_relay.ts" });
    const phones = { caller: new KernelPhone(lab.callerHost), callee: new KernelPhone(lab.calleeHost) };
    await using _caller = phones.caller.agent;
    await using _callee = phones.callee.agent;
    let calls = 0;
    const start = async (callId: string) => {
      const call = new Call(service, phones, callId, calls++);
      await call.signal();
      return call;
    };
    const [lost, other] = [await start("lost"), await start("other")];
    await Promise.all([lost.inKernel(), other.inKernel()]);
    const isFirstWorkers = (port: number) => port < FIRST_PORT + WORKER_PORTS;
    assertEquals([lost, other].map((call) => call.relayPorts.every(isFirstWorkers)), [true, false]);
    assertEquals(await carriedFlows(lab), 4);

    await lost.send("caller", 100);
    await lost.countedByKernel(100);
    // The main isolate is told of a session in the second after it was signalled. Between its first entry and its second one
    // from here all of that second's work was done once.
    for (let round = 0; round < 2; round++) {
      await lost.signal();
      await lost.inKernel();
    }
    const lostHeard = await lost.heard("callee");
    const before = { caller: await other.heard("caller"), callee: await other.heard("callee") };
    const counted = (await other.stream()).kernel_packets!;
    const talking = Promise.all([other.send("caller", 500), other.send("callee", 500)]);
    service.relay!.signal("SIGHUP");
    const { streams: [stream] } = await service.accounted("lost");
    assertEquals([stream!.status, stream!.caller_packets, stream!.kernel_packets], ["closed", 101, 100]);
    await until("its flows to leave the kernel", async () => await carriedFlows(lab) === 2);
    assertEquals((await service.sessions()).map(({ call_id }) => call_id), ["other"]);
    await service.relay!.line(/worker started again/);

    const next = await start("next");
    assertEquals(next.relayPorts.every(isFirstWorkers), true);
    // All ports that have not been the lost call's.
    const fillers = Array.from({ length: 2 * CALLS_PER_WORKER - 3 }, (_, index) => `filler-${index}`);
    const ports: number[] = [...next.relayPorts];
    for (const callId of fillers) ports.push((await service.update({ callId })).port);
    assertEquals(ports.filter((port) => lost.relayPorts.includes(port)), []);
    assertEquals(await service.tryUpdate({ callId: "too early" }), undefined);
    await next.inKernel();
    await next.send("caller", 50);
    await next.countedByKernel(50);

    await talking;
    await until("every packet of the other call", async () => {
      return await other.heard("caller") === before.caller + 500 && await other.heard("callee") === before.callee + 500;
    });
    await other.countedByKernel(counted + 1000);
    assertEquals(await lost.heard("callee"), lostHeard);
    const { port } = await until(
      "the lost call's ports to have rested",
      () => service.tryUpdate({ callId: "last" }),
      2000 * SETTINGS.port_rest_time,
    );
    assert(lost.relayPorts.includes(port), `${port} was not the lost call's`);

    for (const callId of ["other", "next", "last", ...fillers]) await service.end(callId);
    await until("the pairs to leave", async () => (await service.summary()).kernel!.components === 0);
    const { left: { asked: _asked, ...troubles } } = (await service.summary()).kernel!;
    assertEquals(new Set(Object.values(troubles)), new Set([0]), JSON.stringify(troubles));
    const maps = [...await kernelMaps(lab)].filter(([name]) => !name.endsWith("_groups"));
    assertEquals(maps.filter(([, elements]) => elements.length > 0), []);
  },
);
