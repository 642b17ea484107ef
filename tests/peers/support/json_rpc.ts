/** Asking a SIP server over its Unix datagram socket. @module */
import { DEFAULT_DEADLINE_MS } from "./until.ts";

/** The most that one datagram can bring. */
const MAX_ANSWER_BYTES = 65_536;

/** Sends one JSON-RPC 2.0 request, and returns the result. @throws Error if it is refused, or there is no answer. */
export async function askJsonRpc(socketPath: string, method: string, params: unknown[] = []): Promise<unknown> {
  const ownPath = `${socketPath}.${crypto.randomUUID().slice(0, 8)}`;
  const socket = Deno.listenDatagram({ transport: "unixpacket", path: ownPath });
  const timer = setTimeout(() => socket.close(), DEFAULT_DEADLINE_MS);
  try {
    const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    await socket.send(new TextEncoder().encode(request), { transport: "unixpacket", path: socketPath });
    const [bytes] = await socket.receive(new Uint8Array(MAX_ANSWER_BYTES));
    const answer = JSON.parse(new TextDecoder().decode(bytes)) as { result?: unknown; error?: { message?: string } };
    if (answer.error !== undefined) throw new Error(`Cannot get ${method}: ${answer.error.message}`);
    return answer.result;
  } finally {
    clearTimeout(timer);
    try {
      socket.close();
    } catch {
      // the timer did
    }
    await Deno.remove(ownPath);
  }
}
