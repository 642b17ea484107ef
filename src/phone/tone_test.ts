import { assert, assertEquals } from "../deps/assert.ts";
import { decodeMuLaw, encodeMuLaw } from "./g711.ts";
import { toneSamples, toneShare } from "./tone.ts";

Deno.test("encodeMuLaw() and decodeMuLaw() agree with the table of G.711", () => {
  for (const [sample, byte] of [[0, 0xff], [-1, 0x7f], [32124, 0x80], [-32124, 0x00], [132, 0xef], [-1052, 0x4d]]) {
    assertEquals(encodeMuLaw(sample!), byte, `${sample}`);
  }
  for (let byte = 0; byte < 256; byte++) {
    const sample = decodeMuLaw(byte);
    assertEquals(decodeMuLaw(encodeMuLaw(sample)), sample);
  }
});

Deno.test("toneShare() finds a tone that went through G.711, and no other", () => {
  const tone = toneSamples(440, 0, 1600).map((sample) => decodeMuLaw(encodeMuLaw(sample)));
  assert(toneShare(tone, 440) > 0.95);
  assert(toneShare(tone, 620) < 0.01);
  assertEquals(toneShare(new Int16Array(160), 440), 0);
});
