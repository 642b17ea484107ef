// deno-lint-ignore-file camelcase -- keys of the configuration
/** Calls that enter and leave the kernel again and again: afterwards nothing is left there, and all ports are free. */
import { assert, assertEquals } from "../../src/deps/assert.ts";
import { CALLEE_4, CALLER_4, kernelMaps, KernelPhone, kernelTest, RELAY_4 } from "./support/kernel_lab.ts";
import { KernelRelay } from "./support/kernel_relay.ts";
import { until } from "./support/until.ts";

const CALLS = 20;
const SOAK_MS = 20_000;
const SETTINGS = {
  relay_ip: RELAY_4,
  workers: 1,
  port_rest_time: 0,
  /** None to spare: a port that is lost is missed in the next round. */
  port_range: `40000:${40_000 + 4 * CALLS}`,
};

type Party = "caller" | "callee";

/** Where a party of a call is; the second time it has moved. */
function portOf(party: Party, call: number, moved = false): number {
  return (party === "caller" ? 4000 : 5000) + 2 * call + (moved ? 500 : 0);
}

function media(address: string, port: number): string {
  return `audio:${address}:${port}:sendrecv:ice=no`;
}

kernelTest(`${SOAK_MS / 1000} s of calls that enter and leave the kernel leave nothing behind`, async (lab) => {
  await using service = await KernelRelay.start(lab, SETTINGS);
  const phones = { caller: new KernelPhone(lab.callerHost), callee: new KernelPhone(lab.calleeHost) };
  await using _caller = phones.caller.agent;
  await using _callee = phones.callee.agent;
  const calls = Array.from({ length: CALLS }, (_, call) => call);
  for (const call of calls) {
    await phones.caller.open(CALLER_4, portOf("caller", call));
    for (const moved of [false, true]) await phones.callee.open(CALLEE_4, portOf("callee", call, moved));
  }

  /** An offer and its answer, and a packet of each party. */
  const signal = async (callId: string, call: number, cseq: number) => {
    const calleePort = portOf("callee", call, cseq > 1);
    const offer = { callId, cseq, signalingIp: CALLER_4, media: media(CALLER_4, portOf("caller", call)) };
    const answer = { callId, cseq, signalingIp: CALLEE_4, media: media(CALLEE_4, calleePort), toTag: "callee" };
    const toCallee = await service.update({ ...offer, ...cseq > 1 && { toTag: "callee" } });
    const toCaller = await service.update({ ...answer, type: "reply" });
    const burst = { packets: 1, intervalMs: 0, bytes: 172 };
    await phones.caller.send({ ...burst, port: portOf("caller", call), to: toCaller });
    await phones.callee.send({ ...burst, port: calleePort, to: toCallee });
  };
  const components = async () => (await service.summary()).kernel!.components;

  let rounds = 0;
  for (const endAtMs = performance.now() + SOAK_MS; performance.now() < endAtMs; rounds++) {
    const callIds = calls.map((call) => `soak-${rounds}-${call}`);
    for (const call of calls) await signal(callIds[call]!, call, 1);
    // One round in three ends while its calls are on their way in.
    if (rounds % 3 > 0) {
      await until("all calls to be in the kernel", async () => await components() === CALLS);
      for (const call of calls) if (call % 2 === 0) await signal(callIds[call]!, call, 2);
      await until("the calls that were moved to be in again", async () => {
        return (await service.sessions()).every(({ streams }) => streams.at(-1)!.carried_by === "kernel");
      });
    }
    for (const callId of callIds) await service.end(callId);
  }
  assert(rounds >= 3, `only ${rounds} rounds`);
  await until("the pairs to leave", async () => await components() === 0);
  const summary = await service.summary();
  assertEquals([summary.session_count, summary.kernel_stream_count], [0, 0]);
  const { asked, ...troubles } = summary.kernel!.left;
  assert(asked! >= CALLS, `only ${asked} pairs have left`);
  assertEquals(new Set(Object.values(troubles)), new Set([0]), JSON.stringify(troubles));
  const maps = [...await kernelMaps(lab)].filter(([name]) => !name.endsWith("_groups"));
  assertEquals(maps.filter(([, elements]) => elements.length > 0), []);
});
