import { assertEquals } from "../../src/deps/assert.ts";
import type { Leg } from "../leg.ts";
import { Silence } from "./silence.ts";

/** A leg to which nothing has come. */
function leg() {
  const drops = { wrongSource: 0, unvouchedSource: 0, obsoleteSource: 0, undecided: 0, loop: 0, notMedia: 0 };
  return { ...drops, lastMediaAtMs: -Infinity, packets: 0, stunPackets: 0 };
}

Deno.test("Silence.cause() is what was dropped since the party was heard last, and not before", () => {
  const rtp = leg();
  const silence = new Silence(rtp as unknown as Leg, leg() as unknown as Leg);
  assertEquals([silence.heardAtMs(), silence.cause()], [-Infinity, "nothing came"]);
  rtp.undecided = 3;
  assertEquals(silence.cause(), "undecided");
  rtp.wrongSource = 2;
  rtp.lastMediaAtMs = 1000;
  assertEquals([silence.heardAtMs(), silence.cause()], [1000, "nothing came"]);
  rtp.wrongSource = 0;
  rtp.undecided = 0; // what was kept of the party has left
  rtp.lastMediaAtMs = 2000;
  assertEquals(silence.heardAtMs(), 2000);
  rtp.undecided = 1;
  assertEquals(silence.cause(), "undecided");
});
