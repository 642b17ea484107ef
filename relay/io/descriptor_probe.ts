/**
 * An isolate that finds out whether the process may open as many sockets as the relay has ports: Deno cannot ask for the
 * limit without all permissions, and panics when it is met in the middle of something. An isolate of its own, because the
 * objects of 20,000 sockets are 30 MB of garbage, which go with it.
 * @module
 */
/// <reference lib="deno.worker" />
import { DESCRIPTOR_HEADROOM } from "../port_pool.ts";

/** What is to be opened. */
export interface ProbeRequest {
  readonly addresses: readonly string[];
  /** As in the configuration: the end is not included. */
  readonly start: number;
  readonly end: number;
}

/** What could be opened. */
export interface ProbeResult {
  /** Sockets that the process may have for media; Infinity if there may be one for each port. */
  readonly maxSockets: number;
}

/** A socket, or a listener. */
interface Opened {
  close(): void;
}

self.onmessage = async ({ data }: MessageEvent<ProbeRequest>) => {
  const opened: Opened[] = [];
  const limited = !openAll(data, opened);
  const maxSockets = limited ? Math.max(0, opened.length - DESCRIPTOR_HEADROOM) : Infinity;
  for (const it of opened) it.close();
  await new Promise((resolve) => setTimeout(resolve)); // descriptors are freed in the next turn
  self.postMessage({ maxSockets } satisfies ProbeResult);
};

/** Returns whether the limit leaves room for all ports and for what else the process needs. */
function openAll({ addresses, start, end }: ProbeRequest, opened: Opened[]): boolean {
  try {
    for (const hostname of addresses) {
      for (let port = start; port < end; port++) {
        const socket = openUnlessTaken(hostname, port);
        if (socket !== undefined) opened.push(socket);
      }
    }
    for (let count = 0; count < DESCRIPTOR_HEADROOM; count++) {
      opened.push(Deno.listen({ hostname: "127.0.0.1", port: 0 }));
    }
    return true;
  } catch (error) {
    if (/os error (23|24)\b/.test((error as Error).message)) return false;
    throw error;
  }
}

function openUnlessTaken(hostname: string, port: number): Opened | undefined {
  try {
    return Deno.listenDatagram({ transport: "udp", hostname, port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return undefined;
    throw error;
  }
}
