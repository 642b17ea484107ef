/**
 * What becomes of media behind real NATs, and of strangers who try to get it: our dispatcher and relay on the public host,
 * commanded as a SIP server would, phones in homes, a stranger beside the relay.
 * @module
 */
import { assert, assertEquals, assertMatch } from "../../src/deps/assert.ts";
import { serializeRequest } from "../../src/control/request.ts";
import { removeHeaders, type UpdateFields, updateHeaders } from "../support/control_messages.ts";
import { type Home, type HomeOptions, Lab, RELAY_ADDRESS, RELAY_ADDRESS_6, STRANGER_ADDRESS } from "./support/lab.ts";
import { laboratoryTest } from "./support/lab_bench.ts";
import { MediaService } from "./support/lab_service.ts";
import { MediaAgent } from "./support/media_agent.ts";
import type { NatKind } from "./support/nat.ts";
import { until } from "./support/until.ts";

const [FIRST_PORT, END_PORT] = [50_000, 50_400];
const CALLER_SSRC = 1111;
const CALLEE_SSRC = 2222;
const STRANGER_SSRC = 6666;
const PHONE_PORT = 4000;

/** A phone in a home of its own. */
class MediaPhone {
  constructor(readonly home: Home, readonly agent: MediaAgent, readonly ssrc: number, readonly address: string) {}

  get place(): string {
    return `${this.address.includes(":") ? `[${this.address}]` : this.address}:${PHONE_PORT}`;
  }

  /** As its m= and c= lines say it: its private address. */
  get media(): string {
    return `audio:${this.place}:sendrecv:ice=no`;
  }

  /** Where its SIP messages come from. */
  get signalingIp(): string {
    return this.address.includes(":") ? this.address : this.home.publicAddress;
  }

  /** Sends a packet every 20 ms. */
  talk(to: string, packets: number): Promise<void> {
    return this.agent.send({ kind: "rtp", from: this.place, to, packets, ssrc: this.ssrc });
  }

  /** Waits until so many packets have come since it was asked last; returns them all by SSRC and source. */
  async heard(packets: number): Promise<Readonly<Record<string, number>>> {
    const heard: Record<string, number> = {};
    const count = () => Object.values(heard).reduce((sum, more) => sum + more, 0);
    await until(() => `${packets} packets at ${this.place}, so far ${JSON.stringify(heard)}`, async () => {
      for (const [source, more] of Object.entries(await this.agent.arrived(this.place))) {
        heard[source] = (heard[source] ?? 0) + more;
      }
      return count() >= packets;
    });
    return heard;
  }
}

/** The network, a service, two phones and a stranger. */
class Bench implements AsyncDisposable {
  readonly #undo = new AsyncDisposableStack();
  readonly service: MediaService;
  readonly caller: MediaPhone;
  readonly callee: MediaPhone;
  readonly stranger: MediaAgent;
  readonly #sip: Deno.UnixConn;

  private constructor(
    undo: AsyncDisposableStack,
    service: MediaService,
    [caller, callee]: readonly MediaPhone[],
    stranger: MediaAgent,
    sip: Deno.UnixConn,
  ) {
    this.#undo = undo;
    this.service = service;
    this.caller = caller!;
    this.callee = callee!;
    this.stranger = stranger;
    this.#sip = sip;
  }

  static async start(
    nats: readonly [NatKind, NatKind],
    { relay = {}, calleeBy6 = false }: { relay?: Record<string, string | number>; calleeBy6?: boolean } = {},
  ): Promise<Bench> {
    await using undo = new AsyncDisposableStack();
    const lab = undo.use(await Lab.start());
    const service = undo.use(await MediaService.start(lab, () => ({ Relay: { idle_timeout: 180, ...relay } })));
    const options: HomeOptions[] = nats.map((nat) => ({ nat }));
    const homes = [await lab.addHome(options[0]!), await lab.addHome(options[1]!)];
    const agents = await Promise.all([...homes, lab].map((place) => MediaAgent.start(place, service.directory)));
    for (const agent of agents) undo.use(agent);
    const phones = [
      new MediaPhone(homes[0]!, agents[0]!, CALLER_SSRC, homes[0]!.phoneAddresses[0]!),
      new MediaPhone(
        homes[1]!,
        agents[1]!,
        CALLEE_SSRC,
        (calleeBy6 ? homes[1]!.phoneAddresses6 : homes[1]!.phoneAddresses)[0]!,
      ),
    ];
    const sip = undo.adopt(
      await Deno.connect({ transport: "unix", path: service.dispatcherSocket }),
      (conn) => conn.close(),
    );
    return new Bench(undo.move(), service, phones, agents[2]!, sip);
  }

  /** The caller's offer; returns where the callee is to send. */
  offer(fields: UpdateFields = {}): Promise<string> {
    const { media, signalingIp } = this.caller;
    return this.#update({ media, signalingIp, ...fields });
  }

  /** The callee's answer; returns where the caller is to send. */
  answer(fields: UpdateFields = {}): Promise<string> {
    const { media, signalingIp } = this.callee;
    return this.#update({ type: "reply", toTag: "callee", media, signalingIp, ...fields });
  }

  async #update(fields: UpdateFields): Promise<string> {
    const answer = await this.#ask(serializeRequest("update", updateHeaders(fields)));
    const [, address, port] = /^(\S+) (\d+)$/.exec(answer) ?? [];
    assert(port !== undefined, `the dispatcher answered ${answer}`);
    return address!.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  }

  async #ask(request: string): Promise<string> {
    await this.#sip.write(new TextEncoder().encode(request));
    const buffer = new Uint8Array(4096);
    const length = await this.#sip.read(buffer);
    return new TextDecoder().decode(buffer.subarray(0, length ?? 0)).trimEnd();
  }

  /** Each phone speaks once, the caller first, and is heard if it can be: the relay then knows where both are. */
  async meet(toCaller: string, toCallee: string): Promise<void> {
    await this.caller.talk(toCaller, 1);
    await until("the caller to be learnt", async () => (await this.stream()).caller_remote !== "Unknown");
    await this.callee.talk(toCallee, 1);
    await this.caller.heard(1);
  }

  /** Both phones talk, for so many packets. */
  async talk(toCaller: string, toCallee: string, packets = 30): Promise<void> {
    await Promise.all([this.caller.talk(toCaller, packets), this.callee.talk(toCallee, packets)]);
  }

  /** The one stream of the call. */
  async stream() {
    const [session] = await this.service.sessions();
    return session!.streams[0]!;
  }

  async end(): Promise<void> {
    assertEquals(await this.#ask(serializeRequest("remove", removeHeaders())), "removed");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo[Symbol.asyncDispose]();
  }
}

/** Waits until a phone has heard so many packets of the other one, through the relay; none more, and nobody else. */
async function assertHears(phone: MediaPhone, ssrc: number, from: string, packets: number): Promise<void> {
  assertEquals(await phone.heard(packets), { [`${ssrc} from ${from.replace(/[\[\]]/g, "")}`]: packets });
}

for (
  const nats of [["full-cone", "restricted"], ["restricted", "port-restricted"], ["port-restricted", "symmetric"], [
    "symmetric",
    "symmetric",
  ]] as const satisfies [NatKind, NatKind][]
) {
  laboratoryTest(
    `media passes between a ${nats[0]} and a ${nats[1]} NAT, with no packet lost once both have sent`,
    async () => {
      await using bench = await Bench.start(nats);
      const toCallee = await bench.offer();
      const toCaller = await bench.answer();
      await bench.meet(toCaller, toCallee);
      await bench.talk(toCaller, toCallee, 30);
      await assertHears(bench.caller, CALLEE_SSRC, toCaller, 30);
      await assertHears(bench.callee, CALLER_SSRC, toCallee, 30);
      const { caller_remote, callee_remote } = await bench.stream();
      assertMatch(caller_remote, new RegExp(`^${bench.caller.home.publicAddress}:`));
      assertMatch(callee_remote, new RegExp(`^${bench.callee.home.publicAddress}:`));
      await bench.end();
    },
  );
}

for (const way of ["rebind", "move"] as const) {
  laboratoryTest(
    `media follows a NAT that ${way === "move" ? "gets another address" : "moves its mappings"}, unless told not to`,
    async () => {
      for (const rebinding of ["yes", "no"]) {
        await using bench = await Bench.start(["symmetric", "symmetric"], { relay: { rebinding } });
        const toCallee = await bench.offer();
        const toCaller = await bench.answer();
        await bench.meet(toCaller, toCallee);
        await bench.caller.talk(toCaller, 30);
        await assertHears(bench.callee, CALLER_SSRC, toCallee, 30);
        const before = (await bench.stream()).caller_remote;
        await bench.caller.home[way]();
        await bench.caller.talk(toCaller, 40);
        if (rebinding === "yes") {
          let refused = 0;
          await until("all packets to be judged", async () => {
            const { caller_packets, dropped } = await bench.stream();
            refused = dropped!.wrong_source!;
            return caller_packets + refused === 1 + 30 + 40;
          });
          assert((await bench.stream()).caller_remote !== before, `the relay still sends to ${before}`);
          await assertHears(bench.callee, CALLER_SSRC, toCallee, 40 - refused);
          await bench.caller.talk(toCaller, 20);
          await assertHears(bench.callee, CALLER_SSRC, toCallee, 20);
        } else {
          await until("all packets to be refused", async () => (await bench.stream()).dropped!.wrong_source === 40);
          assertEquals((await bench.stream()).caller_remote, before);
          assertEquals(await bench.callee.heard(0), {});
        }
      }
    },
  );
}

laboratoryTest("a stranger who floods before, during and after set-up hears nothing, and is not heard", async () => {
  await using bench = await Bench.start(["port-restricted", "symmetric"]);
  const { stranger } = bench;
  const from = `${STRANGER_ADDRESS}:7000`;
  const flood = (packets: number, ports: readonly string[]) =>
    stranger.send({
      kind: "rtp",
      from,
      to: ports[0]!,
      ports: ports.map((place) => Number(place.split(":").at(-1))),
      packets,
      ssrc: STRANGER_SSRC,
      paceMs: 5,
    });
  const everyPort = Array.from({ length: 8 }, (_, index) => `${RELAY_ADDRESS}:${FIRST_PORT + index}`);
  await flood(60, everyPort); // before there is a call
  const toCallee = await bench.offer();
  // A stranger is believed who has outlasted the caller for a second since the offer: three floods of 300 ms were too long
  // on a busy machine. The caller speaks 200 ms from here.
  await flood(10, everyPort); // while it rings
  await bench.callee.talk(toCallee, 3); // early media, before the answer
  await flood(10, everyPort);
  const toCaller = await bench.answer();
  await flood(10, everyPort); // the phones have not begun
  await bench.caller.talk(toCaller, 1);
  // The callee's early packets are kept for 250 ms, and are too old when it speaks.
  await flood(60, everyPort);
  await bench.meet(toCaller, toCallee);
  await Promise.all([flood(200, everyPort), bench.talk(toCaller, toCallee, 40)]);
  await flood(60, everyPort);
  await bench.talk(toCaller, toCallee, 20);
  await assertHears(bench.caller, CALLEE_SSRC, toCaller, 60);
  await assertHears(bench.callee, CALLER_SSRC, toCallee, 60);
  assertEquals(await stranger.arrived(from), {});
  const sinceOffer = 10 + 10 + 10 + 60 + 200 + 60;
  await until("all of the stranger's packets to be refused", async () => {
    const { undecided, wrong_source, unvouched_source } = (await bench.stream()).dropped!;
    // To the two RTP ports, with the callee's three early packets; and to the two RTCP ports.
    return undecided! + wrong_source! === 2 * sinceOffer + 3 && unvouched_source === 2 * sinceOffer;
  });
  const { caller_packets, callee_packets } = await bench.stream();
  assertEquals([caller_packets, callee_packets], [62, 61]);
  await bench.end();
});

laboratoryTest("a stranger who tries every port of the range gets nothing from any (RTP bleed)", async () => {
  await using bench = await Bench.start(["port-restricted", "port-restricted"]);
  const from = `${STRANGER_ADDRESS}:7000`;
  const ports = Array.from({ length: END_PORT - FIRST_PORT }, (_, index) => FIRST_PORT + index);
  const probe = (kind: "rtp" | "rtcp" | "stun", packets: number) =>
    bench.stranger.send({ kind, from, to: `${RELAY_ADDRESS}:1`, ports, packets, ssrc: STRANGER_SSRC });
  const toCallee = await bench.offer();
  const toCaller = await bench.answer();
  await probe("rtp", 2); // both phones are still silent
  await probe("rtcp", 1);
  await bench.meet(toCaller, toCallee);
  await Promise.all([bench.talk(toCaller, toCallee, 100), probe("rtp", 4).then(() => probe("stun", 2))]);
  await assertHears(bench.caller, CALLEE_SSRC, toCaller, 100);
  await assertHears(bench.callee, CALLER_SSRC, toCallee, 100);
  assertEquals(await bench.stranger.arrived(from), {});
});

laboratoryTest("a stranger gets no stream that is silent for long, where learning is strict", async () => {
  await using bench = await Bench.start(["port-restricted", "symmetric"]);
  const from = `${STRANGER_ADDRESS}:7000`;
  await bench.offer();
  const toCaller = await bench.answer();
  const steal = (to: string) => bench.stranger.send({ kind: "rtp", from, to, packets: 75, ssrc: STRANGER_SSRC });
  const callerAt = (place: string) =>
    until(`the caller to be at ${place}`, async () => (await bench.stream()).caller_remote.startsWith(place));
  await steal(toCaller);
  await callerAt(from); // heuristic: nobody else came for a second
  await bench.caller.talk(toCaller, 3);
  await callerAt(`${bench.caller.home.publicAddress}:`);
  await bench.end();
  await using strict = await Bench.start(["port-restricted", "symmetric"], { relay: { learning: "strict" } });
  await strict.offer();
  const port = await strict.answer();
  await strict.stranger.send({ kind: "rtp", from, to: port, packets: 75, ssrc: STRANGER_SSRC });
  await until("all packets to be refused", async () => (await strict.stream()).dropped!.unvouched_source === 75);
  assertEquals((await strict.stream()).caller_remote, "Unknown");
});

laboratoryTest("late packets from the address before a re-INVITE do not win", async () => {
  await using bench = await Bench.start(["port-restricted", "symmetric"]);
  const { caller, callee } = bench;
  const toCallee = await bench.offer();
  const toCaller = await bench.answer();
  await bench.meet(toCaller, toCallee);
  await callee.talk(toCallee, 10);
  await assertHears(caller, CALLEE_SSRC, toCaller, 10);
  const newPlace = `${callee.address}:${PHONE_PORT + 2}`;
  assertEquals(await bench.offer({ cseq: 2, toTag: "callee" }), toCallee);
  assertEquals(await bench.answer({ cseq: 2, media: `audio:${newPlace}:sendrecv:ice=no` }), toCaller);
  const refused = (reason: "obsolete_source" | "wrong_source", packets: number) =>
    until(`${packets} packets: ${reason}`, async () => (await bench.stream()).dropped![reason] === packets);
  await callee.talk(toCallee, 10); // what was under way, and more
  await refused("obsolete_source", 10);
  await callee.agent.send({ kind: "rtp", from: newPlace, to: toCallee, packets: 20, ssrc: 3333 });
  await assertHears(caller, 3333, toCaller, 20);
  await callee.talk(toCallee, 5);
  await refused("wrong_source", 5);
  assertEquals(await caller.heard(0), {});
});

laboratoryTest("an IPv4 and an IPv6 phone hear each other, each by the relay's address of its family", async () => {
  const relay = { "relay_ip": `${RELAY_ADDRESS}, ${RELAY_ADDRESS_6}` };
  await using bench = await Bench.start(["port-restricted", "symmetric"], { relay, calleeBy6: true });
  const { caller, callee } = bench;
  const toCallee = await bench.offer({
    signalingIp: JSON.stringify({ signaling_ip: caller.signalingIp, destination_ip: callee.signalingIp }),
  });
  const toCaller = await bench.answer();
  assertMatch(toCallee, new RegExp(`^\\[${RELAY_ADDRESS_6}\\]:`));
  assertMatch(toCaller, new RegExp(`^${RELAY_ADDRESS}:`));
  await bench.meet(toCaller, toCallee);
  await bench.talk(toCaller, toCallee, 30);
  await assertHears(caller, CALLEE_SSRC, toCaller, 30);
  await assertHears(callee, CALLER_SSRC, toCallee, 30);
  await until("RTCP to pass, too", async () => {
    await caller.agent.send({ kind: "rtcp", from: `${caller.address}:4001`, to: plusOne(toCaller), packets: 1 });
    await callee.agent.send({ kind: "rtcp", from: `[${callee.address}]:4001`, to: plusOne(toCallee), packets: 1 });
    return Object.keys(await callee.agent.arrived(`[${callee.address}]:4001`)).length > 0;
  });
});

function plusOne(place: string): string {
  return place.replace(/\d+$/, (port) => `${Number(port) + 1}`);
}
