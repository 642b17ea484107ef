/** Deno's inspector, as far as it takes to have garbage collected and to see what is left. @module */

/** The flag with which a Deno program listens for inspectors on `port` of the loopback interface. */
export function inspectorFlag(port: number): string {
  return `--inspect=127.0.0.1:${port}`;
}

/** Has the program that listens on `port` collect all of its garbage; that of its `workers` worker isolates too. */
export async function collectGarbage(port: number, workers = 0): Promise<void> {
  await ask(port, ["HeapProfiler.enable", "HeapProfiler.collectGarbage", "HeapProfiler.disable"], workers);
}

/** Has it collect all of its garbage, and returns what is in use of V8's heaps then, that of each worker included. */
export async function collectedHeapBytes(port: number, workers = 0): Promise<number> {
  const methods = [
    "HeapProfiler.enable",
    "HeapProfiler.collectGarbage",
    "Runtime.getHeapUsage",
    "HeapProfiler.disable",
  ];
  let bytes = Infinity;
  // One collection may only end a marking that began long before, and what finalizers hold goes a turn later.
  for (let round = 0; round < MAX_COLLECTIONS; round++) {
    const isolates = await ask(port, methods, workers);
    const now = isolates.reduce((sum, results) => sum + Number((results[2] as { usedSize?: number }).usedSize), 0);
    if (now > bytes * SETTLED) return Math.min(now, bytes);
    bytes = now;
    await new Promise((resolve) => setTimeout(resolve, COLLECTION_PAUSE_MS));
  }
  return bytes;
}

const MAX_COLLECTIONS = 10;
const COLLECTION_PAUSE_MS = 200;
/** A collection that frees less than a hundredth has found all that there is. */
const SETTLED = 0.99;

interface InspectorMessage {
  readonly id?: number;
  readonly result?: unknown;
  readonly method?: string;
  readonly params?: { readonly sessionId?: string; readonly message?: string };
}

/** Of what is said to the program itself; the commands have their index. */
const NO_RESULT = -1;

/** Sends commands without parameters to the program's main isolate and to its workers; returns the results of each. */
async function ask(port: number, methods: readonly string[], workers: number): Promise<unknown[][]> {
  const response = await fetch(`http://127.0.0.1:${port}/json/list`);
  const [target] = await response.json() as { webSocketDebuggerUrl: string }[];
  if (target === undefined) throw new Error("Cannot have garbage collected: the inspector has no target");
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  const { promise, resolve, reject } = Promise.withResolvers<unknown[][]>();
  const results = new Map<string, unknown[]>([["main", []]]);
  let missing = methods.length * (1 + workers);
  const tell = (method: string, params: object) => socket.send(JSON.stringify({ id: NO_RESULT, method, params }));
  const answered = (isolate: string, { id, result }: InspectorMessage) => {
    if (id === undefined || id === NO_RESULT) return; // an event
    results.get(isolate)![id] = result;
    if (--missing === 0) resolve([...results.values()]);
  };
  socket.onopen = () => {
    for (const [id, method] of methods.entries()) socket.send(JSON.stringify({ id, method }));
    if (workers > 0) tell("NodeWorker.enable", { waitForDebuggerOnStart: false });
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data) as InspectorMessage;
    const { sessionId = "", message: inner = "" } = message.params ?? {};
    if (message.method === "NodeWorker.attachedToWorker") {
      results.set(sessionId, []);
      for (const [id, method] of methods.entries()) {
        tell("NodeWorker.sendMessageToWorker", { sessionId, message: JSON.stringify({ id, method }) });
      }
    } else if (message.method === "NodeWorker.receivedMessageFromWorker") {
      answered(sessionId, JSON.parse(inner));
    } else {
      answered("main", message);
    }
  };
  socket.onerror = () => reject(new Error("Cannot have garbage collected: the inspector does not answer"));
  try {
    return await promise;
  } finally {
    socket.close();
  }
}
