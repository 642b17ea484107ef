/** The directory from which baresip reads what it is to be. @module */
import type { Home } from "./lab.ts";
import { PHONE_RTP_PORTS, PHONE_SIP_PORT } from "./nat.ts";
import { writeTone } from "./recording.ts";

/** The control port of a home's first phone; the others' follow. */
export const CONTROL_PORT = 4444;

const MODULE_DIRECTORIES = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules", "/usr/lib64/baresip/modules"];

/** Who a phone is, and how it gets to its server. */
export interface BaresipAccount {
  /** Where its files go; made if it is not there. */
  readonly directory: string;
  readonly user: string;
  readonly password: string;
  readonly domain: string;
  /** The outbound proxy: a literal address, IPv6 in brackets, with `:port` if that is not the transport's own. */
  readonly server: string;
  readonly transport: "udp" | "tcp" | "tls";
  readonly family: "IPv4" | "IPv6";
  /** Which of the home's addresses the phone has, counting from 0. */
  readonly phone: number;
  /** What the phone plays into its calls. */
  readonly toneHz: number;
  /** The certificate authority whose servers it trusts. */
  readonly caFile?: string;
  /** For how long the registration asks to live. @default 600 */
  readonly expiresSeconds?: number;
  /** For how long it lets an incoming call ring. @default 60 */
  readonly ringSeconds?: number;
}

/** Writes what a phone of this account needs. */
export async function writeBaresipFiles(home: Home, account: BaresipAccount): Promise<void> {
  const { directory } = account;
  await Deno.mkdir(directory, { recursive: true });
  await writeTone(`${directory}/tone.wav`, account.toneHz);
  await Deno.writeTextFile(`${directory}/accounts`, "");
  await Deno.writeTextFile(`${directory}/contacts`, "");
  await Deno.writeTextFile(`${directory}/config`, configuration(home, account));
}

/** An account as baresip writes it. */
export function accountLine(account: BaresipAccount): string {
  const parameters = [
    `auth_user=${account.user}`,
    `auth_pass=${account.password}`,
    `outbound="sip:${account.server};transport=${account.transport}"`,
    `regint=${account.expiresSeconds ?? 600}`,
    "answermode=manual",
    "audio_codecs=PCMU/8000/1",
  ];
  return `<sip:${account.user}@${account.domain};transport=${account.transport}>;${parameters.join(";")}`;
}

function configuration(home: Home, account: BaresipAccount): string {
  const { directory, phone, family } = account;
  const address = family === "IPv6" ? `[${home.phoneAddresses6[phone]!}]` : home.phoneAddresses[phone]!;
  const [firstPort, lastPort] = PHONE_RTP_PORTS;
  const lines = [
    `module_path ${moduleDirectory()}`,
    ...["g711", "aufile", "sndfile"].map((module) => `module ${module}.so`),
    ...["account", "contact", "menu", "ctrl_tcp"].map((module) => `module_app ${module}.so`),
    `ctrl_tcp_listen 127.0.0.1:${CONTROL_PORT + phone}`,
    `sip_listen ${address}:${PHONE_SIP_PORT}`,
    ...(account.caFile === undefined ? [] : [`sip_cafile ${account.caFile}`]),
    `net_interface ${address.replaceAll(/[[\]]/g, "")}`,
    `net_prefer_ipv6 ${family === "IPv6" ? "yes" : "no"}`,
    `rtp_ports ${firstPort}-${lastPort}`,
    `call_local_timeout ${account.ringSeconds ?? 60}`,
    `snd_path ${directory}`,
    `audio_path ${directory}`,
    // No sound hardware: what is played comes from a file, what is heard goes into one.
    `audio_source aufile,${directory}/tone.wav`,
    "audio_player none",
    "audio_alert none",
    ...["audio_srate 8000-8000", "ausrc_srate 8000", "auplay_srate 8000"],
    ...["audio_channels 1-1", "ausrc_channels 1", "auplay_channels 1"],
    "statmode_default off",
  ];
  return `${lines.join("\n")}\n`;
}

function moduleDirectory(): string {
  const found = MODULE_DIRECTORIES.find((directory) => {
    try {
      return Deno.statSync(directory).isDirectory;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`Cannot find baresip's modules in ${MODULE_DIRECTORIES.join(", ")}`);
  return found;
}
