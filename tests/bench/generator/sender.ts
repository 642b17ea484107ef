/**
 * The isolate that sends the load: all callers, and all callees but the probed ones, in turn, in bursts of a
 * millisecond. It reads nothing: its sockets' queues are filled at the start, so the kernel counts each packet that
 * arrives as one that it refuses, and reading, which would take as much time as sending, is not needed.
 * @module
 */
/// <reference lib="deno.worker" />
import { openSockets } from "../support/sockets.ts";
import {
  type Answer,
  type Command,
  type OpenCommand,
  PROBED_CALLS,
  type RunCommand,
  SENT,
  STOPPED,
} from "./messages.ts";
import { RtpSource } from "./rtp_source.ts";

/** More small datagrams than the largest default of net.core.rmem_default that is in use can hold. */
const FILL_PACKETS = 1000;
/** What could not be sent in time for so long is left out, and the rate is lower than asked for. */
const MAX_BEHIND_MS = 20;
const UNPACED_BURST_PACKETS = 100;

let callers: RtpSource[] = [];
let callees: RtpSource[] = [];

self.onmessage = async ({ data }: MessageEvent<Command>) => {
  self.postMessage(data.kind === "open" ? await open(data) : await run(data));
};

async function open(command: OpenCommand): Promise<Answer> {
  const sockets = openSockets(command.callers + command.callees, command.firstPort);
  const sources = sockets.map((socket, index) => new RtpSource(socket, index < PROBED_CALLS));
  callers = sources.slice(0, command.callers);
  callees = sources.slice(command.callers);
  for (const [index, source] of sources.entries()) {
    source.target = sockets[index]!.port;
    for (let packet = 0; packet < FILL_PACKETS; packet++) await source.send();
  }
  const ports = sockets.map(({ port }) => port);
  return { kind: "opened", callerPorts: ports.slice(0, command.callers), calleePorts: ports.slice(command.callers) };
}

async function run({ callerTargets, calleeTargets, packetsPerSecond, counters }: RunCommand): Promise<Answer> {
  callers.forEach((source, index) => source.target = callerTargets[index]!);
  callees.forEach((source, index) => source.target = calleeTargets[index]!);
  const sources = [...callers, ...callees];
  const shared = new Int32Array(counters);
  let [sent, next, skipped] = [0, 0, 0];
  const startedAtMs = performance.now();
  while (Atomics.load(shared, STOPPED) === 0) {
    let due = UNPACED_BURST_PACKETS;
    if (packetsPerSecond !== Infinity) {
      due = Math.floor((performance.now() - startedAtMs) * packetsPerSecond / 1000) - sent - skipped;
      const most = Math.ceil(MAX_BEHIND_MS * packetsPerSecond / 1000);
      if (due > most) {
        skipped += due - most;
        due = most;
      }
    }
    for (let count = 0; count < due; count++) {
      await sources[next]!.send();
      next = next + 1 === sources.length ? 0 : next + 1;
      Atomics.store(shared, SENT, ++sent);
    }
    if (packetsPerSecond !== Infinity) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return { kind: "ended", delaysMs: new Float64Array() };
}
