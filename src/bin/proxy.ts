/**
 * The proxy: a SIP proxy and registrar with the mediaproxy module.
 *
 * ```sh
 * deno run -P=proxy src/bin/proxy.ts --config /etc/mediaproxy/config.ini
 * ```
 * Signals: TERM and INT stop it (calls go on, registrations and dialogs are on disk); HUP loads the routing script, the
 * users and the certificate anew, and keeps what it has if that fails; USR2 switches debug lines on and off.
 * @module
 */
import { handleSignals, openLog, runProgram, say } from "../io/program.ts";
import { listenPointText, startProxy } from "../proxy/io/service.ts";
import { VERSION } from "../version.ts";

if (import.meta.main) {
  await runProgram({
    name: "proxy",
    summary: "A SIP proxy and registrar with the mediaproxy module: phones behind NATs register and call each other.",
  }, async ({ flags, paths, config }, warnings) => {
    const settings = config.proxy;
    const log = openLog(settings.logLevel, settings.logFormat, flags.debug, warnings);
    const proxy = await startProxy(config, paths, log);
    log.info(`proxy ${VERSION} started`);
    say(`proxy ready: ${proxy.listenPoints.map(listenPointText).join(", ")} for ${proxy.domains.join(", ")}`);
    await new Promise<void>((resolve) =>
      handleSignals({
        stop: (signal) => {
          log.info(`${signal}: stopping, calls go on`);
          resolve();
        },
        hangup: () => void proxy.reload(),
        toggleDebug: () => log.info(`SIGUSR2: log level is ${log.toggleDebug()} now`),
      })
    );
    await proxy.close();
    log.info("proxy stopped");
    log.flush();
    return 0;
  });
}
