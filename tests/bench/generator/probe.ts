/**
 * The isolate that reads the probed callees' sockets, to know how long packets take from the sender to there. It has
 * little to do, so that what it measures is the way, and not itself.
 * @module
 */
/// <reference lib="deno.worker" />
import { type LocalSocket, openSockets } from "../support/sockets.ts";
import {
  type Answer,
  type Command,
  MEASURING,
  type OpenCommand,
  READ_BY_PROBE,
  type RunCommand,
  SENT_BY_PROBE,
  STAMP_OFFSET,
  STOPPED,
} from "./messages.ts";
import { RtpSource } from "./rtp_source.ts";

/** As phones do; it also shows the subject where the callees are. */
const PACKET_INTERVAL_MS = 20;
const BUFFER_BYTES = 2048;

let callees: RtpSource[] = [];
let shared: Int32Array | undefined;
let delaysMs: number[] = [];

self.onmessage = async ({ data }: MessageEvent<Command>) => {
  self.postMessage(data.kind === "open" ? open(data) : await run(data));
};

function open({ callees: count, firstPort }: OpenCommand): Answer {
  const sockets = openSockets(count, firstPort);
  callees = sockets.map((socket) => new RtpSource(socket, false));
  for (const socket of sockets) read(socket);
  return { kind: "opened", callerPorts: [], calleePorts: sockets.map(({ port }) => port) };
}

async function read({ conn }: LocalSocket): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  const view = new DataView(buffer.buffer);
  for (;;) {
    await conn.receive(buffer);
    if (shared === undefined) continue;
    const delayMs = performance.timeOrigin + performance.now() - view.getFloat64(STAMP_OFFSET);
    Atomics.add(shared, READ_BY_PROBE, 1);
    if (Atomics.load(shared, MEASURING) === 1) delaysMs.push(delayMs);
  }
}

async function run({ calleeTargets, counters }: RunCommand): Promise<Answer> {
  callees.forEach((source, index) => source.target = calleeTargets[index]!);
  delaysMs = [];
  shared = new Int32Array(counters);
  while (Atomics.load(shared, STOPPED) === 0) {
    for (const source of callees) await source.send();
    Atomics.add(shared, SENT_BY_PROBE, callees.length);
    await new Promise((resolve) => setTimeout(resolve, PACKET_INTERVAL_MS));
  }
  shared = undefined;
  return { kind: "ended", delaysMs: Float64Array.from(delaysMs) };
}
