/**
 * Phones in browsers (RFC 7118): Chromium with JsSIP. They call each other through our proxy and, unless ICE finds a
 * direct way, our relay, which carries STUN, DTLS and SRTP as they are.
 * @module
 */
import { assertEquals } from "../../src/deps/assert.ts";
import type { BrowserPhone, CallStatistics } from "./support/browser_phone.ts";
import { type Home, RELAY_ADDRESS, SERVER_ADDRESS } from "./support/lab.ts";
import { type LabBench, sharedLab } from "./support/lab_bench.ts";
import { startServer } from "./support/our_service.ts";
import { pause, until } from "./support/until.ts";

/** Until the relay has given up a stream without traffic. */
const STREAM_TIMEOUT_SECONDS = 3;
const GIVEN_UP_DEADLINE_MS = 1000 * STREAM_TIMEOUT_SECONDS + 10_000;

const lab = sharedLab((lab) =>
  startServer(lab, {
    sections: {
      Proxy: { listen: `udp:${SERVER_ADDRESS}, ws:${SERVER_ADDRESS}, wss:${SERVER_ADDRESS}` },
      Relay: { stream_timeout: STREAM_TIMEOUT_SECONDS },
      MediaProxy: { ice_candidate: "high-priority" },
    },
  })
);

const browserTest: typeof lab.test = (name, body) => lab.test(name, body, ["chromium"]);

browserTest(
  "browsers behind NATs register over WSS, and have sound and pictures through the relay (RFC 8445, RFC 5764)",
  async (bench) => {
    const homes = await Promise.all([
      bench.addHome({ nat: "port-restricted", ipv6: false }),
      bench.addHome({ nat: "symmetric", ipv6: false }),
    ]);
    const [caller, callee] = await startPair(bench, homes, `wss://${SERVER_ADDRESS}`);
    await call(caller, callee, {});
    await Promise.all([caller, callee].map((phone) => hears(bench, phone)));
    await hangUp(bench, caller, callee);

    // Bundled, the pictures have no port of their own at the relay that could fall silent (RFC 9143 §7).
    await call(caller, callee, { video: true });
    await Promise.all([caller, callee].map((phone) => sees(bench, phone)));
    await pause(1000 * (STREAM_TIMEOUT_SECONDS + 1));
    await Promise.all([caller, callee].map((phone) => sees(bench, phone)));
    await hangUp(bench, callee, caller);
  },
);

browserTest(
  "browsers in one home, over plain WebSockets, take the direct way: the relay gives up its session, not the call",
  async (bench) => {
    const home = await bench.addHome({ nat: "symmetric", phones: 2 });
    const [caller, callee] = await startPair(bench, [home, home], `ws://${SERVER_ADDRESS}`);
    await call(caller, callee, {});
    await bench.service.media.relay.line(/session expired/, 0, GIVEN_UP_DEADLINE_MS);
    await bench.service.media.relay.line(/unselected ICE candidate/);
    for (const phone of [caller, callee]) {
      const { audioPackets } = await phone.statistics();
      await until(`sound at ${phone.uri}`, async () => (await phone.statistics()).audioPackets > audioPackets + 20);
      assertEquals((await phone.statistics()).remoteType, "host");
    }
    await hangUp(bench, caller, callee);
  },
);

function startPair(bench: LabBench, [one, other]: readonly Home[], server: string) {
  return Promise.all([bench.startBrowserPhone(one!, server), bench.startBrowserPhone(other!, server)]);
}

async function call(caller: BrowserPhone, callee: BrowserPhone, media: { video?: boolean }): Promise<void> {
  await Promise.all([caller.call(callee.uri, media), callee.answer(media)]);
}

/** Waits until there was sound, and until it comes through the relay: a browser may begin with a way that it leaves. */
async function hears(bench: LabBench, phone: BrowserPhone): Promise<void> {
  let statistics: CallStatistics | undefined;
  const wanted = [true, true, "connected", 1, RELAY_ADDRESS, "relay"];
  await until(() => `sound at ${phone.uri} through the relay: ${JSON.stringify(statistics)}`, async () => {
    statistics = await phone.statistics();
    const { audioPackets, audioEnergy, dtlsState, transports, remoteAddress, remoteType } = statistics;
    const found = [audioPackets > 20, audioEnergy > 0, dtlsState, transports, remoteAddress, remoteType];
    return JSON.stringify(found) === JSON.stringify(wanted);
  });
  await until("both parties' packets at the relay", async () => {
    const [stream] = (await bench.service.media.sessions())[0]!.streams;
    return stream!.caller_packets > 20 && stream!.callee_packets > 20;
  });
}

/** The same, with more pictures besides. */
async function sees(bench: LabBench, phone: BrowserPhone): Promise<void> {
  await hears(bench, phone);
  const { videoFrames } = await phone.statistics();
  await until(`pictures at ${phone.uri}`, async () => (await phone.statistics()).videoFrames > videoFrames + 5);
}

async function hangUp(bench: LabBench, first: BrowserPhone, other: BrowserPhone): Promise<void> {
  await first.hangUp();
  await Promise.all([first.ended(), other.ended()]);
  await bench.nothingLeft();
}
