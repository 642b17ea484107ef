/** Kamailio with its mediaproxy module, as an operator would run it. @module */
import { freeUdpPort } from "./ports.ts";
import { PeerProcess } from "./process.ts";
import { programPath } from "./programs.ts";
import { DeadlineError, until } from "./until.ts";

/** The two ways to use the module: for single messages, or for the whole dialog. */
export const STYLES = ["use", "engage"] as const;

export type Style = (typeof STYLES)[number];

export interface KamailioOptions {
  readonly style: Style;
  /** The dispatcher's Unix socket. */
  readonly dispatcherSocket: string;
  /** Where its configuration and sockets go. */
  readonly directory: string;
  /** The Unix datagram socket on which it takes JSON-RPC. */
  readonly rpcSocket: string;
}

/** A running Kamailio. It sends each call where the Request-URI says. */
export class Kamailio implements AsyncDisposable {
  readonly style: Style;
  readonly port: number;
  readonly process: PeerProcess;

  private constructor(style: Style, port: number, process: PeerProcess) {
    this.style = style;
    this.port = port;
    this.process = process;
  }

  /** Resolves once it answers on its SIP port. The dispatcher has to be there already: each worker connects at start. */
  static async start(options: KamailioOptions): Promise<Kamailio> {
    const { style, directory } = options;
    const port = freeUdpPort();
    const configPath = `${directory}/kamailio-${style}.cfg`;
    Deno.writeTextFileSync(configPath, configuration(options, port));
    const process = new PeerProcess(`kamailio (${style})`, programPath("kamailio"), [
      ...["-f", configPath, "-P", `${directory}/kamailio-${style}.pid`],
      ...["-DD", "-E", "-m", "64", "-M", "8"], // in the foreground, log to stderr, 64 MB shared and 8 MB per process
    ], { cwd: directory });
    try {
      await answersOptions(port, process);
    } catch (error) {
      await process.stop();
      throw new Error(`Cannot start Kamailio\n${process.tail()}`, { cause: error });
    }
    return new Kamailio(style, port, process);
  }

  /** Waits for the line in which the script says how `end_media_session()` went (use style only). */
  removal(callId: string): Promise<string> {
    return this.process.line(new RegExp(`end_media_session ${callId} `));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.process[Symbol.asyncDispose]();
  }
}

/** Asks Kamailio again and again until it answers: its log does not say when its workers listen. */
async function answersOptions(port: number, process: PeerProcess): Promise<void> {
  const hostname = "127.0.0.1";
  const ownPort = freeUdpPort();
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port: ownPort });
  let answered = false;
  const answer = socket.receive().then(() => answered = true, () => undefined);
  let attempt = 0;
  try {
    await until(`${process.name} to answer OPTIONS`, async () => {
      if (process.status !== undefined) throw new DeadlineError(`Cannot wait for ${process.name}: it ended`);
      const request = [
        `OPTIONS sip:127.0.0.1:${port} SIP/2.0`,
        `Via: SIP/2.0/UDP ${hostname}:${ownPort};branch=z9hG4bK-ready-${++attempt}`,
        `From: <sip:test@${hostname}>;tag=ready`,
        `To: <sip:${hostname}>`,
        `Call-ID: ready-${ownPort}`,
        `CSeq: ${attempt} OPTIONS`,
        "Max-Forwards: 10",
        "Content-Length: 0",
        "\r\n",
      ].join("\r\n");
      if (!answered) await socket.send(new TextEncoder().encode(request), { transport: "udp", hostname, port });
      return answered;
    });
  } finally {
    socket.close();
    await answer;
  }
}

function configuration(options: KamailioOptions, port: number): string {
  return `#!KAMAILIO
debug=1
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:${port}

${
    ["tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "xlog", "dialog", "jsonrpcs", "mediaproxy"]
      .map((module) => `loadmodule "${module}.so"`).join("\n")
  }

modparam("jsonrpcs", "transport", 4)
modparam("jsonrpcs", "dgram_socket", "${options.rpcSocket}")
modparam("mediaproxy", "mediaproxy_socket", "${options.dispatcherSocket}")
modparam("mediaproxy", "ice_candidate", "low-priority")

${options.style === "use" ? USE_ROUTES : ENGAGE_ROUTES}`;
}

/** What every script needs, and the module's AVPs for tests that name a relay or a signalling address in a header. */
const PREFACE = `
  if (is_method("OPTIONS") && !has_totag()) { sl_send_reply("200", "OK"); exit; }
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_present_hf("X-Media-Relay")) $avp(s:media_relay) = $hdr(X-Media-Relay);
  if (is_present_hf("X-Signaling-IP")) $avp(s:signaling_ip) = $hdr(X-Signaling-IP);`;

/** Everything by hand: the module is called for each message. */
const USE_ROUTES = `
request_route {${PREFACE}
  if (is_method("CANCEL")) {
    route(END_MEDIA);
    if (t_check_trans()) t_relay();
    exit;
  }
  if (has_totag()) {
    if (!loose_route()) {
      if (is_method("ACK") && t_check_trans()) t_relay();
      exit;
    }
    if (is_method("BYE")) route(END_MEDIA);
    if (is_method("INVITE|ACK|UPDATE") && has_body("application/sdp")) use_media_proxy();
    t_on_reply("ANSWER");
    t_relay();
    exit;
  }
  record_route();
  if (is_method("INVITE")) {
    use_media_proxy();
    if ($rc == -1) { # -2 is an INVITE without SDP
      sl_send_reply("503", "No Media Relay");
      exit;
    }
    t_on_reply("ANSWER");
    t_on_failure("FAILED");
  }
  t_relay();
}

route[END_MEDIA] {
  if (end_media_session()) {
    xlog("L_NOTICE", "end_media_session $ci removed\\n");
  } else {
    xlog("L_NOTICE", "end_media_session $ci error\\n");
  }
}

onreply_route[ANSWER] {
  if (has_body("application/sdp")) use_media_proxy();
}

failure_route[FAILED] {
  route(END_MEDIA);
}
`;

/** Engaged once, and everything else is the module's. */
const ENGAGE_ROUTES = `
request_route {${PREFACE}
  if (is_method("CANCEL")) {
    if (t_check_trans()) t_relay();
    exit;
  }
  if (has_totag()) {
    if (!loose_route()) {
      if (is_method("ACK") && t_check_trans()) t_relay();
      exit;
    }
    t_relay();
    exit;
  }
  record_route();
  if (is_method("INVITE")) {
    engage_media_proxy();
    dlg_manage();
  }
  t_relay();
}
`;
