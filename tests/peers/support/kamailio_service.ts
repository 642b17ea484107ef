/** Kamailio as registrar and proxy in the laboratory, with its mediaproxy module and our dispatcher and relay. @module */
import { askJsonRpc } from "./json_rpc.ts";
import { type Lab, SERVER_ADDRESS } from "./lab.ts";
import { type LabService, MediaService } from "./lab_service.ts";
import type { PeerProcess } from "./process.ts";
import { programPath } from "./programs.ts";
import { until } from "./until.ts";

const DIALOG_DELETED = 5;

/** Starts dispatcher, relay and Kamailio, which takes every phone for who it says it is; UDP only. */
export async function startKamailioService(lab: Lab): Promise<LabService> {
  const media = await MediaService.start(lab, ({ controlSocket }) => ({ Kamailio: { socket_path: controlSocket } }));
  const startKamailio = async () => {
    const kamailio = lab.start("kamailio", programPath("kamailio"), [
      ...["-f", `${media.directory}/kamailio.cfg`, "-P", `${media.directory}/kamailio.pid`],
      ...["-DD", "-E", "-m", "64", "-M", "8"],
    ]);
    media.programs.push(kamailio);
    await until("Kamailio to answer", () => {
      if (kamailio.status !== undefined) throw new Error(`Cannot start Kamailio\n${kamailio.tail()}`);
      return askJsonRpc(media.controlSocket, "core.uptime").catch(() => undefined);
    });
    return kamailio;
  };
  let kamailio: PeerProcess;
  try {
    await Deno.writeTextFile(`${media.directory}/kamailio.cfg`, configuration(media));
    kamailio = await startKamailio();
  } catch (error) {
    await media[Symbol.asyncDispose]();
    throw error;
  }
  return {
    media,
    dialogs: () => kamailiosDialogs(media.controlSocket),
    async restart(signal) {
      kamailio.signal(signal);
      await kamailio.ended();
      kamailio = await startKamailio();
    },
    [Symbol.asyncDispose]: () => media[Symbol.asyncDispose](),
  };
}

/** The dialogs that a Kamailio has, without those that are over: it keeps them for some seconds more. */
export async function kamailiosDialogs(controlSocket: string): Promise<unknown[]> {
  const dialogs = await askJsonRpc(controlSocket, "dlg.list") as { state: number }[];
  return dialogs.filter(({ state }) => state !== DIALOG_DELETED);
}

function configuration({ dispatcherSocket, controlSocket }: MediaService): string {
  const modules = [
    ...["tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "xlog", "usrloc", "registrar", "nathelper"],
    ...["dialog", "jsonrpcs", "mediaproxy"],
  ];
  return `#!KAMAILIO
debug=1
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:${SERVER_ADDRESS}:5060

${modules.map((module) => `loadmodule "${module}.so"`).join("\n")}

modparam("jsonrpcs", "transport", 4)
modparam("jsonrpcs", "dgram_socket", "${controlSocket}")
modparam("mediaproxy", "mediaproxy_socket", "${dispatcherSocket}")
modparam("registrar|nathelper", "received_avp", "$avp(RECEIVED)")

request_route {
  force_rport();
  if (is_method("CANCEL")) {
    if (t_check_trans()) t_relay();
    exit;
  }
  if (is_method("REGISTER")) {
    fix_nated_register();
    if (!save("location")) sl_reply_error();
    exit;
  }
  if (is_method("INVITE")) add_contact_alias();
  t_on_reply("REPLY");
  if (has_totag()) {
    if (!loose_route()) {
      if (is_method("ACK") && t_check_trans()) t_relay();
      exit;
    }
    handle_ruri_alias();
    t_relay();
    exit;
  }
  remove_hf("Route"); # the phones' outbound proxy: ourselves
  record_route();
  if (!lookup("location")) {
    sl_send_reply("480", "Temporarily Unavailable");
    exit;
  }
  if (is_method("INVITE")) {
    engage_media_proxy();
    dlg_manage();
  }
  t_relay();
}

onreply_route[REPLY] {
  add_contact_alias();
}
`;
}
