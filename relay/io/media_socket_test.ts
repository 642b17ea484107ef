import { assertEquals } from "../../src/deps/assert.ts";
import { RecordingLogger } from "../../tests/support/fakes.ts";
import { freeUdpBlock } from "../../tests/peers/support/ports.ts";
import { until } from "../../tests/peers/support/until.ts";
import { rtp } from "../../tests/support/rtp_packets.ts";
import type { LearningRules } from "../learning/learning.ts";
import { Leg } from "../leg.ts";
import { Reception } from "../quality/reception.ts";
import { type MediaSocket, PortInUseError } from "../port_pool.ts";
import { type MediaSocketEnvironment, openMediaSocket } from "./media_socket.ts";

/** Nothing is signalled here, so the phones must win by coming first. */
const OPEN: LearningRules = { mode: "open", rebinding: true, isOwn: () => false };

/** Two sockets of a relay, joined by legs, and a phone at each. */
class Lab implements Disposable {
  readonly log = new RecordingLogger();
  readonly env: MediaSocketEnvironment = {
    hostname: "127.0.0.1",
    counters: { late: 0, truncated: 0, sendFailed: 0 },
    log: this.log,
    nowMs: () => 0,
  };
  readonly firstPort = freeUdpBlock(4);
  readonly sockets: readonly MediaSocket[];
  readonly legs: readonly Leg[];
  readonly phones: readonly Deno.DatagramConn[];
  readonly received: Uint8Array[][] = [[], []];

  constructor() {
    this.sockets = [0, 1].map((index) => openMediaSocket(this.env, this.firstPort + index));
    const owner = { learnt() {}, lost() {}, doubted() {} };
    this.legs = this.sockets.map((socket) => new Leg("rtp", owner, socket, OPEN, false, new Reception()));
    this.legs[0]!.peer = this.legs[1]!;
    this.legs[1]!.peer = this.legs[0]!;
    this.sockets.forEach((socket, index) => socket.attach(this.legs[index]!));
    this.phones = [2, 3].map((index) =>
      Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: this.firstPort + index })
    );
    this.phones.forEach((phone, index) => this.#receive(phone, index));
  }

  async #receive(phone: Deno.DatagramConn, index: number): Promise<void> {
    for await (const [packet] of phone) this.received[index]!.push(packet);
  }

  async send(phone: number, packet: Uint8Array): Promise<void> {
    await this.phones[phone]!.send(packet, { transport: "udp", hostname: "127.0.0.1", port: this.firstPort + phone });
  }

  [Symbol.dispose](): void {
    for (const it of [...this.sockets, ...this.phones]) it.close();
  }
}

function packet(bytes: number, sequenceNumber = 1): Uint8Array {
  const large = new Uint8Array(bytes);
  large.set(rtp({ sequenceNumber }).subarray(0, 12));
  return large;
}

Deno.test("openMediaSocket() carries packets between two phones, and counts them", async () => {
  using lab = new Lab();
  await lab.send(0, packet(172));
  await until("the caller to be learnt", () => lab.legs[0]!.state === "latched");
  await lab.send(1, packet(172));
  await until("a packet at the caller", () => lab.received[0]!.length === 1);
  await lab.send(0, packet(172, 2));
  await until("a packet at the callee", () => lab.received[1]!.length === 1);
  assertEquals(lab.received[1]![0], packet(172, 2));
  assertEquals([lab.legs[0]!.packets, lab.legs[0]!.bytes, lab.legs[1]!.packets], [2, 344, 1]);
  assertEquals(lab.env.counters, { late: 0, truncated: 0, sendFailed: 0 });
});

Deno.test("openMediaSocket() carries large datagrams after the first, which it counts as truncated", async () => {
  using lab = new Lab();
  await lab.send(1, packet(172));
  await until("the callee to be learnt", () => lab.legs[1]!.state === "latched");
  await lab.send(0, packet(9000));
  await until("the loss to be counted", () => lab.env.counters.truncated === 1);
  await lab.send(0, packet(9000, 2));
  await until("a large packet at the callee", () => lab.received[1]!.length === 1);
  assertEquals(lab.received[1]![0]!.length, 9000);
});

Deno.test("openMediaSocket() drops what comes when nobody has the port, and counts it", async () => {
  using lab = new Lab();
  lab.sockets[0]!.detach();
  await lab.send(0, packet(172));
  await until("the packet to be counted", () => lab.env.counters.late === 1);
  assertEquals(lab.legs[0]!.packets, 0);
});

Deno.test("openMediaSocket() counts what the system will not send, and goes on", async () => {
  using lab = new Lab();
  await lab.send(1, packet(172));
  await until("the callee to be learnt", () => lab.legs[1]!.state === "latched");
  lab.legs[1]!.destination.hostname = "::1"; // an IPv4 socket cannot send there
  await lab.send(0, packet(172));
  await until("the failure to be counted", () => lab.env.counters.sendFailed === 1);
  lab.legs[1]!.destination.hostname = "127.0.0.1";
  await lab.send(0, packet(172, 2));
  await until("the next packet", () => lab.received[1]!.length === 1);
});

Deno.test("openMediaSocket() says when another process has the port", () => {
  using lab = new Lab();
  let error: unknown;
  try {
    openMediaSocket(lab.env, lab.firstPort);
  } catch (caught) {
    error = caught;
  }
  assertEquals(error instanceof PortInUseError, true);
});

Deno.test("openMediaSocket() ends its loop when it is closed, twice is harmless", () => {
  const lab = new Lab();
  lab[Symbol.dispose]();
  lab.sockets[0]!.close();
});

Deno.test("openMediaSocket() goes on after a fault of ours, which costs one packet", async () => {
  using lab = new Lab();
  await lab.send(1, packet(172));
  await until("the callee to be learnt", () => lab.legs[1]!.state === "latched");
  const receive = lab.legs[0]!.receive;
  lab.legs[0]!.receive = () => {
    lab.legs[0]!.receive = receive;
    throw new TypeError("a fault");
  };
  await lab.send(0, packet(172));
  await until("the fault to be said", () => lab.log.messages("error").length === 1);
  await lab.send(0, packet(172, 2));
  await until("the next packet", () => lab.received[1]!.length === 1);
});
