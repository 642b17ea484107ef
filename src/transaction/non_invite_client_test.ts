import { assertEquals } from "../deps/assert.ts";
import { OutputRecorder, requestOf, responseTo } from "../../tests/support/transaction_bench.ts";
import { NonInviteClient, type NonInviteClientState } from "./non_invite_client.ts";
import { DEFAULT_TIMERS } from "./timers.ts";

const BYE = requestOf("BYE");

/** A machine at 0 ms, having sent the request. */
function started(reliable = false): { machine: NonInviteClient; out: OutputRecorder } {
  const out = new OutputRecorder();
  const machine = new NonInviteClient(BYE, reliable, DEFAULT_TIMERS, out);
  machine.start(0);
  return { machine, out };
}

Deno.test("NonInviteClient sends again at intervals doubled up to T2 and gives up after 64*T1 (RFC 3261 §17.1.2.2)", () => {
  const { machine, out } = started();
  out.run(machine);
  assertEquals(out.events, [
    ...[0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500].map((atMs) => `${atMs} send BYE`),
    "32000 failed timeout",
    "32000 terminated",
  ]);
});

Deno.test("NonInviteClient sends once over a reliable transport (RFC 3261 §17.1.2.2)", () => {
  const { machine, out } = started(true);
  out.run(machine);
  assertEquals(out.events, ["0 send BYE", "32000 failed timeout", "32000 terminated"]);
});

Deno.test("NonInviteClient goes on every T2 after a provisional response (RFC 3261 §17.1.2.2)", () => {
  const { machine, out } = started();
  out.run(machine, 700);
  machine.handleResponse(responseTo(BYE, 100), 700);
  out.run(machine);
  assertEquals(out.events, [
    "0 send BYE",
    "500 send BYE",
    "700 up 100",
    ...[1500, 5500, 9500, 13500, 17500, 21500, 25500, 29500].map((atMs) => `${atMs} send BYE`),
    "32000 failed timeout",
    "32000 terminated",
  ]);
});

Deno.test("NonInviteClient absorbs repeated final responses for T4 (RFC 3261 §17.1.2.2)", () => {
  const { machine, out } = started();
  out.run(machine, 600);
  machine.handleResponse(responseTo(BYE, 200), 600);
  machine.handleResponse(responseTo(BYE, 200), 700);
  out.run(machine);
  assertEquals(out.events.slice(2), ["600 up 200", "5600 terminated"]);
});

Deno.test("NonInviteClient ends at once after a final response over a reliable transport (RFC 3261 §17.1.2.2)", () => {
  const { machine, out } = started(true);
  out.nowMs = 40;
  machine.handleResponse(responseTo(BYE, 200), 40);
  out.run(machine);
  assertEquals(out.events, ["0 send BYE", "40 up 200", "40 terminated"]);
});

type Input = "100" | "200" | "486" | "cancel" | "error" | "timeout" | "close";

const TO_STATE: Record<NonInviteClientState, readonly Input[]> = {
  trying: [],
  proceeding: ["100"],
  completed: ["200"],
  terminated: ["error"],
};

/** What comes out, and the state after it; one row for each state, one entry for each input. */
const TABLE: Record<NonInviteClientState, Record<Input, readonly [outputs: string, state: NonInviteClientState]>> = {
  trying: {
    "100": ["up 100", "proceeding"],
    "200": ["up 200", "completed"],
    "486": ["up 486", "completed"],
    cancel: ["", "trying"],
    error: ["failed transport, terminated", "terminated"],
    timeout: ["send BYE", "trying"],
    close: ["", "terminated"],
  },
  proceeding: {
    "100": ["up 100", "proceeding"],
    "200": ["up 200", "completed"],
    "486": ["up 486", "completed"],
    cancel: ["", "proceeding"],
    error: ["failed transport, terminated", "terminated"],
    timeout: ["send BYE", "proceeding"],
    close: ["", "terminated"],
  },
  completed: {
    "100": ["", "completed"],
    "200": ["", "completed"],
    "486": ["", "completed"],
    cancel: ["", "completed"],
    error: ["", "completed"],
    timeout: ["terminated", "terminated"],
    close: ["", "terminated"],
  },
  terminated: {
    "100": ["", "terminated"],
    "200": ["", "terminated"],
    "486": ["", "terminated"],
    cancel: ["", "terminated"],
    error: ["", "terminated"],
    timeout: ["", "terminated"],
    close: ["", "terminated"],
  },
};

function feed(machine: NonInviteClient, input: Input): void {
  if (input === "cancel") machine.cancel(0);
  else if (input === "error") machine.handleTransportError("connection refused");
  else if (input === "timeout") machine.handleTimeout(Math.min(machine.nextDeadlineMs, 1e9));
  else if (input === "close") machine.close();
  else machine.handleResponse(responseTo(BYE, Number(input), "b1"), 0);
}

for (const [state, row] of Object.entries(TABLE) as [NonInviteClientState, typeof TABLE["trying"]][]) {
  for (const [input, [outputs, next]] of Object.entries(row) as [Input, typeof row["100"]][]) {
    Deno.test(`NonInviteClient ${state}: ${input} (RFC 3261 figure 6)`, () => {
      const { machine, out } = started();
      for (const step of TO_STATE[state]) feed(machine, step);
      assertEquals(machine.state, state);
      out.takeNames();
      feed(machine, input);
      assertEquals([out.takeNames(), machine.state], [outputs, next]);
      if (next === "terminated") assertEquals(machine.nextDeadlineMs, Infinity);
    });
  }
}
