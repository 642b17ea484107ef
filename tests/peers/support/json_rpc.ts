/** Asking a SIP server over its Unix datagram socket. @module */
import { DatagramClient } from "../../../src/io/datagram_client.ts";
import { DEFAULT_DEADLINE_MS } from "./until.ts";

/** Sends one JSON-RPC 2.0 request, and returns the result. @throws Error if it is refused, or there is no answer. */
export async function askJsonRpc(socketPath: string, method: string, params: unknown[] = []): Promise<unknown> {
  const paths = { server: socketPath, own: `${socketPath}.${crypto.randomUUID().slice(0, 8)}` };
  const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const answer = JSON.parse(await new DatagramClient(paths).ask(request, DEFAULT_DEADLINE_MS)) as {
    result?: unknown;
    error?: { message?: string };
  };
  if (answer.error !== undefined) throw new Error(`Cannot get ${method}: ${answer.error.message}`);
  return answer.result;
}
