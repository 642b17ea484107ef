/** Deno's inspector, as far as it takes to have garbage collected. @module */

/** The flag with which a Deno program listens for inspectors on `port` of the loopback interface. */
export function inspectorFlag(port: number): string {
  return `--inspect=127.0.0.1:${port}`;
}

/** Has the program that listens on `port` collect all of its garbage. */
export async function collectGarbage(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/json/list`);
  const [target] = await response.json() as { webSocketDebuggerUrl: string }[];
  if (target === undefined) throw new Error("Cannot have garbage collected: the inspector has no target");
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.onopen = () => {
    socket.send(JSON.stringify({ id: 1, method: "HeapProfiler.enable" }));
    socket.send(JSON.stringify({ id: 2, method: "HeapProfiler.collectGarbage" }));
    socket.send(JSON.stringify({ id: 3, method: "HeapProfiler.disable" }));
  };
  socket.onmessage = ({ data }) => {
    if (JSON.parse(data).id === 3) resolve();
  };
  socket.onerror = () => reject(new Error("Cannot have garbage collected: the inspector does not answer"));
  try {
    await promise;
  } finally {
    socket.close();
  }
}
