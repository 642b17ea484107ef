/** Our relay as a subject: the real program, with a real dispatcher that sets the calls up. @module */
import type { Ports } from "../generator/generator.ts";
import { answerText, ControlClient, offerText } from "../support/control_client.ts";
import { type Programs, startPrograms } from "../support/our_programs.ts";
import type { Subject } from "./subject.ts";

export const RELAY = "relay";

/** Above the ports of the generator and of the other subjects. */
const PORT_RANGE = "40000:60000";

/** Starts dispatcher and relay; `prefix` goes before the relay's command line, `denoFlags` behind `deno run`. */
export function startRelayPrograms(prefix: readonly string[], denoFlags: readonly string[] = []): Promise<Programs> {
  return startPrograms({
    portRange: PORT_RANGE,
    portRestTimeSeconds: 5,
    relayPrefix: prefix,
    relayDenoFlags: denoFlags,
  });
}

/** Starts the relay with a call for each two of `parties`. */
export async function startRelay(parties: Ports, prefix: readonly string[]): Promise<Subject> {
  await using undo = new AsyncDisposableStack();
  const programs = undo.use(await startRelayPrograms(prefix));
  const targets = await setUpCalls(programs.socketPath, parties);
  const owned = undo.move();
  return { name: RELAY, pid: programs.relay.pid, targets, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Sets up a call for each two of `parties`, one after the other, and returns the relay's ports for them. */
export async function setUpCalls(socketPath: string, parties: Ports): Promise<Ports> {
  using client = await ControlClient.connect(socketPath);
  const callers: number[] = [];
  const callees: number[] = [];
  for (const [index, callerPort] of parties.callers.entries()) {
    const call = { callId: `bench-${callerPort}-${index}`, callerPort, calleePort: parties.callees[index]! };
    // The answer to the offer goes into the SDP for the callee: it is where the callee sends.
    callees.push(await client.port(offerText(call)));
    callers.push(await client.port(answerText(call)));
  }
  return { callers, callees };
}
