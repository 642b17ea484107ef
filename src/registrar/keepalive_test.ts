import { assert, assertEquals } from "../deps/assert.ts";
import { seededRandom } from "../../tests/support/fakes.ts";
import { bindingOf, flowFrom } from "../../tests/support/registrations.ts";
import type { Binding } from "./binding.ts";
import { Keepalive } from "./keepalive.ts";

const INTERVAL_MS = 30_000;

function phone(number: number, transport: "udp" | "tcp" = "udp", natted = true): Binding {
  return bindingOf({
    contact: `sip:${number}@10.0.0.5`,
    natted,
    source: flowFrom("203.0.113.7", 1 + number, transport),
  });
}

class Lab {
  readonly pings: { readonly contact: string; readonly atMs: number }[] = [];
  readonly lost: [contact: string, failures: number][] = [];
  nowMs = 0;
  readonly keepalive: Keepalive;

  constructor(intervalMs = INTERVAL_MS) {
    this.keepalive = new Keepalive({
      intervalMs,
      random: seededRandom(),
      output: {
        ping: ({ contact }) => this.pings.push({ contact, atMs: this.nowMs }),
        lost: ({ contact }, failures) => this.lost.push([contact, failures]),
      },
    });
  }

  runUntil(endMs: number): void {
    while (this.keepalive.nextDeadlineMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.keepalive.nextDeadlineMs);
      this.keepalive.handleTimeouts(this.nowMs);
    }
    this.nowMs = endMs;
  }
}

Deno.test("Keepalive pings a phone once an interval, the first time within the first", () => {
  const lab = new Lab();
  lab.keepalive.added(phone(1), 0);
  lab.runUntil(10 * INTERVAL_MS - 1);
  assertEquals(lab.pings.length, 10);
  const gaps = lab.pings.slice(1).map(({ atMs }, index) => atMs - lab.pings[index]!.atMs);
  assertEquals(new Set(gaps), new Set([INTERVAL_MS]));
});

Deno.test("Keepalive spreads the pings of those that came together", () => {
  const lab = new Lab();
  for (let number = 0; number < 3000; number++) lab.keepalive.added(phone(number), 0);
  lab.runUntil(INTERVAL_MS - 1);
  assertEquals(lab.pings.length, 3000);
  const perSecond = new Map<number, number>();
  for (const { atMs } of lab.pings) {
    perSecond.set(Math.floor(atMs / 1000), (perSecond.get(Math.floor(atMs / 1000)) ?? 0) + 1);
  }
  assert(Math.max(...perSecond.values()) < 160); // 100 on average
});

Deno.test("Keepalive pings nobody who needs none", () => {
  const lab = new Lab();
  for (const binding of [phone(1, "tcp"), phone(2, "udp", false), { ...phone(3), target: undefined }]) {
    lab.keepalive.added(binding, 0);
  }
  assertEquals([lab.keepalive.size, lab.keepalive.nextDeadlineMs], [0, Infinity]);
  const off = new Lab(0);
  off.keepalive.added(phone(1), 0);
  assertEquals(off.keepalive.size, 0);
});

Deno.test("Keepalive stops when the binding is gone", () => {
  const lab = new Lab();
  const binding = phone(1);
  lab.keepalive.added(binding, 0);
  lab.keepalive.removed(binding);
  lab.keepalive.removed(binding);
  lab.keepalive.answered(binding);
  for (let count = 0; count < 9; count++) lab.keepalive.failed(binding);
  lab.runUntil(10 * INTERVAL_MS);
  assertEquals([lab.pings.length, lab.lost.length, lab.keepalive.size], [0, 0, 0]);
});

Deno.test("Keepalive gives a phone up after five failures in a row, and not before", () => {
  const lab = new Lab();
  const binding = phone(1);
  lab.keepalive.added(binding, 0);
  for (let count = 0; count < 4; count++) lab.keepalive.failed(binding);
  lab.keepalive.answered(binding);
  for (let count = 0; count < 4; count++) lab.keepalive.failed(binding);
  assertEquals(lab.lost, []);
  lab.keepalive.failed(binding);
  lab.keepalive.failed(binding);
  assertEquals([lab.lost, lab.keepalive.size], [[["sip:1@10.0.0.5", 5]], 0]);
});

Deno.test("Keepalive leaves out the pings that a stall swallowed", () => {
  const lab = new Lab();
  lab.keepalive.added(phone(1), 0);
  lab.nowMs = 10 * INTERVAL_MS;
  lab.keepalive.handleTimeouts(lab.nowMs);
  assertEquals(lab.pings.length, 1);
  lab.runUntil(11 * INTERVAL_MS);
  assertEquals(lab.pings.length, 2);
});
