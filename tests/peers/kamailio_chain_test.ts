/**
 * Our proxy beside Kamailio in the route of a call: a phone registers through Kamailio with our registrar (RFC 3327), and
 * calls one that is registered with us directly, or is called by it. Both proxies record their route (RFC 3261 §16.12);
 * Kamailio runs its mediaproxy module, too, or does not.
 * @module
 */
import { assertEquals } from "../../src/deps/assert.ts";
import type { Baresip } from "./support/baresip.ts";
import { type ChainService, EDGE_ADDRESS, startChain } from "./support/kamailio_edge.ts";
import { type Home, RELAY_ADDRESS } from "./support/lab.ts";
import { hearEachOther, type LabBench, sharedLab } from "./support/lab_bench.ts";
import type { MediaService } from "./support/lab_service.ts";
import { until } from "./support/until.ts";

type Bench = LabBench<ChainService>;

/** A phone and where it lives. */
type Party = [phone: Baresip, home: Home];

const ORDERS = ["phone - Kamailio - our proxy - phone", "phone - our proxy - Kamailio - phone"] as const;

for (const edgeRelays of [false, true]) {
  const lab = sharedLab((lab) => startChain(lab, edgeRelays));
  const relays = edgeRelays ? "both with relays" : "ours with a relay";

  for (const order of ORDERS) {
    lab.test(`${order}, ${relays}: both hear each other, re-INVITE and hang up (RFC 3261 §16.12.1)`, async (bench) => {
      const [caller, callee] = await startParties(bench, order);
      const [callerPhone, calleePhone] = [caller[0], callee[0]];
      await bench.call(callerPhone, calleePhone);
      await hearEachOther(callerPhone, calleePhone);
      // What the callee is offered is the last relay's; the other one has its packets all the same.
      const last = edgeRelays && order === ORDERS[1] ? EDGE_ADDRESS : RELAY_ADDRESS;
      assertEquals(calleePhone.offeredAddresses(), [last]);
      await relayed(bench.service.media, callerPhone);
      if (edgeRelays) await relayed(bench.service.edgeMedia, callerPhone);
      await bench.holdAndResume(caller, callee);
      await bench.holdAndResume(callee, caller);
      await hangUp(bench, callerPhone, calleePhone);

      await bench.call(callerPhone, calleePhone);
      await hearEachOther(callerPhone, calleePhone);
      await hangUp(bench, calleePhone, callerPhone);
    });

    lab.test(`${order}, ${relays}: the caller gives up, and the callee stops ringing (RFC 3261 §9)`, async (bench) => {
      const [[caller], [callee]] = await startParties(bench, order);
      await caller.dial(callee.uri);
      await callee.event("CALL_INCOMING");
      await caller.event("CALL_RINGING");
      await caller.hangUp();
      await Promise.all([caller.event("CALL_CLOSED"), callee.event("CALL_CLOSED")]);
      await nothingLeft(bench, caller);
    });
  }
}

/** Caller and callee: one at the edge, one at our proxy, over TLS so that the transport changes between the proxies' routes. */
async function startParties(bench: Bench, order: string): Promise<[Party, Party]> {
  const homes = await Promise.all([bench.addHome({ nat: "port-restricted" }), bench.addHome({ nat: "symmetric" })]);
  const phones = await Promise.all([
    bench.startPhone(homes[0], { server: EDGE_ADDRESS }),
    bench.startPhone(homes[1], { transport: "tls" }),
  ]);
  const parties: [Party, Party] = [[phones[0], homes[0]], [phones[1], homes[1]]];
  if (order === ORDERS[1]) parties.reverse();
  return parties;
}

/** Waits until a relay has counted packets from both parties of the caller's session. */
async function relayed(media: MediaService, caller: Baresip): Promise<void> {
  await until("packets from both parties at the relay", async () => {
    const session = (await media.sessions()).find((it) => JSON.stringify(it).includes(caller.address));
    const [stream] = session?.streams ?? [];
    return stream !== undefined && stream.caller_packets > 0 && stream.callee_packets > 0;
  });
}

async function hangUp(bench: Bench, first: Baresip, other: Baresip): Promise<void> {
  await bench.hangUp(first, other);
  await nothingLeft(bench, first);
}

/** Nor at the edge's relay. */
async function nothingLeft(bench: Bench, phone: Baresip): Promise<void> {
  await bench.nothingLeft();
  let left: unknown[] = [];
  await until(() => `the end of ${JSON.stringify(left)} at the edge`, async () => {
    left = (await bench.service.edgeMedia.sessions()).filter((it) => JSON.stringify(it).includes(phone.address));
    return left.length === 0;
  });
}
