/** What a session costs the relay in memory, beyond its sockets. @module */
import { freeTcpPort } from "../peers/support/ports.ts";
import { progress } from "./support/figures.ts";
import { collectGarbage, inspectorFlag } from "./support/inspector.ts";
import { residentBytes } from "./support/system.ts";
import { startBareSockets } from "./subjects/bare.ts";
import { setUpCalls, startRelayPrograms } from "./subjects/relay.ts";

/** Resident memory of a process. */
export interface Resident {
  /** As it is a while after the calls were set up, with the garbage that V8 has not collected yet. */
  readonly bytes: number;
  /** After a full collection. */
  readonly collectedBytes: number;
}

/** One number of sessions, each with one audio stream: four sockets. */
export interface MemoryResult {
  readonly sessions: number;
  readonly relay: Resident;
  /** A bare Deno process with as many sockets, each with its loop and buffer. */
  readonly bare: Resident;
  /** What one session costs beyond its sockets, on average over all of them; NaN for none. */
  readonly session: Resident;
}

const SOCKETS_PER_SESSION = 4;
const SETTLING_MS = 3000;
const DISCARD_PORT = 9;

/** Measures both programs with each number of sessions; the numbers must rise and begin with 0. */
export async function measureMemory(sessionCounts: readonly number[]): Promise<MemoryResult[]> {
  const relays = await relayResidents(sessionCounts);
  const bares: Resident[] = [];
  for (const sessions of sessionCounts) bares.push(await bareResident(sessions * SOCKETS_PER_SESSION));
  return sessionCounts.map((sessions, index) => {
    const [relay, bare] = [relays[index]!, bares[index]!];
    const own = (key: keyof Resident) => (relay[key] - relays[0]![key] - (bare[key] - bares[0]![key])) / sessions;
    return { sessions, relay, bare, session: { bytes: own("bytes"), collectedBytes: own("collectedBytes") } };
  });
}

async function relayResidents(sessionCounts: readonly number[]): Promise<Resident[]> {
  const inspectorPort = freeTcpPort();
  await using programs = await startRelayPrograms({ denoFlags: [inspectorFlag(inspectorPort)] });
  const results: Resident[] = [];
  let sessions = 0;
  for (const count of sessionCounts) {
    const ports = Array.from({ length: count - sessions }, (_, index) => 2 * (sessions + index) + 2);
    progress(`memory: the relay with ${count} sessions`);
    await setUpCalls(programs.socketPath, { callers: ports, callees: ports });
    sessions = count;
    results.push(await resident(programs.relay.pid, inspectorPort, 1));
  }
  return results;
}

async function bareResident(sockets: number): Promise<Resident> {
  progress(`memory: a bare process with ${sockets} sockets`);
  const inspectorPort = freeTcpPort();
  const parties = new Array<number>(sockets).fill(DISCARD_PORT);
  await using bare = (await startBareSockets(parties, [], [inspectorFlag(inspectorPort)])).process;
  return await resident(bare.pid, inspectorPort);
}

async function resident(pid: number, inspectorPort: number, workers = 0): Promise<Resident> {
  await pause();
  const bytes = residentBytes(pid);
  await collectGarbage(inspectorPort, workers);
  await pause();
  return { bytes, collectedBytes: residentBytes(pid) };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLING_MS));
}
