import { assert, assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { seededRandom } from "../../tests/support/fakes.ts";
import { Nonces } from "./nonce.ts";

function nonces(maxUsed = 100, seed = 1): Nonces {
  return new Nonces({ random: seededRandom(seed), lifetimeMs: 300_000, maxUsed });
}

Deno.test("Nonces know their own, as long as they live (RFC 7616 §5.4)", () => {
  const ours = nonces();
  const nonce = ours.create(1000.7);
  assertEquals(ours.judge(nonce, 1000), "good");
  assertEquals(ours.judge(nonce, 300_999), "good");
  assertEquals(ours.judge(nonce, 301_000), "stale");
  assertEquals(nonces(100, 2).judge(nonce, 1000), "foreign"); // after a restart
});

Deno.test("Nonces are taken from nobody else", () => {
  const ours = nonces();
  const [time, random, signature] = ours.create(1000).split(".");
  const forged = ["", ".", "..", "a", `ffffff.${random}.${signature}`, `${time}.${random}`, `${time}.${random}.`];
  for (const nonce of [...forged, `${time}.${random}.${signature}0`, `${time}.${random}.\xff`]) {
    assertEquals(ours.judge(nonce, 1000), "foreign", nonce);
  }
});

Deno.test("Nonces let each count through once, in whatever order, within the window (RFC 7616 §3.4)", () => {
  fc.assert(fc.property(fc.array(fc.nat(200), { maxLength: 60 }), (counts) => {
    const ours = nonces();
    const nonce = ours.create(0);
    const used = new Set<number>();
    for (const count of counts) {
      const highest = Math.max(-Infinity, ...used);
      const expected = used.has(count) || count <= highest - 64 ? "replayed" : "good";
      assertEquals(ours.use(nonce, count, 0), expected);
      if (expected === "good") used.add(count);
    }
  }));
});

Deno.test("Nonces take a leap of the count for what it is", () => {
  const ours = nonces();
  const nonce = ours.create(0);
  const uses = [1, 2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 64, 2 ** 32 - 65, 1].map((count) => ours.use(nonce, count, 0));
  assertEquals(uses, ["good", "good", "replayed", "good", "replayed", "replayed"]);
});

Deno.test("Nonces that had to be forgotten are stale, not new again", () => {
  const ours = nonces(2);
  const [first, unused, second, third] = [1, 1, 2, 3].map((nowMs) => ours.create(nowMs));
  for (const nonce of [first!, second!, third!]) ours.use(nonce, 1, 3);
  assertEquals(ours.usedCount, 2);
  assertEquals([first, unused, second, third].map((nonce) => ours.judge(nonce!, 4)), [
    "stale",
    "stale",
    "good",
    "good",
  ]);
  assertEquals(ours.use(second!, 1, 4), "replayed");
});

Deno.test("Nonces that are too old make room, and cost the others nothing", () => {
  const ours = nonces(2);
  ours.use(ours.create(0), 1, 0);
  const unused = ours.create(1);
  ours.use(ours.create(300_000), 1, 300_000);
  assertEquals(ours.usedCount, 1);
  assert(ours.judge(unused, 300_000) === "good");
});
