import { assert, assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { isUdptl } from "./udptl.ts";

const PACKETS: [name: string, bytes: number[], udptl: boolean][] = [
  ["an indicator, nothing repeated", [0, 0, 1, 6, 0, 0], true],
  ["an indicator with one copy of the one before", [0, 1, 1, 2, 0, 1, 1, 6], true],
  ["data with parity", [0x12, 0x34, 3, 0xc0, 0x01, 0x80, 0x80, 1, 3, 1, 2, 3], true],
  ["long data", [0, 9, 0x80, 130, ...Array(130).fill(0xaa), 0, 0], true],
  ["no primary packet", [0, 0, 0, 0, 0], false],
  ["data that ends too early", [0, 0, 4, 6, 0, 0], false],
  ["a fragment", [0, 0, 0xc1, ...Array(200).fill(0)], false],
  ["recovery of no kind", [0, 0, 1, 6, 1, 0], false],
  ["nothing", [], false],
];
for (const [name, bytes, udptl] of PACKETS) {
  Deno.test(`isUdptl() is ${udptl} for ${name} (ITU-T T.38 §9.1)`, () => {
    assertEquals(isUdptl(Uint8Array.from(bytes)), udptl);
  });
}

Deno.test("isUdptl() knows text and RTP for something else", () => {
  for (const text of ["GET / HTTP/1.1\r\n\r\n", "\r\n\r\n", "OPTIONS sip:a@b SIP/2.0\r\n"]) {
    assert(!isUdptl(new TextEncoder().encode(text)), text);
  }
});

Deno.test("isUdptl() is total over all bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => typeof isUdptl(bytes) === "boolean"));
});
