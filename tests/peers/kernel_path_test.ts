/** The kernel path between real interfaces, without the rest of the relay. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../src/deps/assert.ts";
import type { KernelSummary } from "../../src/control/statistics.ts";
import { type FlowPair, flowPair } from "../../relay/kernel/flow.ts";
import { Agent } from "./support/agent.ts";
import type { PairState } from "./support/kernel_agent.ts";
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
import { until } from "./support/until.ts";

const RTP_BYTES = 172;
const PORT_RANGE = { firstPort: 40_000, endPort: 40_100 };
const CALLER_PORT = 4000;
const CALLEE_PORT = 5000;
const LOCAL_PORT = 40_000;
const FROM_PORT = 40_002;

function start(relay: Agent, more: object = {}): Promise<string | null> {
  return relay.do("start", { ...PORT_RANGE, addresses: [RELAY_4, RELAY_6], dscp: undefined, ...more });
}

interface CallOptions {
  readonly ipv6?: boolean;
  readonly dscp?: number;
  readonly maxLines?: number;
}

/** A relay with a pair of sockets and a phone on each side, whose flows the kernel carries. */
class Call implements AsyncDisposable {
  readonly relay: Agent;
  readonly caller: KernelPhone;
  readonly callee: KernelPhone;
  readonly relayAddress: string;
  id = -1;

  private constructor(lab: KernelLab, ipv6: boolean) {
    this.relay = new Agent(lab.host, "kernel_agent.ts");
    this.caller = new KernelPhone(lab.callerHost);
    this.callee = new KernelPhone(lab.calleeHost);
    this.relayAddress = ipv6 ? RELAY_6 : RELAY_4;
  }

  static async start(lab: KernelLab, { ipv6 = false, ...more }: CallOptions = {}): Promise<Call> {
    const call = new Call(lab, ipv6);
    assertEquals(await start(call.relay, more), null);
    for (const port of [LOCAL_PORT, FROM_PORT]) await call.relay.do("bind", { hostname: call.relayAddress, port });
    await call.caller.open(ipv6 ? CALLER_6 : CALLER_4, CALLER_PORT);
    await call.callee.open(ipv6 ? CALLEE_6 : CALLEE_4, CALLEE_PORT);
    await call.enter();
    return call;
  }

  get flows(): FlowPair {
    const ipv6 = this.relayAddress === RELAY_6;
    return flowPair(
      {
        remote: { address: ipv6 ? CALLER_6 : CALLER_4, port: CALLER_PORT },
        local: { address: this.relayAddress, port: LOCAL_PORT },
      },
      {
        remote: { address: ipv6 ? CALLEE_6 : CALLEE_4, port: CALLEE_PORT },
        local: { address: this.relayAddress, port: FROM_PORT },
      },
    )!;
  }

  async enter(): Promise<void> {
    this.id = await this.relay.do("enter", this.flows);
    await until("the pair to enter", async () => {
      const { entered, left } = await this.relay.do<PairState>("pair", { id: this.id });
      return entered || left !== null;
    });
  }

  send(from: "caller" | "callee", packets: number, more: object = {}): Promise<void> {
    const [phone, port, toPort] = from === "caller"
      ? [this.caller, CALLER_PORT, LOCAL_PORT]
      : [this.callee, CALLEE_PORT, FROM_PORT];
    const to = { hostname: this.relayAddress, port: toPort };
    return phone.send({ port, to, packets, intervalMs: 2, bytes: RTP_BYTES, ...more });
  }

  /** Waits until the kernel has been asked about all packets so far. */
  async counted(caller: number, callee: number): Promise<void> {
    let pair: PairState | undefined;
    await until(() => `${caller} and ${callee} packets, not ${JSON.stringify(pair)}`, async () => {
      pair = await this.relay.do<PairState>("pair", { id: this.id });
      return pair.caller.packets === caller && pair.callee.packets === callee;
    });
    assertEquals(pair!.caller.bytes, caller * RTP_BYTES);
    assertEquals(pair!.callee.bytes, callee * RTP_BYTES);
  }

  async left(): Promise<PairState> {
    return await until("the pair to leave", async () => {
      const pair = await this.relay.do<PairState>("pair", { id: this.id });
      return pair.left === null ? undefined : pair;
    });
  }

  async seen(): Promise<[number, number]> {
    return [await this.relay.do("seen", { port: LOCAL_PORT }), await this.relay.do("seen", { port: FROM_PORT })];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of [this.caller.agent, this.callee.agent, this.relay]) await agent[Symbol.asyncDispose]();
  }
}

/** How many relays have tables. */
async function tables(lab: KernelLab): Promise<number> {
  return new Set((await lab.nft("list tables")).match(/mediaproxy_\d+/g)).size;
}

for (const ipv6 of [false, true]) {
  kernelTest(
    `IPv${ipv6 ? 6 : 4}: the kernel carries both ways, the sockets see nothing, and every packet is counted`,
    async (lab) => {
      await using call = await Call.start(lab, { ipv6 });
      await Promise.all([call.send("caller", 300), call.send("callee", 200)]);
      await until("the packets to arrive", async () => (await call.callee.arrived(CALLEE_PORT)).packets === 300);
      const [atCaller, atCallee] = [await call.caller.arrived(CALLER_PORT), await call.callee.arrived(CALLEE_PORT)];
      assertEquals(atCallee.sources, { [`${call.relayAddress}:${FROM_PORT}`]: 300 });
      assertEquals(atCaller.sources, { [`${call.relayAddress}:${LOCAL_PORT}`]: 200 });
      assertEquals([atCallee.bytes, atCaller.bytes], [300 * RTP_BYTES, 200 * RTP_BYTES]);
      assertEquals(await call.seen(), [0, 0]);
      await call.counted(300, 200);
      await call.send("caller", 7);
      await call.relay.do("leave", { id: call.id });
      const { caller, left } = await call.left();
      assertEquals([caller, left], [{ packets: 307, bytes: 307 * RTP_BYTES }, "asked"]);
      await call.send("caller", 3);
      await until("packets to reach the socket again", async () => (await call.seen())[0] === 3);
    },
  );
}

kernelTest("a pair may leave while packets flow: each is counted by the kernel or reaches the socket", async (lab) => {
  await using call = await Call.start(lab);
  let counted = 0;
  const packets = 600;
  const sending = call.send("caller", packets, { intervalMs: 1 });
  const leave = async () => {
    await call.relay.do("leave", { id: call.id });
    counted += (await call.left()).caller.packets;
  };
  for (let sent = 0; sent < packets - 100;) {
    await leave();
    await call.enter();
    const before = sent;
    await until("some more packets", async () => {
      return (sent = (await call.callee.arrived(CALLEE_PORT)).packets + (await call.seen())[0]) > before;
    });
  }
  await sending;
  await leave();
  let seen = 0;
  await until(() => `${packets} packets, not ${counted} and ${seen}`, async () => {
    seen = (await call.seen())[0];
    return counted + seen === packets;
  });
  assert(counted > 0 && seen > 0, `the kernel counted ${counted}, the socket got ${seen}`);
});

kernelTest("STUN, fragments and strangers are left to the sockets", async (lab) => {
  await using call = await Call.start(lab);
  await call.send("caller", 5, { head: [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], bytes: 20 });
  await until("STUN at the socket", async () => (await call.seen())[0] === 5);
  await call.send("caller", 4, { bytes: 3000 });
  await until("fragments at the socket", async () => (await call.seen())[0] === 9);
  await call.caller.open("10.77.1.3", CALLER_PORT + 2);
  await call.send("caller", 3, { port: CALLER_PORT + 2 });
  await until("the stranger at the socket", async () => (await call.seen())[0] === 12);
  await call.send("caller", 2, { bytes: 4, head: [1, 2, 3, 4] }); // UDPTL can be as short
  await until("short packets at the other side", async () => (await call.callee.arrived(CALLEE_PORT)).packets === 2);
  assertEquals(await call.seen(), [12, 0]);
});

kernelTest("what the kernel cannot send on as it is goes to userspace from then on", async (lab) => {
  await using call = await Call.start(lab);
  await call.send("caller", 20);
  await call.counted(20, 0);
  await lab.nft("add table ip large; add chain ip large f { type filter hook forward priority 0; }");
  await lab.nft("add rule ip large f ip length > 1000 drop");
  await Promise.all([call.send("caller", 10, { bytes: 1200 }), call.send("caller", 100)]);
  assertEquals((await call.left()).left, "partly eaten");
});

kernelTest(
  "a firewall that begins to drop in mid-call costs a moment, not the call; several calls end the path",
  async (lab) => {
    await using call = await Call.start(lab);
    await call.send("caller", 50);
    await call.counted(50, 0);
    await lab.nft("add table ip fw; add chain ip fw f { type filter hook forward priority 0; policy drop; }");
    let troubles = 0;
    for (; (await call.relay.do<KernelSummary>("summary")).status === "on"; troubles++) {
      const sending = call.send("caller", 60, { intervalMs: 20 });
      assertEquals((await call.left()).left, "eaten");
      await sending;
      await call.enter();
    }
    assertEquals(troubles, 5);
    assertMatch((await call.relay.do<string[]>("log")).at(-1)!, /path is off.*a firewall or the routing eats them/);
    assertEquals(await tables(lab), 0);
  },
);

kernelTest("when nft is killed packets reach the sockets at once, and the path comes back", async (lab) => {
  await using call = await Call.start(lab);
  await call.send("caller", 50);
  await call.counted(50, 0);
  const [nft] = await lab.pids("nft");
  Deno.kill(nft!, "SIGKILL");
  const { left, caller } = await call.left();
  assertEquals([left, caller.packets], ["lost", 50]);
  assertEquals(await tables(lab), 0);
  await call.send("caller", 10);
  await until("packets at the socket", async () => (await call.seen())[0] === 10);
  await until("the path to be on again", async () => (await call.relay.do<KernelSummary>("summary")).status === "on");
  await call.enter();
  await call.send("caller", 30);
  await call.counted(30, 0);
});

kernelTest(
  "nft that was told much gets a successor for new calls, and keeps what it carries until that ends",
  async (lab) => {
    await using call = await Call.start(lab, { maxLines: 40 });
    const [old] = await lab.pids("nft");
    let sent = 0;
    await until("a second nft", async () => {
      await call.send("caller", 100);
      sent += 100;
      return (await lab.pids("nft")).length === 2;
    });
    await call.send("caller", 500);
    await call.counted(sent + 500, 0);
    assertEquals(await call.seen(), [0, 0], "packets that the kernel did not take");
    await call.relay.do("leave", { id: call.id });
    assertEquals((await call.left()).left, "asked");
    await until("the old nft to end", async () => {
      const pids = await lab.pids("nft");
      return pids.length === 1 && pids[0] !== old && await tables(lab) === 1;
    });
    await call.enter();
    await call.send("caller", 100);
    await call.counted(100, 0);
    assertEquals(await call.seen(), [0, 0], "packets that the kernel did not take");
  },
);

kernelTest("nft that has a successor and is killed loses only what it carries", async (lab) => {
  await using call = await Call.start(lab, { maxLines: 40 });
  const [old] = await lab.pids("nft");
  await until(
    "a successor",
    async () => (await call.relay.do<string[]>("log")).some((it) => it.includes("another one")),
  );
  Deno.kill(old!, "SIGKILL");
  assertEquals((await call.left()).left, "lost");
  assertEquals((await call.relay.do<KernelSummary>("summary")).status, "on");
  await call.enter();
  await call.send("caller", 30);
  await call.counted(30, 0);
  assertEquals(await tables(lab), 1);
});

kernelTest("nft that hangs is ended, and packets reach the sockets", async (lab) => {
  await using call = await Call.start(lab);
  const [nft] = await lab.pids("nft");
  Deno.kill(nft!, "SIGSTOP");
  assertEquals((await call.left()).left, "lost");
  await call.send("caller", 10);
  await until("packets at the socket", async () => (await call.seen())[0] === 10);
});

kernelTest("nothing is left behind by a relay that is killed, while another's calls go on", async (lab) => {
  await using call = await Call.start(lab);
  const other = new Agent(lab.host, "kernel_agent.ts");
  assertEquals(await start(other, { firstPort: 41_000, endPort: 41_100 }), null);
  assertEquals(await tables(lab), 2);
  await other.kill();
  await until("the table to go", async () => await tables(lab) === 1);
  await call.send("caller", 30);
  await call.counted(30, 0);
  await call.relay.do("close");
  assertEquals(await tables(lab), 0);
});

kernelTest("flushing the ruleset, as firewalls do when they are loaded, does not touch calls", async (lab) => {
  await using call = await Call.start(lab);
  await lab.nft("flush ruleset");
  await call.send("caller", 30);
  await call.counted(30, 0);
  assertEquals(await call.seen(), [0, 0]);
});

kernelTest("two streams with the same flow: the second stays in userspace, the first is not harmed", async (lab) => {
  await using call = await Call.start(lab);
  const first = call.id;
  await call.enter();
  assertEquals((await call.left()).left, "refused");
  call.id = first;
  await call.send("caller", 30);
  await call.counted(30, 0);
});

kernelTest("the DSCP is set on what the kernel carries and on what the sockets send", async (lab) => {
  await using call = await Call.start(lab, { dscp: 46 });
  await lab.nft("add table ip seen; add counter ip seen marked; add counter ip seen plain");
  await lab.nft("add chain ip seen out { type filter hook postrouting priority 200; }");
  await lab.nft("add rule ip seen out udp sport 40000-40099 ip dscp ef counter name marked");
  await lab.nft("add rule ip seen out udp sport 40000-40099 ip dscp != ef counter name plain");
  await call.send("caller", 10);
  await call.counted(10, 0);
  await call.relay.do("reply", { port: FROM_PORT, to: { hostname: CALLEE_4, port: CALLEE_PORT } });
  await until("all packets", async () => (await call.callee.arrived(CALLEE_PORT)).packets === 11);
  const counters = await lab.nft("list counters table ip seen");
  assertMatch(counters, /counter marked \{\s+packets 11 /);
  assertMatch(counters, /counter plain \{\s+packets 0 /);
});

for (
  const [name, spoil, expected] of [
    ["forwarding is off for IPv4", (lab: KernelLab) => lab.set({ "net/ipv4/ip_forward": 0 }), "net.ipv4.ip_forward=1"],
    [
      "forwarding is off for IPv6",
      (lab: KernelLab) => lab.set({ "net/ipv6/conf/all/forwarding": 0 }),
      "net.ipv6.conf.all.forwarding=1",
    ],
    [
      "a firewall drops what is forwarded",
      (lab: KernelLab) =>
        lab.nft("add table ip fw; add chain ip fw f { type filter hook forward priority 0; policy drop; }"),
      "have it accept those with `meta mark & 0xff000000 == 0x4d000000`",
    ],
    [
      "a firewall drops what is forwarded, by IPv6 only",
      (lab: KernelLab) =>
        lab.nft("add table ip6 fw; add chain ip6 fw f { type filter hook forward priority 0; policy drop; }"),
      `self-test on ${RELAY_6}: a firewall drops`,
    ],
    [
      "other rules change the packets",
      (lab: KernelLab) =>
        lab.nft(
          "add table ip fw; add chain ip fw p { type filter hook postrouting priority 150; }; add rule ip fw p meta mark & 0xff000000 == 0x4d000000 udp sport set 9",
        ),
      "packets are changed on their way",
    ],
  ] as const
) {
  kernelTest(`the self-test fails when ${name}, says what to do, and leaves nothing behind`, async (lab) => {
    await spoil(lab);
    await using relay = new Agent(lab.host, "kernel_agent.ts");
    assertStringIncludes(await start(relay) ?? "it passed", expected);
    assertEquals(await tables(lab), 0);
  });
}

kernelTest(
  "the self-test passes with a firewall that accepts what it is told to, and sends nothing out",
  async (lab) => {
    await lab.nft("add table inet fw; add chain inet fw f { type filter hook forward priority 0; policy drop; }");
    await lab.nft("add rule inet fw f meta mark & 0xff000000 == 0x4d000000 accept");
    const sent = async () => (await lab.nft("list counters table netdev out")).match(/packets \d+/)![0];
    await lab.nft("add table netdev out; add counter netdev out sent");
    for (const link of ["left", "right"]) {
      await lab.nft(`add chain netdev out ${link} { type filter hook egress device ${link} priority 0; }`);
      await lab.nft(`add rule netdev out ${link} meta l4proto udp counter name sent`);
    }
    await using relay = new Agent(lab.host, "kernel_agent.ts");
    assertEquals(await start(relay), null);
    assertEquals(await sent(), "packets 0");
  },
);
