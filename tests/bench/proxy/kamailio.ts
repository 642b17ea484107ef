/** Kamailio as a subject: two workers, and the least script that does what ours does. @module */
import { freeUdpPort, isBoundUdpPort } from "../../peers/support/ports.ts";
import { PeerProcess } from "../../peers/support/process.ts";
import { findProgram, programPath } from "../../peers/support/programs.ts";
import { until } from "../../peers/support/until.ts";
import { startPrograms } from "../support/our_programs.ts";
import { CALLEE_ADDRESS, MEDIA_PORTS, type Module, type ProxySubject, type ProxySubjectOptions } from "./subject.ts";

export const KAMAILIO = "Kamailio";

const WORKERS = 2;
/** A transaction is kept for seconds after its end, so the 64 MB that Kamailio takes by itself do not last at these rates. */
const SHARED_MEGABYTES = 1024;
const PRIVATE_MEGABYTES = 16;

/** Whether it is installed. */
export function hasKamailio(): boolean {
  return findProgram("kamailio") !== undefined;
}

/** Starts Kamailio. */
export async function startKamailio({ module, calleePort }: ProxySubjectOptions): Promise<ProxySubject> {
  await using undo = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "proxy-bench-" });
  undo.defer(() => Deno.remove(directory, { recursive: true }));
  const programs = module === "none"
    ? undefined
    : undo.use(await startPrograms({ portRange: MEDIA_PORTS.kamailio, portRestTimeSeconds: 0 }));
  const port = freeUdpPort();
  const configPath = `${directory}/kamailio.cfg`;
  Deno.writeTextFileSync(configPath, configuration(module, port, calleePort, programs?.socketPath));
  const process = undo.use(
    new PeerProcess(KAMAILIO, programPath("kamailio"), [
      ...["-f", configPath, "-P", `${directory}/kamailio.pid`, "-DD", "-E"], // in the foreground, log to stderr
      ...["-m", `${SHARED_MEGABYTES}`, "-M", `${PRIVATE_MEGABYTES}`],
    ], { cwd: directory }),
  );
  await until(() => `${KAMAILIO} to listen\n${process.tail()}`, () => isBoundUdpPort(port));
  const owned = undo.move();
  return {
    name: KAMAILIO,
    port,
    process,
    programs,
    collectedHeapBytes: () => Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function configuration(module: Module, port: number, calleePort: number, dispatcherSocket: string | undefined): string {
  const modules = ["tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils"];
  if (module !== "none") modules.push("dialog", "mediaproxy");
  return `#!KAMAILIO
debug=0
children=${WORKERS}
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:${port}

${modules.map((name) => `loadmodule "${name}.so"`).join("\n")}
${dispatcherSocket === undefined ? "" : `modparam("mediaproxy", "mediaproxy_socket", "${dispatcherSocket}")`}

request_route {
  if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("CANCEL")) {
    if (t_check_trans()) t_relay();
    exit;
  }
  if (has_totag()) {
    if (!loose_route()) {
      if (is_method("ACK") && t_check_trans()) t_relay();
      exit;
    }
${module === "use" ? IN_DIALOG_USE : ""}
    t_relay();
    exit;
  }
  record_route();
${INITIAL[module]}
  rewritehostport("${CALLEE_ADDRESS}:${calleePort}");
  t_relay();
}
${module === "use" ? REPLY_USE : ""}`;
}

const INITIAL: Readonly<Record<Module, string>> = {
  none: "",
  engage: `  if (is_method("INVITE")) { engage_media_proxy(); dlg_manage(); }`,
  use: `  if (is_method("INVITE")) { use_media_proxy(); t_on_reply("MEDIA"); t_on_failure("ENDED"); }`,
};

const IN_DIALOG_USE = `
    if (is_method("BYE")) end_media_session();
    if (is_method("INVITE|ACK|UPDATE") && has_body("application/sdp")) use_media_proxy();
    t_on_reply("MEDIA");`;

const REPLY_USE = `
onreply_route[MEDIA] { if (has_body("application/sdp")) use_media_proxy(); }
failure_route[ENDED] { end_media_session(); }
`;
