/** Our proxy in the laboratory, as an operator would set it up for the users of one domain. @module */
import { type Lab, SERVER_ADDRESS, SERVER_ADDRESS_6 } from "./lab.ts";
import { DOMAIN, type LabService, MediaService, type Sections, SERVER_NAME } from "./lab_service.ts";
import type { PeerProcess } from "./process.ts";
import { askJsonRpc } from "./json_rpc.ts";

/** How often phones behind a NAT get a packet. */
export const NAT_PING_SECONDS = 1;

/** How many users there are: every phone of a test file is another. */
const USERS = 99;

/** What differs from the usual configuration. */
export interface OurServiceOptions {
  readonly sections?: Sections;
}

/** The name and the password of one of the users, counted from 1. Interop: baresip cannot have a space in a password. */
export function userOf(number: number): { user: string; password: string } {
  if (number > USERS) throw new Error(`Cannot name user ${number}: there are ${USERS}`);
  return { user: `user${number}`, password: `secret-of-user-${number}` };
}

/** Starts dispatcher, relay and proxy; resolves once phones can register. */
export async function startServer(lab: Lab, options: OurServiceOptions = {}): Promise<LabService> {
  const media = await MediaService.start(lab, (service) => sections(service, options));
  const startProxy = () =>
    media.startProgram("proxy", [
      ...["src/bin/proxy.ts", "--config", media.configPath, "--runtime-dir", media.directory],
    ]);
  let proxy: PeerProcess;
  try {
    await writeUsers(`${media.directory}/users.txt`);
    proxy = await startProxy();
  } catch (error) {
    await media[Symbol.asyncDispose]();
    throw error;
  }
  return {
    media,
    dialogs: async () => (await askJsonRpc(media.controlSocket, "dlg_list") as { Dialogs: unknown[] }).Dialogs,
    async restart(signal) {
      proxy.signal(signal);
      await proxy.ended();
      proxy = await startProxy();
    },
    [Symbol.asyncDispose]: () => media[Symbol.asyncDispose](),
  };
}

function sections({ directory, dispatcherSocket, controlSocket }: MediaService, options: OurServiceOptions): Sections {
  const { Proxy, MediaProxy, ...others } = options.sections ?? {};
  const [v4, v6] = [SERVER_ADDRESS, `[${SERVER_ADDRESS_6}]`];
  return {
    Proxy: {
      listen: [v4, v6].flatMap((address) => ["udp", "tcp", "tls"].map((transport) => `${transport}:${address}`)).join(
        ", ",
      ),
      domains: `${DOMAIN}, ${SERVER_NAME}`,
      users: `${directory}/users.txt`,
      state_dir: directory,
      control_socket: controlSocket,
      tls_certificate: `${directory}/tls/sip.crt`,
      tls_key: `${directory}/tls/sip.key`,
      tls_ca: `${directory}/tls/ca.pem`,
      min_expires: 1,
      nat_ping_interval: NAT_PING_SECONDS,
      ...Proxy,
    },
    MediaProxy: { mediaproxy_socket: dispatcherSocket, ...MediaProxy },
    OpenSIPS: { socket_path: controlSocket },
    ...others,
  };
}

async function writeUsers(path: string): Promise<void> {
  const lines = Array.from({ length: USERS }, (_, index) => userOf(1 + index))
    .map(({ user, password }) => `${user}:${password}\n`);
  await Deno.writeTextFile(path, lines.join(""), { mode: 0o600 });
}
