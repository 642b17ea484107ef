/** What an operator is told of calls between real phones behind real NATs: why there is no sound. @module */
import { assert, assertEquals, assertMatch } from "../../src/deps/assert.ts";
import type { StreamStatistics } from "../../src/control/mod.ts";
import { explainPage } from "../../src/ctl/explain_page.ts";
import { hearEachOther, type LabBench, sharedLab } from "./support/lab_bench.ts";
import { startServer } from "./support/our_service.ts";
import { until } from "./support/until.ts";

const ONE_WAY_SECONDS = 2;

const lab = sharedLab((lab) =>
  startServer(lab, { sections: { Relay: { one_way_after: ONE_WAY_SECONDS, idle_timeout: 60, kernel: "off" } } })
);

async function startPair(bench: LabBench) {
  const [callerHome, calleeHome] = await Promise.all([
    bench.addHome({ nat: "port-restricted" }),
    bench.addHome({ nat: "symmetric" }),
  ]);
  // A home that loses UDP keeps its signalling.
  const [caller, callee] = await Promise.all(
    [callerHome, calleeHome].map((home) => bench.startPhone(home, { transport: "tcp" })),
  );
  return { caller: caller!, callee: callee!, callerHome, calleeHome };
}

/** The page about the only call there is, once it says what is `expected`; lines are joined. */
async function explained(bench: LabBench, callId: string, expected: RegExp): Promise<string> {
  let page = "";
  await until(() => `${expected} in\n${page}`, async () => {
    page = explainPage(await bench.service.media.ask(`explain ${callId.slice(0, 8)}`));
    return expected.test(page.replaceAll(/\n {4}/g, " "));
  });
  return page.replaceAll(/\n {4}/g, " ");
}

async function callIdOf(bench: LabBench): Promise<string> {
  const sessions = await bench.service.media.sessions();
  assertEquals(sessions.length, 1);
  return sessions[0]!.call_id;
}

lab.test("a good call is explained with where the phones are and how they arrive, also when it has ended", async (bench) => {
  const { caller, callee, callerHome } = await startPair(bench);
  await bench.call(caller, callee);
  await hearEachOther(caller, callee);
  const callId = await callIdOf(bench);
  const page = await explained(bench, callId, /From the callee it arrives with .* MOS of 4\.[234]/);
  assertMatch(page, /audio: both parties are heard/);
  assertMatch(page, /The caller says 192\.168\.\d+\.2:\d+ \(private\) in its SDP and sends SIP from 203\.0\.113\.\d+/);
  assertMatch(page, new RegExp(`packets from ${callerHome.publicAddress.replaceAll(".", "\\.")}:\\d+ to 198`));
  await bench.hangUp(caller, callee);
  await explained(bench, callId, /ended 0:\d\d ago.*audio: ended as "closed"\n/s);
});

lab.test("a firewall that drops a phone's packets from the start is told from a phone that stops", async (bench) => {
  const { caller, callee, calleeHome } = await startPair(bench);
  await calleeHome.lose(100);
  await bench.call(caller, callee);
  const callId = await callIdOf(bench);
  const page = await explained(bench, callId, /the callee is not heard/);
  assertMatch(page, /Nothing has come from the callee at 198\.51\.100\.20:\d+: it does not send, a firewall/);
  assertMatch(
    page,
    /What the caller sends is dropped, \d+ packets so far: the callee has a private address in its SDP/,
  );
  await bench.service.media.relay.line(
    /one-way audio: nothing has come from the callee for \d s \(callee: nothing came\)/,
    0,
    10_000,
  );
  await calleeHome.lose(0);
  await hearEachOther(caller, callee);
  await explained(bench, callId, /Not heard from 0:0\d to 0:\d\d: the callee \(nothing came\)\./);
  await calleeHome.lose(100);
  await explained(bench, callId, /The callee has sent nothing for 0:0\d: its network has gone/);
  await bench.hangUp(caller, callee);
});

lab.test("a line that loses every fifth packet is told by whose packets arrive badly, and how many are lost", async (bench) => {
  const { caller, callee, callerHome } = await startPair(bench);
  await callerHome.lose(20);
  await bench.call(caller, callee);
  const callId = await callIdOf(bench);
  await explained(bench, callId, /audio: both parties are heard, but what the caller sends arrives badly/);
  const [session] = await bench.service.media.sessions();
  const [{ caller_quality, callee_quality }] = session!.streams as [StreamStatistics];
  assert(caller_quality!.loss_percent > 5 && caller_quality!.loss_percent < 40, `${caller_quality!.loss_percent} %`);
  assertEquals(callee_quality!.loss_percent, 0);
  await callerHome.lose(0);
  await bench.hangUp(caller, callee);
});

lab.test("a hold is told from a fault", async (bench) => {
  const { caller, callee } = await startPair(bench);
  await bench.call(caller, callee);
  await hearEachOther(caller, callee);
  await callee.hold();
  await callee.event("CALL_REMOTE_SDP");
  await explained(
    bench,
    await callIdOf(bench),
    /audio: on hold by the callee, so the other one hears music or nothing/,
  );
  await bench.hangUp(caller, callee);
});

lab.test("a call that no relay knows is explained with who was asked", async (bench) => {
  const page = explainPage(await bench.service.media.ask("explain nobody@nowhere"));
  assertMatch(page, /^No relay knows a call .*\nAsked: 198\.51\.100\.20 \(unknown\)\./);
});
