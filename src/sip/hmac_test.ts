import { assertEquals, assertThrows } from "../deps/assert.ts";
import { HmacSha256 } from "./hmac.ts";
import { decodeOctets } from "./octets.ts";

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** RFC 4231 §4.2 to §4.5: key, text, HMAC-SHA-256. */
const VECTORS = [
  ["0b".repeat(20), "4869205468657265", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
  [
    "4a656665",
    "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  ["aa".repeat(20), "dd".repeat(50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"],
  [
    "0102030405060708090a0b0c0d0e0f10111213141516171819",
    "cd".repeat(50),
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
  ],
] as const;

Deno.test("HmacSha256 makes the HMACs of RFC 4231, again and again", () => {
  for (const [key, text, expected] of VECTORS) {
    const hmac = new HmacSha256(bytesOf(key));
    const octets = decodeOctets(bytesOf(text));
    assertEquals([hmac.hex(octets), hmac.hex(""), hmac.hex(octets)], [expected, hmac.hex(""), expected]);
  }
});

Deno.test("HmacSha256 takes keys of a block at most", () => {
  assertEquals(new HmacSha256(new Uint8Array(64)).hex("").length, 64);
  assertThrows(() => new HmacSha256(new Uint8Array(65)), RangeError, "65 bytes");
});
