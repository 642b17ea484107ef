/**
 * The test laboratory: an internet of network namespaces, with a server and with homes whose phones live behind NATs.
 *
 * ```text
 * public           198.51.100.10, .11, .20   2001:db8::10, ::11, ::20
 *   |
 * internet         a bridge that routes      198.51.100.1, 203.0.113.1, 2001:db8::1
 *   |        |
 * router1  router2 ...   wan 203.0.113.10 and .110, 2001:db8::a:1   lan 192.168.1.1, 2001:db8:1::1
 *   |        |
 * home1    home2   ...   eth0 192.168.1.2, .3, ...                  2001:db8:1::2, ...
 * ```
 *
 * Nothing of it touches the system's own network. One namespace holds all phones of a home: they differ by address.
 * @module
 */
import { configure, NAMESPACE_PREFIX, removeLeftovers, removeNamespace, run, setParameters } from "./lab_commands.ts";
import { firewallRules, lossRules, type NatKind, natRules } from "./nat.ts";
import { PeerProcess } from "./process.ts";
import { programPath } from "./programs.ts";

/** The addresses of the public host. */
export const SERVER_ADDRESS = "198.51.100.10";
export const SERVER_ADDRESS_6 = "2001:db8::10";
export const RELAY_ADDRESS = "198.51.100.20";
export const RELAY_ADDRESS_6 = "2001:db8::20";
/** Another address of the public host, for strangers. */
export const STRANGER_ADDRESS = "198.51.100.11";
export const STRANGER_ADDRESS_6 = "2001:db8::11";

const MAX_HOMES = 90;

const namespaces = new Set<string>();
// A run that ends abnormally must not leave namespaces behind.
globalThis.addEventListener("unload", () => namespaces.forEach(removeNamespace));
let labs = 0;

/** How a home is built. */
export interface HomeOptions {
  readonly nat: NatKind;
  /** How many phones have an address there. @default 1 */
  readonly phones?: number;
  /** Whether its phones have IPv6. @default true */
  readonly ipv6?: boolean;
}

/** The laboratory. */
export class Lab implements AsyncDisposable {
  readonly #prefix = `${NAMESPACE_PREFIX}${++labs}`;
  /** The namespace of the public host. */
  readonly publicHost = `${this.#prefix}-public`;
  readonly #internet = `${this.#prefix}-internet`;
  readonly #namespaces: string[] = [];
  #homes = 0;

  private constructor() {}

  /** Builds the public part. */
  static async start(): Promise<Lab> {
    removeLeftovers();
    const lab = new Lab();
    try {
      await lab.#build();
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
    return lab;
  }

  /** Builds one more home. */
  async addHome(options: HomeOptions): Promise<Home> {
    if (this.#homes >= MAX_HOMES) throw new Error(`Cannot build more than ${MAX_HOMES} homes: there are no addresses`);
    const number = ++this.#homes;
    const home = new Home(this.#prefix, number, options);
    await this.#add(home.router, home.namespace);
    await configure(this.#internet, [
      `link add home${number} type veth peer name wan netns ${home.router}`,
      `link set home${number} master internet up`,
      `route add 2001:db8:${number}::/64 via 2001:db8::a:${number}`,
    ]);
    await configure(home.router, [
      `link add lan type veth peer name eth0 netns ${home.namespace}`,
      ...["wan", "lan"].map((link) => `link set ${link} up`),
      ...home.publicAddresses.map((address) => `addr add ${address}/24 dev wan`),
      `addr add 2001:db8::a:${number}/64 dev wan`,
      `addr add 192.168.${number}.1/24 dev lan`,
      `addr add 2001:db8:${number}::1/64 dev lan`,
      "route add default via 203.0.113.1",
      "route add 2001:db8::/32 via 2001:db8::1",
    ]);
    await configure(home.namespace, [
      "link set eth0 up",
      ...home.phoneAddresses.map((address) => `addr add ${address}/24 dev eth0`),
      ...home.phoneAddresses6.map((address) => `addr add ${address}/64 dev eth0`),
      `route add default via 192.168.${number}.1`,
      ...(home.phoneAddresses6.length > 0 ? [`route add default via 2001:db8:${number}::1`] : []),
    ]);
    await home.load(firewallRules(options.nat));
    await home.load(home.rules());
    return home;
  }

  /** Starts a program on the public host. */
  start(name: string, command: string, args: readonly string[], options: { cwd?: string } = {}): PeerProcess {
    return startIn(this.publicHost, name, command, args, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#namespaces.splice(0)) {
      removeNamespace(name);
      namespaces.delete(name);
    }
    await Promise.resolve();
  }

  async #add(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      this.#namespaces.push(name);
      namespaces.add(name);
      await addNamespace(name);
    }
  }

  async #build(): Promise<void> {
    await this.#add(this.#internet, this.publicHost);
    await configure(this.#internet, [
      // With an address of its own. Else it has the lowest of its ports', which may be another one when a home is added,
      // and Linux 6.18 drops what comes to the one before, unless through the port that has it: most of what others send
      // by way of the bridge for as long as they believe what they know of it, half a minute for IPv6.
      "link add internet address 02:00:00:00:00:01 type bridge",
      "link set internet up",
      `link add public type veth peer name eth0 netns ${this.publicHost}`,
      "link set public master internet up",
      ...["198.51.100.1/24", "203.0.113.1/24", "2001:db8::1/64"].map((address) => `addr add ${address} dev internet`),
    ]);
    const addresses = [SERVER_ADDRESS, STRANGER_ADDRESS, RELAY_ADDRESS];
    const addresses6 = [SERVER_ADDRESS_6, STRANGER_ADDRESS_6, RELAY_ADDRESS_6];
    await configure(this.publicHost, [
      "link set eth0 up",
      ...addresses.map((address) => `addr add ${address}/24 dev eth0`),
      // A source address that nobody chose is the first one's: the kernel prefers the address that was added last.
      ...addresses6.toReversed().map((address) => `addr add ${address}/64 dev eth0`),
      "route add default via 198.51.100.1",
      "route add default via 2001:db8::1",
    ]);
  }
}

/** A home: a router with a NAT, and phones behind it. */
export class Home {
  readonly nat: NatKind;
  readonly router: string;
  /** The namespace of the phones. */
  readonly namespace: string;
  /** Private, by IPv4. */
  readonly phoneAddresses: readonly string[];
  readonly phoneAddresses6: readonly string[];
  /** The address in use is the first one until the home has moved. */
  readonly publicAddresses: readonly [string, string];
  #generation = 0;
  #moved = false;

  /** Use {@linkcode Lab.addHome}. */
  constructor(prefix: string, number: number, { nat, phones = 1, ipv6 = true }: HomeOptions) {
    this.nat = nat;
    this.router = `${prefix}-router${number}`;
    this.namespace = `${prefix}-home${number}`;
    const hosts = Array.from({ length: phones }, (_, index) => 2 + index);
    this.phoneAddresses = hosts.map((host) => `192.168.${number}.${host}`);
    this.phoneAddresses6 = ipv6 ? hosts.map((host) => `2001:db8:${number}::${host}`) : [];
    this.publicAddresses = [`203.0.113.${9 + number}`, `203.0.113.${109 + number}`];
  }

  /** What the world sees. */
  get publicAddress(): string {
    return this.publicAddresses[this.#moved ? 1 : 0];
  }

  /** All UDP mappings move to other ports of the same address, as after a router's restart. TCP goes on. */
  async rebind(): Promise<void> {
    this.#generation++;
    await this.load(this.rules());
    await this.#forget(["-p", "udp"]);
  }

  /** The home gets the other public address, as after a reconnection of its line. No TCP connection survives it. */
  async move(): Promise<void> {
    this.#moved = !this.#moved;
    await this.load(this.rules());
    await this.#forget([]);
  }

  /** From now on the line loses this share of all UDP datagrams, in both directions. */
  async lose(percent: number): Promise<void> {
    await this.load(lossRules(percent));
  }

  /** The NAT forgets UDP mappings that are idle for so long; those made before this was asked keep their time. */
  async forgetAfter(seconds: number): Promise<void> {
    await setParameters(this.router, {
      "net/netfilter/nf_conntrack_udp_timeout": seconds,
      "net/netfilter/nf_conntrack_udp_timeout_stream": seconds,
    });
  }

  /** Starts a program where the phones are. */
  start(name: string, command: string, args: readonly string[], options: { cwd?: string } = {}): PeerProcess {
    return startIn(this.namespace, name, command, args, options);
  }

  /** Loads rules into the router's nftables. */
  async load(rules: string): Promise<void> {
    await run("ip", ["netns", "exec", this.router, programPath("nft"), "-f", "-"], rules);
  }

  /** The rules of the NAT as it is now. */
  rules(): string {
    return natRules({
      kind: this.nat,
      publicAddress: this.publicAddress,
      phones: this.phoneAddresses,
      generation: this.#generation,
    });
  }

  async #forget(which: readonly string[]): Promise<void> {
    try {
      await run("ip", ["netns", "exec", this.router, programPath("conntrack"), "-D", "-f", "ipv4", ...which]);
    } catch (error) {
      // There was nothing to forget.
      if (!(error instanceof Error && error.message.includes("0 flow entries"))) throw error;
    }
  }
}

async function addNamespace(name: string): Promise<void> {
  await run("ip", ["netns", "add", name]);
  await setParameters(name, {
    "net/ipv4/ip_forward": 1,
    "net/ipv6/conf/all/forwarding": 1,
    // No wait for duplicate addresses: there are none.
    "net/ipv6/conf/all/accept_dad": 0,
    "net/ipv6/conf/default/accept_dad": 0,
  });
  await configure(name, ["link set lo up"]);
}

function startIn(
  namespace: string,
  name: string,
  command: string,
  args: readonly string[],
  options: { cwd?: string },
): PeerProcess {
  return new PeerProcess(name, programPath("ip"), ["netns", "exec", namespace, command, ...args], options);
}
