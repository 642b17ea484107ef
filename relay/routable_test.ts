import { assertEquals } from "../src/deps/assert.ts";
import { createRoutableTest } from "./routable.ts";

const PRIVATE = [
  "10.1.2.3",
  "172.16.0.1",
  "192.168.1.5",
  "127.0.0.1",
  "169.254.1.1",
  "100.64.0.1",
  "0.0.0.0",
  "fd00::1",
  "::1",
];

Deno.test("createRoutableTest() knows the addresses that nobody can be reached at from outside (RFC 6890)", () => {
  const isRoutable = createRoutableTest([]);
  for (const address of PRIVATE) assertEquals(isRoutable(address), false, address);
  for (const address of ["8.8.8.8", "2a00:1450::1"]) assertEquals(isRoutable(address), true, address);
  for (const junk of ["", "example.com", "999.1.1.1"]) assertEquals(isRoutable(junk), false, junk);
});

Deno.test("createRoutableTest() lets the configured private networks through, and no others", () => {
  const isRoutable = createRoutableTest([
    { address: "192.168.0.0", prefixLength: 16 },
    { address: "fd00::", prefixLength: 8 },
  ]);
  for (const address of ["192.168.1.5", "fd00::1", "192.168.1.5"]) assertEquals(isRoutable(address), true, address);
  for (const address of ["172.16.1.5", "10.1.2.3", "fe80::1"]) assertEquals(isRoutable(address), false, address);
});

Deno.test("createRoutableTest() does not remember every address that it was ever asked for", () => {
  const isRoutable = createRoutableTest([]);
  for (let index = 0; index < 25_000; index++) isRoutable(`8.8.${index >> 8}.${index & 255}`);
  assertEquals([isRoutable("8.8.0.1"), isRoutable("10.0.0.1")], [true, false]);
});
