import { assertEquals, assertMatch } from "../deps/assert.ts";
import { codecName } from "./codec_name.ts";

Deno.test("codecName() names static payload types as the original does (RFC 3551 §6)", () => {
  const names: [number, string][] = [[0, "G711u"], [3, "GSM"], [8, "G711a"], [9, "G722"], [18, "G729"], [34, "H263"]];
  for (const [payloadType, name] of names) assertEquals(codecName(payloadType), name);
});

Deno.test("codecName() tells dynamic, unassigned and unseen payload types apart (RFC 3551 §6)", () => {
  assertEquals(codecName(96), "Dynamic(96)");
  assertEquals(codecName(127), "Dynamic(127)");
  assertEquals(codecName(95), "Unknown(95)");
  assertEquals(codecName(77), "Unknown(77)");
  assertEquals(codecName(12), "Unknown(12)");
  assertEquals(codecName(-1), "Unknown");
});

Deno.test("codecName() has a name for each of the 128 payload types", () => {
  for (let payloadType = 0; payloadType < 128; payloadType++) assertMatch(codecName(payloadType), /^\w+(\(\d+\))?$/);
});
