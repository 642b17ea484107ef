/** Asks a management port one question. @module */
import { LineFault, LineFramer } from "../../control/line_framer.ts";
import type { Logger } from "../../env/log.ts";
import { loadCredentials } from "../../io/credentials.ts";
import type { Link, LinkHandler } from "../../io/link.ts";
import { StartError } from "../../io/program.ts";
import { connectTcp, connectTls } from "../../io/tls_client.ts";

/** Where a management port is, and how to talk to it. */
export interface ManagementAddress {
  readonly host: string;
  readonly port: number;
  /** `undefined`: without TLS (management_use_tls = no). */
  readonly tls: { readonly certsPath: string; readonly name: string } | undefined;
}

const TIMEOUT_MS = 10_000;
/** A dispatcher with many relays lists many sessions. */
const MAX_ANSWER_LENGTH = 256 * 1024 * 1024;
const SILENT: Logger = { isEnabled: () => false, debug() {}, info() {}, warning() {}, error() {} };

/**
 * Sends `command` and returns the line that answers it.
 * @throws StartError | CredentialsError saying what to look at.
 */
export async function ask(address: ManagementAddress, command: string): Promise<string> {
  const { host, port, tls } = address;
  const where = `${host}:${port}`;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(
    () => reject(new StartError(`${where} did not answer within ${TIMEOUT_MS / 1000} s`)),
    TIMEOUT_MS,
  );
  let opened: Link | undefined;
  const onLink = (link: Link): LinkHandler => {
    opened = link;
    const lines = new LineFramer(MAX_ANSWER_LENGTH);
    link.send(`${command}\r\n`);
    return {
      received(chunk) {
        for (const line of lines.push(chunk)) {
          if (line instanceof LineFault) reject(new StartError(`The answer of ${where} is ${line.reason}`));
          else resolve(line);
        }
      },
      closed: (reason) => reject(new StartError(`${where} closed the connection: ${reason}; its log says why`)),
    };
  };
  try {
    await connect(address, onLink).catch((cause) => {
      const hint = tls === undefined
        ? "is it running, and is management_use_tls = no there?"
        : "is the dispatcher running?";
      throw new StartError(`Cannot connect to ${where}: ${(cause as Error).message}; ${hint}`, { cause });
    });
    return await promise;
  } finally {
    clearTimeout(timer);
    opened?.close("answered");
  }
}

async function connect({ host, port, tls }: ManagementAddress, onLink: (link: Link) => LinkHandler): Promise<unknown> {
  if (tls === undefined) return await connectTcp({ host, port, timeoutMs: TIMEOUT_MS, log: SILENT }, onLink);
  const credentials = await loadCredentials(tls.certsPath, tls.name, SILENT);
  try {
    return await connectTls({
      host,
      port,
      credentials,
      passport: undefined,
      verifyIntervalMs: TIMEOUT_MS,
      timeoutMs: TIMEOUT_MS,
      log: SILENT,
    }, onLink);
  } finally {
    credentials.close();
  }
}
