/**
 * The dispatcher: chooses a media relay for each call of a SIP server.
 *
 * ```sh
 * deno run -P=dispatcher src/bin/dispatcher.ts --config /etc/mediaproxy/config.ini
 * ```
 * Signals: TERM and INT stop it (the relays keep their calls, and a dispatcher that starts asks them for these); USR2
 * switches debug lines on and off; HUP does nothing, as there is nothing to reopen: accounting files may be rotated and
 * certificates replaced at any time.
 * @module
 */
import { listenText, startDispatcher } from "../dispatcher/io/service.ts";
import { handleSignals, openLog, runProgram, say } from "../io/program.ts";
import { VERSION } from "../version.ts";

if (import.meta.main) {
  await runProgram({
    name: "dispatcher",
    summary: "Chooses a media relay for each call of a SIP server (Kamailio or OpenSIPS with the mediaproxy module).",
  }, async ({ flags, paths, config }, warnings) => {
    const settings = config.dispatcher;
    const log = openLog(settings.logLevel, settings.logFormat, flags.debug, warnings);
    const dispatcher = await startDispatcher(config, paths, log);
    log.info(`dispatcher ${VERSION} started`);
    say(
      `dispatcher ready: SIP servers on ${dispatcher.socketPath}, relays on ${listenText(settings.listen)}, ` +
        `management on ${listenText(settings.listenManagement)}`,
    );
    await new Promise<void>((resolve) =>
      handleSignals({
        stop: (signal) => {
          log.info(`${signal}: stopping, the relays keep their calls`);
          resolve();
        },
        hangup: () => log.info("SIGHUP: nothing to do"),
        toggleDebug: () => log.info(`SIGUSR2: log level is ${log.toggleDebug()} now`),
      })
    );
    await dispatcher.close();
    log.info("dispatcher stopped");
    log.flush();
    return 0;
  });
}
