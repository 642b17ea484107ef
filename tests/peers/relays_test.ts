/** Two relays behind one address, and what the script tells the module through its AVPs. @module */
import { assertEquals } from "../../src/deps/assert.ts";
import { type Bench, sharedBench } from "./support/bench.ts";
import { AudioCall } from "./support/call.ts";
import { type Style, STYLES } from "./support/kamailio.ts";
import { installRelay, type RelayPlace } from "./support/mediaproxy.ts";
import { exchange } from "./support/media.ts";
import { until } from "./support/until.ts";

const OTHER_ADDRESS = "127.0.0.5";

const bench = sharedBench();

for (const style of STYLES) {
  const module = `${style}_media_proxy()`;

  bench.test(`${module} takes the relay that $avp(s:media_relay) names, of two behind one address`, async (bench) => {
    const other = await installRelay(bench.installation, OTHER_ADDRESS);
    await using _relay = await bench.startAnotherRelay(other);
    // Left to chance, all of them would get the right one once in 64 runs.
    const places = [other, bench.installation, other, bench.installation, other, bench.installation];
    await Promise.all(places.map(async (place) => {
      await using audio = await startAt(bench, style, place, place);
      await exchange(audio.callerSide, audio.calleeSide);
      await audio.hangUpAndCount();
    }));
  });

  bench.test(`${module} takes another relay than the one named when that one drains or is gone`, async (bench) => {
    const other = await installRelay(bench.installation, OTHER_ADDRESS);
    await using relay = await bench.startAnotherRelay(other);
    {
      await using last = await startAt(bench, style, other, other);
      await exchange(last.callerSide, last.calleeSide);
      relay.signal("SIGHUP");
      await until("the relay to be halting", async () => {
        return (await bench.summary()).some(({ ip, status }) => ip === OTHER_ADDRESS && status === "halting");
      });
      await using elsewhere = await startAt(bench, style, other, bench.installation);
      await exchange(elsewhere.callerSide, elsewhere.calleeSide);
      await exchange(last.callerSide, last.calleeSide);
      await elsewhere.hangUpAndCount();
      await last.hangUpAndCount();
    }
    await relay.ended();
    await using next = await startAt(bench, style, other, bench.installation);
    await exchange(next.callerSide, next.calleeSide);
    await next.hangUpAndCount();
  });

  bench.test(`${module} puts the user name of $avp(s:signaling_ip) into the accounting`, async (bench) => {
    const signaling = JSON.stringify({ signaling_ip: "127.0.0.2", username: "alice@example.com" });
    await using audio = await AudioCall.start(bench, style, { headers: [`X-Signaling-IP: ${signaling}`] });
    await exchange(audio.callerSide, audio.calleeSide);
    const session = await audio.hangUpAndCount();
    assertEquals(session.username, "alice@example.com");
  });
}

/** A call for which the script prefers one relay, and which has to get that one or another. */
function startAt(bench: Bench, style: Style, preferred: RelayPlace, relay: RelayPlace): Promise<AudioCall> {
  return AudioCall.start(bench, style, { headers: [`X-Media-Relay: ${preferred.relayAddress}`], relay });
}
