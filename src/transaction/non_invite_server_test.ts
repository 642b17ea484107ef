import { assertEquals } from "../deps/assert.ts";
import { OutputRecorder, requestOf, responseTo } from "../../tests/support/transaction_bench.ts";
import { NonInviteServer, type NonInviteServerState } from "./non_invite_server.ts";
import { DEFAULT_TIMERS } from "./timers.ts";

const BYE = requestOf("BYE");

/** A machine at 0 ms that has got the request. */
function started(reliable = false): { machine: NonInviteServer; out: OutputRecorder } {
  const out = new OutputRecorder();
  const machine = new NonInviteServer(reliable, DEFAULT_TIMERS, out);
  machine.start(0);
  return { machine, out };
}

Deno.test("NonInviteServer repeats its final response when asked, for 64*T1 (RFC 3261 §17.2.2)", () => {
  const { machine, out } = started();
  out.run(machine, 100);
  machine.respond(responseTo(BYE, 200), 100);
  out.run(machine, 30_000);
  machine.handleRetransmission();
  out.run(machine);
  assertEquals(out.events, ["100 send 200", "30000 send 200", "32100 terminated done"]);
});

Deno.test("NonInviteServer ends at once after a final response over a reliable transport (RFC 3261 §17.2.2)", () => {
  const { machine, out } = started(true);
  out.nowMs = 100;
  machine.respond(responseTo(BYE, 200), 100);
  assertEquals(machine.state, "completed");
  out.run(machine);
  assertEquals(out.events, ["100 send 200", "100 terminated done"]);
});

Deno.test("NonInviteServer ends when its user has said nothing for abandonAfterMs", () => {
  const { machine, out } = started();
  out.run(machine, 500_000);
  machine.respond(responseTo(BYE, 100), 500_000);
  out.run(machine);
  assertEquals(out.events, ["500000 send 100", "1100000 terminated abandoned"]);
});

type Input = "BYE" | "ACK" | "100" | "200" | "486" | "timeout" | "close";

const TO_STATE: Record<NonInviteServerState, readonly Input[]> = {
  trying: [],
  proceeding: ["100"],
  completed: ["200"],
  terminated: ["200", "timeout"],
};

/** What comes out, and the state after it; one row for each state, one entry for each input. */
const TABLE: Record<NonInviteServerState, Record<Input, readonly [outputs: string, state: NonInviteServerState]>> = {
  trying: {
    BYE: ["", "trying"],
    ACK: ["", "trying"],
    "100": ["send 100", "proceeding"],
    "200": ["send 200", "completed"],
    "486": ["send 486", "completed"],
    timeout: ["terminated abandoned", "terminated"],
    close: ["", "terminated"],
  },
  proceeding: {
    BYE: ["send 100", "proceeding"],
    ACK: ["", "proceeding"],
    "100": ["send 100", "proceeding"],
    "200": ["send 200", "completed"],
    "486": ["send 486", "completed"],
    timeout: ["terminated abandoned", "terminated"],
    close: ["", "terminated"],
  },
  completed: {
    BYE: ["send 200", "completed"],
    ACK: ["", "completed"],
    "100": ["", "completed"],
    "200": ["", "completed"],
    "486": ["", "completed"],
    timeout: ["terminated done", "terminated"],
    close: ["", "terminated"],
  },
  terminated: {
    BYE: ["", "terminated"],
    ACK: ["", "terminated"],
    "100": ["", "terminated"],
    "200": ["", "terminated"],
    "486": ["", "terminated"],
    timeout: ["", "terminated"],
    close: ["", "terminated"],
  },
};

/** Returns what is told otherwise than by an output. */
function feed(machine: NonInviteServer, input: Input): string {
  if (input === "BYE") machine.handleRetransmission();
  else if (input === "ACK") return machine.handleAck(0) ? "ACK to the user" : "";
  else if (input === "timeout") machine.handleTimeout(Math.min(machine.nextDeadlineMs, 1e9));
  else if (input === "close") machine.close();
  else machine.respond(responseTo(BYE, Number(input), "b1"), 0);
  return "";
}

for (const [state, row] of Object.entries(TABLE) as [NonInviteServerState, typeof TABLE["trying"]][]) {
  for (const [input, [outputs, next]] of Object.entries(row) as [Input, typeof row["100"]][]) {
    Deno.test(`NonInviteServer ${state}: ${input} (RFC 3261 figure 8)`, () => {
      const { machine, out } = started();
      for (const step of TO_STATE[state]) feed(machine, step);
      assertEquals(machine.state, state);
      out.takeNames();
      const told = feed(machine, input);
      assertEquals([out.takeNames() + told, machine.state], [outputs, next]);
      if (next === "terminated") assertEquals(machine.nextDeadlineMs, Infinity);
    });
  }
}
