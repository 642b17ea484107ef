/**
 * The relay: carries media between phones, as dispatchers tell it to.
 *
 * ```sh
 * deno run --v8-flags=--initial-old-space-size=128 -P=relay relay/main.ts --config /etc/mediaproxy/config.ini
 * ```
 * With `-P=relay-kernel` the kernel may forward the media.
 *
 * Signals: TERM and INT end all sessions and report them as expired; HUP takes no new calls and ends with the last one;
 * USR2 switches debug lines on and off.
 * @module
 */
import { handleSignals, openLog, runProgram, say } from "../src/io/program.ts";
import { VERSION } from "../src/version.ts";
import { startRelay } from "./io/service.ts";

if (import.meta.main) {
  await runProgram({
    name: "relay",
    summary: "Carries media between phones behind NATs, as MediaProxy dispatchers tell it to.",
  }, async ({ flags, paths, config }, warnings) => {
    const log = openLog(config.relay.logLevel, config.relay.logFormat, flags.debug, warnings);
    const relay = await startRelay(config, paths.configDir, log);
    const { start, end } = config.relay.portRange;
    const names = config.relay.dispatchers.map(({ host, port }) => `${host}:${port}`).join(", ");
    log.info(`relay ${VERSION} started`);
    say(`relay ready: media on ${relay.addresses.join(", ")} ports ${start} to ${end - 1}, dispatchers ${names}`);
    await new Promise<void>((resolve) =>
      handleSignals({
        stop: (signal) => {
          log.info(`${signal}: ending all sessions`);
          resolve();
        },
        hangup: () => {
          log.info(`SIGHUP: taking no new calls, ${relay.sessionCount} sessions are up`);
          relay.drain().then(resolve);
        },
        toggleDebug: () => log.info(`SIGUSR2: log level is ${log.toggleDebug()} now`),
      })
    );
    await relay.close();
    log.info("relay stopped");
    log.flush();
    return 0;
  });
}
