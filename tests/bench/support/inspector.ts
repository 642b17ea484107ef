/** Deno's inspector, as far as it takes to have garbage collected and to see what is left. @module */

/** The flag with which a Deno program listens for inspectors on `port` of the loopback interface. */
export function inspectorFlag(port: number): string {
  return `--inspect=127.0.0.1:${port}`;
}

/** Has the program that listens on `port` collect all of its garbage. */
export async function collectGarbage(port: number): Promise<void> {
  await ask(port, ["HeapProfiler.enable", "HeapProfiler.collectGarbage", "HeapProfiler.disable"]);
}

/** Has it collect all of its garbage, and returns what is in use of V8's heap then. */
export async function collectedHeapBytes(port: number): Promise<number> {
  const methods = [
    "HeapProfiler.enable",
    // Twice: the first ends a marking that may have begun long before, and keeps what has died since.
    "HeapProfiler.collectGarbage",
    "HeapProfiler.collectGarbage",
    "Runtime.getHeapUsage",
    "HeapProfiler.disable",
  ];
  const results = await ask(port, methods);
  return Number((results[3] as { usedSize?: number }).usedSize);
}

/** Sends commands without parameters, and returns their results. */
async function ask(port: number, methods: readonly string[]): Promise<unknown[]> {
  const response = await fetch(`http://127.0.0.1:${port}/json/list`);
  const [target] = await response.json() as { webSocketDebuggerUrl: string }[];
  if (target === undefined) throw new Error("Cannot have garbage collected: the inspector has no target");
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  const { promise, resolve, reject } = Promise.withResolvers<unknown[]>();
  const results: unknown[] = [];
  socket.onopen = () => {
    for (const [id, method] of methods.entries()) socket.send(JSON.stringify({ id, method }));
  };
  socket.onmessage = ({ data }) => {
    const { id, result } = JSON.parse(data) as { id?: number; result?: unknown };
    if (id === undefined) return; // an event
    results[id] = result;
    if (id === methods.length - 1) resolve(results);
  };
  socket.onerror = () => reject(new Error("Cannot have garbage collected: the inspector does not answer"));
  try {
    return await promise;
  } finally {
    socket.close();
  }
}
