/** The relay, whose first worker fails at SIGHUP. @module */
import { handleSignals, openLog, runProgram, say } from "../../../src/io/program.ts";
import { startRelay } from "../../../relay/io/service.ts";

await runProgram({ name: "relay", summary: "A relay that loses a worker at SIGHUP." }, async (context, warnings) => {
  const { flags, paths, config } = context;
  const log = openLog(config.relay.logLevel, config.relay.logFormat, flags.debug, warnings);
  const relay = await startRelay(config, paths.configDir, log);
  say("relay ready");
  await new Promise<void>((resolve) =>
    handleSignals({ stop: () => resolve(), hangup: () => relay.killWorker(1), toggleDebug() {} })
  );
  await relay.close();
  log.flush();
  return 0;
});
