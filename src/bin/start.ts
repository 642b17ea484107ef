/**
 * Everything on this host for a first try: makes certificates, users and a configuration, starts proxy, dispatcher and
 * relay as processes of their own with their own permission sets, and says how to point phones at them.
 *
 * ```sh
 * deno task start
 * ```
 * @module
 */
import { bracketed } from "../control/media_header.ts";
import { systemRandom } from "../io/random.ts";
import { defaultAddress } from "../io/default_address.ts";
import { type LocalLayout, LocalService, type LocalUser, prepareLocalService } from "../io/local_service.ts";
import { handleSignals, runProgram, say, StartError } from "../io/program.ts";
import { randomHex } from "../env/random.ts";

const USER_NAMES = ["alice", "bob"];

if (import.meta.main) {
  await runProgram({
    name: "start",
    summary: "Runs proxy, dispatcher and relay on this host, with users and a configuration made on the spot.",
    extra: {
      "address": {
        kind: "string",
        placeholder: "ADDRESS",
        help: "serve SIP and carry media on this address of the host",
      },
    },
  }, async ({ flags, paths }) => {
    const directory = absolute(flags.runtimeDir === undefined ? defaultDirectory() : paths.runtimeDir);
    const users = USER_NAMES.map((name) => ({ name, password: randomHex(systemRandom, 6) }));
    const layout = await prepareLocalService({
      directory,
      address: flags.extra.address ?? defaultAddress() ?? "127.0.0.1",
      users,
      directNetworks: "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 127.0.0.0/8", // phones on this network and this host
      debug: flags.debug,
      say: (text) => void say(`start: ${text}`),
    });
    const service = new LocalService(layout, flags.debug);
    const stop = () => service.stop();
    handleSignals({ stop, hangup: stop, toggleDebug: () => service.signal("SIGUSR2") });
    if (await service.start()) say(nextSteps(layout, users));
    const { code, byItself } = await service.ended();
    if (byItself) say("start: a program has ended by itself, its last lines say why; everything is stopped");
    return byItself ? code || 1 : 0;
  });
}

/** Below the user's own directories; what lies there may be deleted whenever nothing runs. */
function defaultDirectory(): string {
  const base = Deno.env.get("XDG_RUNTIME_DIR") ?? Deno.env.get("HOME");
  if (!base) throw new StartError("Cannot choose a runtime directory: HOME is not set; give --runtime-dir DIR");
  return `${base}/.mediaproxy`;
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}

function nextSteps(layout: LocalLayout, users: readonly LocalUser[]): string {
  const { address, sipPort, configFile, jsonlPath, dispatcherSocket } = layout;
  const server = `${bracketed(address)}${sipPort === 5060 ? "" : `:${sipPort}`}`;
  const accounts = users.map(({ name, password }) =>
    `     ${name.padEnd(10)} password ${password}   sip:${name}@${bracketed(address)}`
  );
  return `
Proxy, dispatcher and relay are running. SIP is served on ${server} (UDP and TCP); media goes through ${
    bracketed(address)
  }.

1. Set up two softphones (Linphone, baresip, Zoiper, a desk phone ...), each with one of the accounts:
${accounts.join("\n")}
     domain / registrar / proxy: ${server}
     transport UDP or TCP, no STUN, no ICE needed
2. Call one from the other: dial ${users[1]!.name}, or ${users[0]!.name}.
3. Look at who is registered, at the call while it is up, and at the relay:
     deno task ctl phones --config ${configFile}
     deno task ctl sessions --config ${configFile}
     deno task ctl summary --config ${configFile}
   Ended calls are written to ${jsonlPath}

Have you a Kamailio or OpenSIPS already? It can use the dispatcher and the relay, without our proxy:
     modparam("mediaproxy", "mediaproxy_socket", "${dispatcherSocket}")

Stop with Ctrl-C. README.md says how to run the programs one by one, and on many hosts.
`;
}
