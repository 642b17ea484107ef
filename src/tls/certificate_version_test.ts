import { assert, assertEquals } from "../deps/assert.ts";
import { fc } from "../deps/fast_check.ts";
import { certificateVersion } from "./certificate_version.ts";

Deno.test("certificateVersion() tells version 1, which has no version element, from 2 and 3", () => {
  assertEquals(certificateVersion(Uint8Array.fromHex("3082014d3081f30214")), 1);
  assertEquals(certificateVersion(Uint8Array.fromHex("308201bd30820163a003020101")), 2);
  assertEquals(certificateVersion(Uint8Array.fromHex("308201bd30820163a003020102")), 3);
  assertEquals(certificateVersion(Uint8Array.fromHex("30073005a103020102")), 0);
  assertEquals(certificateVersion(new Uint8Array()), 0);
});

Deno.test("certificateVersion() answers for any bytes", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => assert([0, 1, 2, 3].includes(certificateVersion(bytes)))));
});
