import { assertEquals } from "../../src/deps/assert.ts";
import { flowPair } from "./flow.ts";
import { type KernelRequest, RemoteGate } from "./gate.ts";

const END = { remote: { address: "192.0.2.1", port: 1 }, local: { address: "192.0.2.9", port: 40_000 } };
const FLOWS = flowPair(END, END)!;

Deno.test("RemoteGate asks the main isolate, and tells each owner what becomes of its pair", () => {
  const requests: KernelRequest[] = [];
  const events: string[] = [];
  const owner = (name: string) => ({
    entered: (nowMs: number) => void events.push(`${name} entered at ${nowMs}`),
    counted: (caller: { packets: number }) => void events.push(`${name} counted ${caller.packets}`),
    left: (why: string) => void events.push(`${name} left: ${why}`),
  });
  const gate = new RemoteGate((request) => requests.push(request));
  assertEquals(gate.open, false);
  gate.received({ type: "open", open: true }, 0);
  assertEquals(gate.open, true);
  const first = gate.enter(FLOWS, owner("first"));
  gate.enter(FLOWS, owner("second"));
  const counts = Float64Array.of(1, 3, 9, 0, 0);
  gate.received({ type: "entered", pair: 2 }, 5);
  gate.received({ type: "counted", counts }, 6);
  first.leave("not taken");
  gate.received({ type: "left", pair: 1, why: "not taken" }, 7);
  gate.received({ type: "counted", counts }, 8);
  assertEquals(events, ["second entered at 5", "first counted 3", "first left: not taken"]);
  assertEquals(requests, [
    { type: "enter", pair: 1, flows: FLOWS },
    { type: "enter", pair: 2, flows: FLOWS },
    { type: "leave", pair: 1, why: "not taken" },
  ]);
});
