/** The dispatcher as a running service: sockets and timers around the machine of `dispatcher.ts`. @module */
import { type Config, type Paths, resolveIn } from "../../config/mod.ts";
import { bracketed } from "../../control/media_header.ts";
import { type Logger, withFields } from "../../env/log.ts";
import { systemClock } from "../../io/clock.ts";
import { type Credentials, loadCredentials } from "../../io/credentials.ts";
import type { Link, LinkHandler } from "../../io/link.ts";
import { systemRandom } from "../../io/random.ts";
import { listenTcp, listenTls } from "../../io/tls_server.ts";
import { Undo } from "../../io/undo.ts";
import { VERSION } from "../../version.ts";
import type { AccountingBackend } from "../accounting.ts";
import { Dispatcher } from "../dispatcher.ts";
import { ManagementConnection } from "../management.ts";
import { listenForRequests } from "./control_server.ts";
import { EndDialogClient } from "./end_dialog_client.ts";
import { JsonLinesAccounting } from "./jsonl_accounting.ts";

const TICK_MS = 50;

/** A dispatcher that is running. */
export interface RunningDispatcher extends AsyncDisposable {
  /** Where SIP servers ask for relays. */
  readonly socketPath: string;
  /** How many relays are connected, and how many sessions are known. */
  readonly relayCount: number;
  readonly sessionCount: number;
  /** Stops; the relays keep their sessions. */
  close(): Promise<void>;
}

/**
 * Starts a dispatcher. Resolves once everything listens.
 * @throws SocketPathError | CredentialsError | Error of a listener
 */
export async function startDispatcher(config: Config, paths: Paths, log: Logger): Promise<RunningDispatcher> {
  const undo = new Undo();
  try {
    return await start(config, paths, log, undo);
  } catch (error) {
    await undo.run();
    throw error;
  }
}

async function start(config: Config, paths: Paths, log: Logger, undo: Undo): Promise<RunningDispatcher> {
  const settings = config.dispatcher;
  const certsPath = resolveIn(paths.configDir, config.tls.certsPath);
  const credentials = undo.add(await loadCredentials(certsPath, "dispatcher", log), (it) => it.close());
  const backends = settings.accounting.map((name) => undo.add(createBackend(name, config, log), (it) => it.close()));
  const runtimeFile = (name: string) => resolveIn(paths.runtimeDir, name);
  const endDialogs = undo.add(
    new EndDialogClient({
      opensips: { server: config.opensips.socketPath, own: runtimeFile("opensips.sock") },
      kamailio: { server: config.kamailio.socketPath, own: runtimeFile("kamailio.sock") },
    }, log),
    (it) => it.close(),
  );
  const dispatcher = new Dispatcher(
    settings,
    {
      account: (session) => backends.forEach((backend) => backend.record(session)),
      endDialog: (request, callId) => endDialogs.send(request, callId),
    },
    systemClock,
    systemRandom,
    log,
  );
  undo.add(setInterval(() => dispatcher.handleTimeout(), TICK_MS), (timer) => clearInterval(timer));
  undo.add(
    await listenTls(
      {
        ...settings.listen,
        credentials,
        passport: settings.passport,
        verifyIntervalMs: config.tls.verifyIntervalMs,
        log,
      },
      (link) => serveRelay(dispatcher, link),
    ),
    (it) => it.close(),
  );
  undo.add(await listenForManagement(config, credentials, dispatcher, log), (it) => it.close());
  const socketPath = resolveIn(paths.runtimeDir, settings.socketPath);
  undo.add(
    await listenForRequests(socketPath, (request, answer) => dispatcher.handle(request, answer), log),
    (it) => it.close(),
  );
  let closing: Promise<void> | undefined;
  return {
    socketPath,
    get relayCount() {
      return dispatcher.relays.length;
    },
    get sessionCount() {
      return dispatcher.sessionCount;
    },
    close: () => closing ??= undo.run(),
    [Symbol.asyncDispose]: () => closing ??= undo.run(),
  };
}

function createBackend(name: "jsonl", config: Config, log: Logger): AccountingBackend {
  switch (name) {
    case "jsonl":
      return new JsonLinesAccounting(config.accounting.jsonlPath, log);
  }
}

function serveRelay(dispatcher: Dispatcher, link: Link): LinkHandler {
  const relay = dispatcher.addRelay({
    hostname: link.peer.hostname,
    text: link.peer.text,
    send: (text) => link.send(text),
    close: (reason) => link.close(reason),
  });
  return {
    received: (chunk) => relay.received(chunk),
    closed: (reason) => dispatcher.removeRelay(relay, reason),
  };
}

function listenForManagement(config: Config, credentials: Credentials, dispatcher: Dispatcher, log: Logger) {
  const { listenManagement, managementUseTls, managementPassport } = config.dispatcher;
  const onLink = (link: Link): LinkHandler => {
    const connection = new ManagementConnection({
      version: VERSION,
      relays: () => dispatcher.relays,
      send: (text) => link.send(text),
      close: (reason) => link.close(reason),
      log: withFields(log, { peer: link.peer.text }),
    });
    return { received: (chunk) => connection.received(chunk), closed: () => {} };
  };
  if (!managementUseTls) return listenTcp({ ...listenManagement, log }, onLink);
  const { verifyIntervalMs } = config.tls;
  return listenTls({ ...listenManagement, credentials, passport: managementPassport, verifyIntervalMs, log }, onLink);
}

/** `address:port` for messages. */
export function listenText({ hostname, port }: { hostname: string; port: number }): string {
  return `${bracketed(hostname)}:${port}`;
}
