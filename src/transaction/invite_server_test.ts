import { assertEquals } from "../deps/assert.ts";
import { OutputRecorder, requestOf, responseTo } from "../../tests/support/transaction_bench.ts";
import { InviteServer, type InviteServerState } from "./invite_server.ts";
import { DEFAULT_TIMERS, type Timers } from "./timers.ts";

const INVITE = requestOf("INVITE");

/** A machine at 0 ms that has got the INVITE. */
function started(reliable = false, timers: Partial<Timers> = {}): { machine: InviteServer; out: OutputRecorder } {
  const out = new OutputRecorder();
  const machine = new InviteServer(INVITE, reliable, { ...DEFAULT_TIMERS, ...timers }, out);
  machine.start(0);
  return { machine, out };
}

Deno.test("InviteServer answers 100 at once, or when its user is slow (RFC 3261 §17.2.1)", () => {
  assertEquals(started().out.events, ["0 send 100"]);
  const { machine, out } = started(false, { sendTryingAfterMs: 200 });
  out.run(machine, 1000);
  assertEquals(out.events, ["200 send 100"]);
});

Deno.test("InviteServer sends no 100 of its own after a response of its user (RFC 3261 §17.2.1)", () => {
  const { machine, out } = started(false, { sendTryingAfterMs: 200 });
  machine.respond(responseTo(INVITE, 180, "b1"), 0);
  out.run(machine, 1000);
  assertEquals(out.events, ["0 send 180"]);
});

Deno.test("InviteServer answers a repeated INVITE with the last response, if there is one (RFC 3261 §17.2.1)", () => {
  const { machine, out } = started(false, { sendTryingAfterMs: 200 });
  machine.handleRetransmission();
  assertEquals(out.takeNames(), "");
  machine.respond(responseTo(INVITE, 180, "b1"), 10);
  machine.respond(responseTo(INVITE, 183, "b1"), 20);
  machine.handleRetransmission();
  machine.respond(responseTo(INVITE, 486, "b1"), 30);
  machine.handleRetransmission();
  assertEquals(out.takeNames(), "send 180, send 183, send 183, send 486, send 486");
});

Deno.test("InviteServer repeats a final response until the ACK, at intervals up to T2, for 64*T1 (RFC 3261 §17.2.1)", () => {
  const { machine, out } = started();
  machine.respond(responseTo(INVITE, 486, "b1"), 0);
  out.run(machine);
  assertEquals(out.events.slice(1), [
    ...[0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500].map((atMs) => `${atMs} send 486`),
    "32000 terminated unacknowledged",
  ]);
});

Deno.test("InviteServer sends a final response once over a reliable transport (RFC 3261 §17.2.1)", () => {
  const { machine, out } = started(true);
  machine.respond(responseTo(INVITE, 486, "b1"), 0);
  out.run(machine);
  assertEquals(out.events, ["0 send 100", "0 send 486", "32000 terminated unacknowledged"]);
});

Deno.test("InviteServer absorbs further ACKs for T4, or ends at once over a reliable transport (RFC 3261 §17.2.1)", () => {
  for (const [reliable, endMs] of [[false, 5600], [true, 600]] as const) {
    const { machine, out } = started(reliable);
    machine.respond(responseTo(INVITE, 486, "b1"), 0);
    out.run(machine, 600);
    assertEquals([machine.handleAck(600), machine.handleAck(600)], [false, false]);
    out.run(machine);
    assertEquals(out.events.at(-1), `${endMs} terminated done`);
  }
});

Deno.test("InviteServer absorbs the INVITE and sends further 2xx for 64*T1 after a 2xx (RFC 6026 §8.7)", () => {
  for (const reliable of [false, true]) {
    const { machine, out } = started(reliable);
    machine.respond(responseTo(INVITE, 200, "b1"), 0);
    out.run(machine, 20_000);
    machine.handleRetransmission();
    machine.respond(responseTo(INVITE, 200, "b2"), 20_000);
    out.run(machine);
    assertEquals(out.events, ["0 send 100", "0 send 200", "20000 send 200", "32000 terminated done"]);
  }
});

Deno.test("InviteServer ends when its user has said nothing for abandonAfterMs", () => {
  const { machine, out } = started();
  out.run(machine, 500_000);
  machine.respond(responseTo(INVITE, 180, "b1"), 500_000);
  out.run(machine);
  assertEquals(out.events, ["0 send 100", "500000 send 180", "1100000 terminated abandoned"]);
});

type Input = "INVITE" | "ACK" | "180" | "200" | "300" | "timeout" | "close";

const TO_STATE: Record<InviteServerState, readonly Input[]> = {
  proceeding: [],
  completed: ["300"],
  confirmed: ["300", "ACK"],
  accepted: ["200"],
  terminated: ["200", "timeout"],
};

/** What comes out, and the state after it; one row for each state, one entry for each input. */
const TABLE: Record<InviteServerState, Record<Input, readonly [outputs: string, state: InviteServerState]>> = {
  proceeding: {
    INVITE: ["send 100", "proceeding"],
    ACK: ["", "proceeding"],
    "180": ["send 180", "proceeding"],
    "200": ["send 200", "accepted"],
    "300": ["send 300", "completed"],
    timeout: ["terminated abandoned", "terminated"],
    close: ["", "terminated"],
  },
  completed: {
    INVITE: ["send 300", "completed"],
    ACK: ["", "confirmed"],
    "180": ["", "completed"],
    "200": ["", "completed"],
    "300": ["", "completed"],
    timeout: ["send 300", "completed"],
    close: ["", "terminated"],
  },
  confirmed: {
    INVITE: ["", "confirmed"],
    ACK: ["", "confirmed"],
    "180": ["", "confirmed"],
    "200": ["", "confirmed"],
    "300": ["", "confirmed"],
    timeout: ["terminated done", "terminated"],
    close: ["", "terminated"],
  },
  accepted: {
    INVITE: ["", "accepted"],
    ACK: ["ACK to the user", "accepted"],
    "180": ["", "accepted"],
    "200": ["send 200", "accepted"],
    "300": ["", "accepted"],
    timeout: ["terminated done", "terminated"],
    close: ["", "terminated"],
  },
  terminated: {
    INVITE: ["", "terminated"],
    ACK: ["", "terminated"],
    "180": ["", "terminated"],
    "200": ["", "terminated"],
    "300": ["", "terminated"],
    timeout: ["", "terminated"],
    close: ["", "terminated"],
  },
};

/** Returns what is told otherwise than by an output. */
function feed(machine: InviteServer, input: Input): string {
  if (input === "INVITE") machine.handleRetransmission();
  else if (input === "ACK") return machine.handleAck(0) ? "ACK to the user" : "";
  else if (input === "timeout") machine.handleTimeout(Math.min(machine.nextDeadlineMs, 1e9));
  else if (input === "close") machine.close();
  else machine.respond(responseTo(INVITE, Number(input), "b1"), 0);
  return "";
}

for (const [state, row] of Object.entries(TABLE) as [InviteServerState, typeof TABLE["proceeding"]][]) {
  for (const [input, [outputs, next]] of Object.entries(row) as [Input, typeof row["180"]][]) {
    Deno.test(`InviteServer ${state}: ${input} (RFC 3261 figure 7, RFC 6026 §8.7)`, () => {
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
