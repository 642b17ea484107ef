// deno-lint-ignore-file camelcase -- keys of the configuration
/** Calls through the relay whose media the kernel forwards, between real interfaces. */
import { assert, assertEquals, assertMatch, assertRejects } from "../../src/deps/assert.ts";
import type { StreamStatistics } from "../../src/control/statistics.ts";
import {
  CALLEE_4,
  CALLEE_6,
  CALLER_4,
  CALLER_6,
  type KernelLab,
  KernelPhone,
  kernelTest,
  RELAY_4,
  RELAY_6,
} from "./support/kernel_lab.ts";
import { KernelRelay, type PermissionSet } from "./support/kernel_relay.ts";
import type { RelaySettings } from "./support/mediaproxy.ts";
import { until } from "./support/until.ts";

const RTP_BYTES = 172;
const RTCP_BYTES = 8;
const CALLER_PORT = 4000;
const CALLEE_PORT = 5000;

/** A call whose parties have sent RTP and RTCP, so that they are known. */
class Call implements AsyncDisposable {
  readonly service: KernelRelay;
  readonly caller: KernelPhone;
  readonly callee: KernelPhone;
  readonly #ipv6: boolean;
  /** Where each party sends. */
  toCaller = { hostname: "", port: 0 };
  toCallee = { hostname: "", port: 0 };
  sent = { caller: 0, callee: 0 };

  private constructor(lab: KernelLab, service: KernelRelay, ipv6: boolean) {
    this.service = service;
    this.caller = new KernelPhone(lab.callerHost);
    this.callee = new KernelPhone(lab.calleeHost);
    this.#ipv6 = ipv6;
  }

  static async start(
    lab: KernelLab,
    { ipv6 = false, settings = {}, permissions }: {
      ipv6?: boolean;
      settings?: RelaySettings;
      permissions?: PermissionSet;
    } = {},
  ): Promise<Call> {
    const relaySettings = { relay_ip: ipv6 ? RELAY_6 : RELAY_4, ...settings };
    const call = new Call(
      lab,
      await KernelRelay.start(lab, relaySettings, permissions === undefined ? {} : { permissions }),
      ipv6,
    );
    await call.begin();
    return call;
  }

  get callerAddress(): string {
    return this.#ipv6 ? CALLER_6 : CALLER_4;
  }

  get calleeAddress(): string {
    return this.#ipv6 ? CALLEE_6 : CALLEE_4;
  }

  media(address: string, port: number, direction = "sendrecv"): string {
    return `audio:${this.#ipv6 ? `[${address}]` : address}:${port}:${direction}:ice=no`;
  }

  /** Signals the call, and has both parties send RTP and RTCP. */
  async begin(): Promise<void> {
    await this.signal();
    for (const port of [CALLER_PORT, CALLER_PORT + 1]) await this.caller.open(this.callerAddress, port);
    for (const port of [CALLEE_PORT, CALLEE_PORT + 1]) await this.callee.open(this.calleeAddress, port);
    await this.sendRtcp();
    await this.send("caller", 1);
    await this.send("callee", 1);
  }

  async signal({ cseq = 1, calleePort = CALLEE_PORT, direction = "sendrecv" } = {}): Promise<void> {
    const signalingIp = this.callerAddress;
    const offer = { cseq, signalingIp, media: this.media(this.callerAddress, CALLER_PORT, direction) };
    this.toCallee = await this.service.update({ ...offer, ...cseq > 1 && { toTag: "callee" } });
    this.toCaller = await this.service.update({
      type: "reply",
      toTag: "callee",
      cseq,
      signalingIp: this.calleeAddress,
      media: this.media(this.calleeAddress, calleePort),
    });
  }

  /** What each party is told is where it sends: the offer's answer goes to the callee. */
  target(party: "caller" | "callee"): { hostname: string; port: number } {
    return party === "caller" ? this.toCaller : this.toCallee;
  }

  async send(party: "caller" | "callee", packets: number, port?: number): Promise<void> {
    const phone = this[party];
    const own = port ?? (party === "caller" ? CALLER_PORT : CALLEE_PORT);
    await phone.send({ port: own, to: this.target(party), packets, intervalMs: 5, bytes: RTP_BYTES });
    this.sent[party] += packets;
  }

  async sendRtcp(packets = 1): Promise<void> {
    for (const party of ["caller", "callee"] as const) {
      const { hostname, port } = this.target(party);
      const own = (party === "caller" ? CALLER_PORT : CALLEE_PORT) + 1;
      const head = [0x80, 201, 0, 1];
      const burst = { port: own, to: { hostname, port: port + 1 }, packets, intervalMs: 5, bytes: RTCP_BYTES, head };
      await this[party].send(burst);
    }
  }

  async stream(): Promise<StreamStatistics> {
    const [session] = await this.service.sessions();
    return session!.streams.at(-1)!;
  }

  /** Waits until the kernel carries the call; RTP and, if wanted, RTCP. */
  async inKernel(components = 1): Promise<void> {
    await until(() => `the kernel to carry the call\n${this.service.relay!.tail()}`, async () => {
      if ((await this.stream()).carried_by !== "kernel") return false;
      const { kernel } = await this.service.summary();
      return kernel!.components >= components;
    });
  }

  /** Waits until a party has got so many packets on its RTP port. */
  async arrived(party: "caller" | "callee", packets: number, port?: number): Promise<void> {
    const own = port ?? (party === "caller" ? CALLER_PORT : CALLEE_PORT);
    let got = 0;
    await until(() => `${packets} packets at the ${party}, not ${got}\n${this.service.relay!.tail()}`, async () => {
      got = (await this[party].arrived(own)).packets;
      return got === packets;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const phone of [this.caller, this.callee]) await phone.agent[Symbol.asyncDispose]();
    await this.service[Symbol.asyncDispose]();
  }
}

async function tables(lab: KernelLab): Promise<number> {
  return (await lab.nft("list tables")).split("\n").filter((line) => line.includes("mediaproxy")).length;
}

for (const ipv6 of [false, true]) {
  kernelTest(
    `IPv${ipv6 ? 6 : 4}: the kernel carries a call's RTP and RTCP, and its statistics have every packet`,
    async (lab) => {
      await using call = await Call.start(lab, { ipv6, settings: { kernel: "on" } });
      await call.inKernel(2);
      const before = (await call.stream()).kernel_packets!;
      assertEquals(before, 0);
      await Promise.all([call.send("caller", 200), call.send("callee", 150), call.sendRtcp(3)]);
      await call.arrived("callee", 201);
      await call.arrived("caller", 151);
      const { hostname, port } = call.toCallee;
      const arrivals = await call.callee.arrived(CALLEE_PORT);
      assertEquals(arrivals.sources, { [`${hostname}:${port}`]: 201 });
      await until("the kernel's counters", async () => (await call.stream()).kernel_packets === 200 + 150 + 6);
      await call.send("caller", 9); // counted at the very end
      const { streams: [stream] } = await call.service.remove();
      assertEquals(
        [stream!.caller_packets, stream!.caller_bytes, stream!.callee_packets, stream!.callee_bytes],
        [210 + 4, 210 * RTP_BYTES + 4 * RTCP_BYTES, 151 + 4, 151 * RTP_BYTES + 4 * RTCP_BYTES],
      );
      assertEquals(
        stream!.kernel_packets,
        209 + 150 + 6,
        "the sockets got packets that the kernel should have carried",
      );
      assertEquals((await call.service.summary()).kernel!.components, 0);
    },
  );
}

kernelTest("a NAT that rebinds in mid-call: out of the kernel, learnt, in again, without signalling", async (lab) => {
  await using call = await Call.start(lab);
  await call.inKernel();
  await call.send("caller", 100);
  await call.arrived("callee", 101);
  const [from, to] = [CALLER_PORT, CALLER_PORT + 60];
  await call.caller.agent.do("move", { from, to: { hostname: CALLER_4, port: to } });
  await call.send("caller", 200, to);
  await until("the new address", async () => (await call.stream()).caller_remote === `${CALLER_4}:${to}`);
  await call.inKernel();
  await call.send("callee", 50);
  await call.arrived("caller", 50, to);
  const { left } = (await call.service.summary()).kernel!;
  assert(left.asked! >= 1, "the pair never left");
});

kernelTest("a re-INVITE that moves a party takes the call out and in; one that holds leaves it", async (lab) => {
  await using call = await Call.start(lab);
  await call.inKernel();
  await call.signal({ cseq: 2, direction: "sendonly" });
  assertEquals((await call.stream()).carried_by, "kernel");
  await call.send("caller", 50);
  await call.arrived("callee", 51);
  const moved = CALLEE_PORT + 70;
  await call.callee.open(CALLEE_4, moved);
  await call.signal({ cseq: 3, calleePort: moved });
  await call.send("callee", 1, moved);
  await call.inKernel();
  await call.send("caller", 30);
  await call.arrived("callee", 30, moved);
  const { streams: [stream] } = await call.service.remove();
  assertEquals([stream!.caller_packets, stream!.callee_packets], [call.sent.caller + 1, call.sent.callee + 1]);
});

kernelTest("a call whose nft is killed goes on in userspace, and enters again", async (lab) => {
  await using call = await Call.start(lab);
  await call.inKernel();
  const sending = call.send("caller", 300);
  const [nft] = await lab.pids("nft");
  Deno.kill(nft!, "SIGKILL");
  await sending;
  await call.arrived("callee", 301);
  await until("a new table", async () => await tables(lab) === 1);
  await call.inKernel();
  await call.send("caller", 50);
  await call.arrived("callee", 351);
});

kernelTest("a firewall that begins to drop forwarded packets costs a call a few of them", async (lab) => {
  await using call = await Call.start(lab, { settings: { kernel_after: 1 } });
  await lab.nft("add table ip fw; add chain ip fw f { type filter hook forward priority 0; policy drop; }");
  await call.send("caller", 1000);
  const { packets } = await call.callee.arrived(CALLEE_PORT);
  assert(packets > 1001 - 100 && packets < 1001, `${packets} of 1001 packets arrived`);
  const { left } = (await call.service.summary()).kernel!;
  assertEquals(left.eaten, 1);
  assertEquals((await call.stream()).status, "active");
});

kernelTest("idle_timeout ends a call that fell silent in the kernel, not before", async (lab) => {
  await using call = await Call.start(lab, { settings: { idle_timeout: 3 } });
  await call.inKernel();
  await call.send("caller", 1200); // six seconds
  assertEquals((await call.stream()).status, "active");
  const { streams: [stream] } = await call.service.accounted();
  assertEquals([stream!.status, stream!.caller_packets], ["conntrack timeout", 1201 + 1]);
});

kernelTest("a relay that is stopped reports every packet; one that is killed leaves nothing behind", async (lab) => {
  await using call = await Call.start(lab);
  await call.inKernel();
  await call.send("caller", 100);
  await call.service.relay!.stop();
  const { streams: [stream] } = await call.service.accounted();
  assertEquals([stream!.caller_packets, stream!.kernel_packets], [102, 100]);
  assertEquals(await tables(lab), 0);
  await call.service.startRelay();
  assertEquals(await tables(lab), 1);
  call.service.relay!.signal("SIGKILL");
  await call.service.relay!.ended();
  await until("the table to go", async () => await tables(lab) === 0);
  await call.service.startRelay();
  assertEquals(await tables(lab), 1);
});

kernelTest("kernel = on refuses to start where the self-test fails; auto says why, and calls go on", async (lab) => {
  await lab.set({ "net/ipv4/ip_forward": 0 });
  await assertRejects(
    () => KernelRelay.start(lab, { relay_ip: RELAY_4, kernel: "on" }),
    Error,
    "Cannot start with kernel = on: self-test on 10.77.1.1: the kernel does not forward packets",
  );
  assertEquals(await tables(lab), 0);
  await using call = await Call.start(lab);
  await call.service.relay!.line(/no kernel path, media stays in userspace: .*set net\.ipv4\.ip_forward=1/);
  await call.send("caller", 50);
  await call.arrived("callee", 51);
  assertMatch((await call.service.summary()).kernel!.reason!, /does not forward/);
});

kernelTest("without the right to run nft the relay says so, and calls go on", async (lab) => {
  await using call = await Call.start(lab, { permissions: "relay" });
  await call.service.relay!.line(/no kernel path.*Cannot run nft: no permission; .*relay-kernel/);
  await call.send("caller", 50);
  await call.arrived("callee", 51);
  assertEquals((await call.service.summary()).kernel!.status, "off");
});
