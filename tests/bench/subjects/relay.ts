/** Our relay as a subject: the real program, with a real dispatcher that sets the calls up. @module */
import type { Ports } from "../generator/generator.ts";
import { answerText, ControlClient, offerText } from "../support/control_client.ts";
import { type Programs, startPrograms } from "../support/our_programs.ts";
import type { Subject } from "./subject.ts";

export const RELAY = "relay";

/** Above the ports of the generator and of the other subjects. */
const PORT_RANGE = "40000:60000";
const MORE_WORKERS_PORT_RANGE = "33000:39000";

export interface RelayProgramsOptions {
  /** What to put before the relay's command line. */
  readonly prefix?: readonly string[];
  /** Flags of `deno run` for the relay. */
  readonly denoFlags?: readonly string[];
  /** @default 1 */
  readonly workers?: number;
}

/** Starts dispatcher and relay. */
export function startRelayPrograms(
  { prefix = [], denoFlags = [], workers = 1 }: RelayProgramsOptions,
): Promise<Programs> {
  return startPrograms({
    portRange: workers === 1 ? PORT_RANGE : MORE_WORKERS_PORT_RANGE,
    portRestTimeSeconds: 5,
    relayPrefix: prefix,
    relayDenoFlags: denoFlags,
    workers,
  });
}

/** A relay with one worker, with a call for each two of `parties`. */
export function startRelay(parties: Ports, prefix: readonly string[]): Promise<Subject> {
  return startRelayWith(1, parties, prefix);
}

/** The name of a relay with so many workers. */
export function relayName(workers: number): string {
  return workers === 1 ? RELAY : `${RELAY}, ${workers} workers`;
}

/** A relay whose control socket can be used besides. */
export interface RelaySubject extends Subject {
  readonly socketPath: string;
}

/** A relay with so many workers, with a call for each two of `parties`. */
export async function startRelayWith(
  workers: number,
  parties: Ports,
  prefix: readonly string[],
): Promise<RelaySubject> {
  await using undo = new AsyncDisposableStack();
  const programs = undo.use(await startRelayPrograms({ prefix, workers }));
  const targets = await setUpCalls(programs.socketPath, parties);
  const owned = undo.move();
  return {
    name: relayName(workers),
    pid: programs.relay.pid,
    socketPath: programs.socketPath,
    targets,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
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
