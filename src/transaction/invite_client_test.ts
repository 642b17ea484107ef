import { assertEquals, assertStringIncludes } from "../deps/assert.ts";
import { OutputRecorder, requestOf, responseTo } from "../../tests/support/transaction_bench.ts";
import { InviteClient, type InviteClientState } from "./invite_client.ts";
import { DEFAULT_TIMERS } from "./timers.ts";

const INVITE = requestOf("INVITE");

/** A machine at 0 ms, having sent the INVITE. */
function started(reliable = false): { machine: InviteClient; out: OutputRecorder } {
  const out = new OutputRecorder();
  const machine = new InviteClient(INVITE, reliable, DEFAULT_TIMERS, out);
  machine.start(0);
  return { machine, out };
}

Deno.test("InviteClient sends the INVITE again at doubled intervals and gives up after 64*T1 (RFC 3261 §17.1.1.2)", () => {
  const { machine, out } = started();
  out.run(machine);
  assertEquals(out.events, [
    ...[0, 500, 1500, 3500, 7500, 15500, 31500].map((atMs) => `${atMs} send INVITE`),
    "32000 failed timeout",
    "32000 terminated",
  ]);
});

Deno.test("InviteClient sends once over a reliable transport (RFC 3261 §17.1.1.2)", () => {
  const { machine, out } = started(true);
  out.run(machine);
  assertEquals(out.events, ["0 send INVITE", "32000 failed timeout", "32000 terminated"]);
});

Deno.test("InviteClient stops sending when a provisional response comes (RFC 3261 §17.1.1.2)", () => {
  const { machine, out } = started();
  out.run(machine, 600);
  machine.handleResponse(responseTo(INVITE, 180), 600);
  out.run(machine, 599_000);
  assertEquals(out.events, ["0 send INVITE", "500 send INVITE", "600 up 180"]);
});

Deno.test("InviteClient gives up when a peer has been silent for abandonAfterMs after a provisional response", () => {
  const { machine, out } = started();
  machine.handleResponse(responseTo(INVITE, 100), 100);
  machine.handleResponse(responseTo(INVITE, 180), 200_000);
  out.takeNames();
  out.run(machine);
  assertEquals(out.events, ["800000 failed timeout", "800000 terminated"]);
});

Deno.test("InviteClient acknowledges a final response again for timer D (RFC 3261 §17.1.1.2)", () => {
  const { machine, out } = started();
  machine.handleResponse(responseTo(INVITE, 486, "b1"), 0);
  out.run(machine, 10_000);
  machine.handleResponse(responseTo(INVITE, 486, "b1"), 10_000);
  out.run(machine);
  assertEquals(out.events.slice(1), ["0 send ACK", "0 up 486", "10000 send ACK", "32000 terminated"]);
});

Deno.test("InviteClient ends at once after a final response over a reliable transport (RFC 3261 §17.1.1.2)", () => {
  const { machine, out } = started(true);
  out.nowMs = 70;
  machine.handleResponse(responseTo(INVITE, 486, "b1"), 70);
  assertEquals(machine.state, "completed");
  out.run(machine);
  assertEquals(out.events.slice(1), ["70 send ACK", "70 up 486", "70 terminated"]);
});

Deno.test("InviteClient passes every 2xx up for 64*T1 (RFC 6026 §8.4)", () => {
  const { machine, out } = started();
  machine.handleResponse(responseTo(INVITE, 200, "b1"), 0);
  for (const [tag, atMs] of [["b1", 500], ["b2", 31_999]] as const) {
    out.run(machine, atMs);
    machine.handleResponse(responseTo(INVITE, 200, tag), atMs);
  }
  out.run(machine);
  assertEquals(out.events.slice(1), ["0 up 200", "500 up 200", "31999 up 200", "32000 terminated"]);
});

Deno.test("InviteClient keeps a CANCEL back until a provisional response has come (RFC 3261 §9.1)", () => {
  const { machine, out } = started();
  machine.cancel(100);
  assertEquals([out.takeNames(), machine.state], ["send INVITE", "calling"]);
  machine.handleResponse(responseTo(INVITE, 100), 200);
  machine.handleResponse(responseTo(INVITE, 180), 300);
  assertEquals(out.takeNames(), "up 100, cancel, up 180");
  out.run(machine);
  assertEquals(out.events, ["32200 failed timeout", "32200 terminated"]);
});

Deno.test("InviteClient without any response needs no CANCEL (RFC 3261 §9.1)", () => {
  const { machine, out } = started(true);
  machine.cancel(100);
  out.run(machine);
  assertEquals(out.takeNames(), "send INVITE, failed timeout, terminated");
});

Deno.test("InviteClient waits 64*T1 for the final response to a call that it cancelled (RFC 3261 §9.1)", () => {
  const { machine, out } = started();
  machine.handleResponse(responseTo(INVITE, 180), 100);
  machine.cancel(1000);
  machine.cancel(2000);
  machine.handleResponse(responseTo(INVITE, 180), 3000); // puts nothing off
  out.run(machine);
  assertEquals(out.events.slice(1), ["0 up 180", "0 cancel", "0 up 180", "33000 failed timeout", "33000 terminated"]);
});

Deno.test("InviteClient acknowledges with the tag of the response (RFC 3261 §17.1.1.3)", () => {
  const sent: string[] = [];
  const out = Object.assign(new OutputRecorder(), { send: (text: string) => sent.push(text) });
  const machine = new InviteClient(INVITE, false, DEFAULT_TIMERS, out);
  machine.start(0);
  machine.handleResponse(responseTo(INVITE, 404, "b7"), 10);
  assertStringIncludes(sent[1]!, "tag=b7\r\n");
});

type Input = "180" | "200" | "300" | "cancel" | "error" | "timeout" | "close";

const TO_STATE: Record<InviteClientState, readonly Input[]> = {
  calling: [],
  proceeding: ["180"],
  completed: ["300"],
  accepted: ["200"],
  terminated: ["error"],
};

/** What comes out, and the state after it; one row for each state, one entry for each input. */
const TABLE: Record<InviteClientState, Record<Input, readonly [outputs: string, state: InviteClientState]>> = {
  calling: {
    "180": ["up 180", "proceeding"],
    "200": ["up 200", "accepted"],
    "300": ["send ACK, up 300", "completed"],
    cancel: ["", "calling"],
    error: ["failed transport, terminated", "terminated"],
    timeout: ["send INVITE", "calling"],
    close: ["", "terminated"],
  },
  proceeding: {
    "180": ["up 180", "proceeding"],
    "200": ["up 200", "accepted"],
    "300": ["send ACK, up 300", "completed"],
    cancel: ["cancel", "proceeding"],
    error: ["", "proceeding"],
    timeout: ["failed timeout, terminated", "terminated"],
    close: ["", "terminated"],
  },
  completed: {
    "180": ["", "completed"],
    "200": ["", "completed"],
    "300": ["send ACK", "completed"],
    cancel: ["", "completed"],
    error: ["terminated", "terminated"],
    timeout: ["terminated", "terminated"],
    close: ["", "terminated"],
  },
  accepted: {
    "180": ["", "accepted"],
    "200": ["up 200", "accepted"],
    "300": ["", "accepted"],
    cancel: ["", "accepted"],
    error: ["", "accepted"],
    timeout: ["terminated", "terminated"],
    close: ["", "terminated"],
  },
  terminated: {
    "180": ["", "terminated"],
    "200": ["", "terminated"],
    "300": ["", "terminated"],
    cancel: ["", "terminated"],
    error: ["", "terminated"],
    timeout: ["", "terminated"],
    close: ["", "terminated"],
  },
};

function feed(machine: InviteClient, input: Input): void {
  if (input === "cancel") machine.cancel(0);
  else if (input === "error") machine.handleTransportError("connection refused");
  else if (input === "timeout") machine.handleTimeout(Math.min(machine.nextDeadlineMs, 1e9));
  else if (input === "close") machine.close();
  else machine.handleResponse(responseTo(INVITE, Number(input), "b1"), 0);
}

for (const [state, row] of Object.entries(TABLE) as [InviteClientState, typeof TABLE["calling"]][]) {
  for (const [input, [outputs, next]] of Object.entries(row) as [Input, typeof row["180"]][]) {
    Deno.test(`InviteClient ${state}: ${input} (RFC 3261 figure 5, RFC 6026 §8.4)`, () => {
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
