import { assertEquals } from "../deps/assert.ts";
import { clockRate, inferredClockRate } from "./clock_rate.ts";

Deno.test("clockRate() knows the static payload types (RFC 3551 §6, tables 4 and 5)", () => {
  const audio: [number, number][] = [[0, 8000], [3, 8000], [6, 16_000], [8, 8000], [9, 8000], [10, 44_100], [
    11,
    44_100,
  ]];
  const more: [number, number][] = [[13, 8000], [14, 90_000], [16, 11_025], [17, 22_050], [18, 8000]];
  const video: [number, number][] = [[26, 90_000], [31, 90_000], [32, 90_000], [33, 90_000], [34, 90_000]];
  for (const [payloadType, rate] of [...audio, ...more, ...video]) {
    assertEquals(clockRate(payloadType), rate, `payload type ${payloadType}`);
  }
});

Deno.test("clockRate() does not guess at dynamic and unassigned payload types (RFC 3551 §3)", () => {
  for (const payloadType of [-1, 35, 95, 96, 101, 127]) assertEquals(clockRate(payloadType), 0);
});

Deno.test("inferredClockRate() tells every rate from its neighbours, measured as badly as a second is", () => {
  for (const rate of [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 90_000]) {
    for (const error of [-0.03, 0, 0.03]) assertEquals(inferredClockRate(rate * (1 + error), 1000), rate);
  }
});

Deno.test("inferredClockRate() says so if nothing fits", () => {
  for (const units of [0, -8000, 1, 12_500, 60_000, 1e9]) assertEquals(inferredClockRate(units, 1000), 0);
});
