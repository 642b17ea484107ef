/**
 * Shows what the system is for: two built-in phones, each behind a simulated NAT, register with the proxy and call each
 * other through the relay. Every step is printed: what was rewritten, what was learnt, what was relayed.
 *
 * ```sh
 * deno task demo
 * ```
 * All of it stays on the loopback network 127.0.0.0/8.
 * @module
 */
import { randomHex } from "../env/random.ts";
import { ask } from "../ctl/io/ask.ts";
import { systemRandom } from "../io/random.ts";
import { LocalService, prepareLocalService } from "../io/local_service.ts";
import { handleSignals, runProgram, say } from "../io/program.ts";
import { type Logger, withFields } from "../env/log.ts";
import { createLog } from "../io/log.ts";
import { runDemo } from "../phone/io/demo.ts";

const SERVICE = "127.0.0.1";

if (import.meta.main) {
  await runProgram({
    name: "demo",
    summary: "Two test phones behind simulated NATs call each other through proxy, dispatcher and relay.",
  }, async ({ flags }) => {
    const directory = Deno.makeTempDirSync({ prefix: "mediaproxy-demo-" });
    const lines: string[] = [];
    try {
      const users = ["alice", "bob"].map((name) => ({ name, password: randomHex(systemRandom, 6) }));
      const layout = await prepareLocalService({
        directory,
        address: SERVICE,
        users,
        directNetworks: "127.0.0.0/8",
        debug: flags.debug,
        say: () => {},
      });
      const service = new LocalService(
        layout,
        flags.debug,
        (line) => void (flags.debug ? say(line) : lines.push(line)),
      );
      handleSignals({ stop: () => service.stop(), hangup: () => service.stop(), toggleDebug: () => {} });
      say("Starting proxy, dispatcher and relay, each a process of its own ...");
      const isReady = await service.start();
      const passed = isReady && await runDemo({
        proxy: { address: SERVICE, port: layout.sipPort },
        domain: SERVICE,
        users: [users[0]!, users[1]!],
        sessions: () =>
          ask({
            host: "127.0.0.1",
            port: layout.managementPort,
            tls: { certsPath: `${directory}/tls`, name: "dispatcher" },
          }, "sessions"),
        jsonlPath: layout.jsonlPath,
        log: quiet(),
        say: (text) => void say(text),
      });
      service.stop();
      if (isReady) await service.ended();
      if (!passed) say(`\nWhat the programs said:\n${lines.join("\n")}`);
      return passed ? 0 : 1;
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  });
}

/** The phones' own log: only what is wrong. */
function quiet(): Logger {
  return withFields(createLog("warning", "text"), { program: "phone" });
}
