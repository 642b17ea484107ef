/** The bare loop as a subject, and as what sockets alone cost in memory. @module */
import type { Ports } from "../generator/generator.ts";
import { PeerProcess } from "../../peers/support/process.ts";
import { relayV8Flags } from "../support/v8_flags.ts";
import type { Subject } from "./subject.ts";

export const BARE_LOOP = "bare loop";

const FIRST_PORT = 16_000;
const START_DEADLINE_MS = 60_000;
const PROGRAM = new URL("../bare_loop.ts", import.meta.url).pathname;

/** Starts the bare loop. */
export async function startBareLoop(parties: Ports, prefix: readonly string[]): Promise<Subject> {
  const list = parties.callers.flatMap((port, index) => [port, parties.callees[index]!]);
  const { process, ports } = await startBareSockets(list, prefix);
  return {
    name: BARE_LOOP,
    pid: process.pid,
    targets: {
      callers: ports.filter((_, index) => index % 2 === 0),
      callees: ports.filter((_, index) => index % 2 === 1),
    },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** Starts the bare loop's program with a socket for each of `parties`; the ports are those of its sockets. */
export async function startBareSockets(
  parties: readonly number[],
  prefix: readonly string[],
  denoFlags: readonly string[] = [],
): Promise<{ process: PeerProcess; ports: number[] }> {
  const [command, ...args] = [
    ...prefix,
    Deno.execPath(),
    "run",
    "--allow-net",
    "--unstable-net",
    ...relayV8Flags(),
    ...denoFlags,
    PROGRAM,
    String(FIRST_PORT),
    parties.join(","),
  ];
  const process = new PeerProcess(BARE_LOOP, command!, args);
  try {
    return { process, ports: JSON.parse(await process.line(/^\[.*\]$/, 0, START_DEADLINE_MS)) };
  } catch (cause) {
    await process.stop();
    throw new Error(`Cannot start the bare loop\n${process.tail()}`, { cause });
  }
}
