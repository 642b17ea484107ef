/** Asks a proxy's control socket. @module */
import { proxyQuestion, proxyResult } from "../proxy_pages.ts";
import { DatagramClient } from "../../io/datagram_client.ts";
import { StartError } from "../../io/program.ts";

const TIMEOUT_MS = 5_000;

/**
 * Runs a method of the control socket at `path` and returns its result as JSON.
 * @throws StartError saying what to look at
 */
export async function askProxy(path: string, method: string): Promise<string> {
  const client = new DatagramClient({ server: path, own: `${path}.ctl-${Deno.pid}` });
  let answer: string;
  try {
    answer = await client.ask(proxyQuestion(method), TIMEOUT_MS);
  } catch (cause) {
    if (cause instanceof Error && cause.cause instanceof Deno.errors.NotCapable) throw cause.cause;
    throw new StartError(
      `Cannot ask the proxy: ${(cause as Error).message}; is it running, and is control_socket in [Proxy] the same?`,
      { cause },
    );
  }
  return proxyResult(answer);
}
