/** Kamailio as the edge proxy of a part of the phones, before our proxy, which is their registrar (RFC 3327). @module */
import { askJsonRpc } from "./json_rpc.ts";
import { kamailiosDialogs } from "./kamailio_service.ts";
import { type Lab, SERVER_ADDRESS, STRANGER_ADDRESS } from "./lab.ts";
import { type LabService, MediaService } from "./lab_service.ts";
import { startServer } from "./our_service.ts";
import { programPath } from "./programs.ts";
import { until } from "./until.ts";

/** Where phones find the edge. Its relay is there, too. */
export const EDGE_ADDRESS = STRANGER_ADDRESS;

/** The addresses of the laboratory's servers, which no relay takes for public by itself: they are there for examples. */
const SERVERS = "198.51.100.0/24";

/** Both proxies. */
export interface ChainService extends LabService {
  /** The edge's own dispatcher and relay; it has no use for them unless it runs the module. */
  readonly edgeMedia: MediaService;
}

/**
 * Starts our service, and before it a Kamailio that stays in the dialogs' route and, if it is to, runs its mediaproxy
 * module. Two dispatchers: they know a call by Call-ID and tags, which both proxies see alike.
 */
export async function startChain(lab: Lab, edgeRelays: boolean): Promise<ChainService> {
  await using undo = new AsyncDisposableStack();
  const ours = undo.use(await startServer(lab, { sections: { Relay: { routable_private_ranges: SERVERS } } }));
  const edgeMedia = undo.use(
    await MediaService.start(lab, ({ controlSocket }) => ({
      Relay: { routable_private_ranges: SERVERS },
      Kamailio: { socket_path: controlSocket },
    }), { relayAddress: EDGE_ADDRESS, relaysPort: 25070, managementPort: 25071 }),
  );
  const configPath = `${edgeMedia.directory}/kamailio.cfg`;
  await Deno.writeTextFile(configPath, configuration(edgeMedia, edgeRelays));
  const kamailio = lab.start("kamailio", programPath("kamailio"), [
    ...["-f", configPath, "-P", `${edgeMedia.directory}/kamailio.pid`],
    ...["-DD", "-E", "-m", "64", "-M", "8"],
  ]);
  edgeMedia.programs.push(kamailio);
  await until("Kamailio to answer", () => {
    if (kamailio.status !== undefined) throw new Error(`Cannot start Kamailio\n${kamailio.tail()}`);
    return askJsonRpc(edgeMedia.controlSocket, "core.uptime").catch(() => undefined);
  });
  const started = undo.move();
  return {
    media: ours.media,
    edgeMedia,
    dialogs: async () => [...await ours.dialogs(), ...await kamailiosDialogs(edgeMedia.controlSocket)],
    restart: (signal) => ours.restart(signal),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

function configuration({ dispatcherSocket, controlSocket }: MediaService, relays: boolean): string {
  const modules = [
    ...["tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "usrloc", "nathelper", "path", "dialog", "jsonrpcs"],
    ...(relays ? ["mediaproxy"] : []),
  ];
  return `#!KAMAILIO
debug=1
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:${EDGE_ADDRESS}:5060

${modules.map((module) => `loadmodule "${module}.so"`).join("\n")}

modparam("jsonrpcs", "transport", 4)
modparam("jsonrpcs", "dgram_socket", "${controlSocket}")
modparam("path", "use_received", 1)
modparam("rr", "enable_full_lr", 1)
${relays ? `modparam("mediaproxy", "mediaproxy_socket", "${dispatcherSocket}")` : ""}

request_route {
  force_rport();
  if (!mf_process_maxfwd_header("10")) {
    sl_send_reply("483", "Too Many Hops");
    exit;
  }
  if (is_method("CANCEL")) {
    if (t_check_trans()) t_relay();
    exit;
  }
  if (is_method("INVITE") && src_ip != ${SERVER_ADDRESS}) add_contact_alias();
  t_on_reply("REPLY");
  if (has_totag()) {
    if (!loose_route()) {
      if (is_method("ACK") && t_check_trans()) t_relay();
      exit;
    }
    if ($du == $null) handle_ruri_alias(); # or it is our proxy's alias
    t_relay();
    exit;
  }
  if (src_ip == ${SERVER_ADDRESS}) {
    loose_route(); # the Path that the phone registered with
  } else {
    remove_hf("Route"); # the phones' outbound proxy: ourselves
    if (is_method("REGISTER")) add_path_received();
    $du = "sip:${SERVER_ADDRESS}:5060";
  }
  if (!is_method("REGISTER")) record_route();
  if (is_method("INVITE")) {
    ${relays ? "engage_media_proxy();" : ""}
    dlg_manage();
  }
  t_relay();
}

onreply_route[REPLY] {
  if (src_ip != ${SERVER_ADDRESS}) add_contact_alias();
}
`;
}
