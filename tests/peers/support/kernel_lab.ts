/**
 * Three namespaces for the relay's kernel path: a host with the relay between two phones, on interfaces of their own.
 *
 * ```text
 * caller                         relay                                  callee
 *   eth0 10.77.1.2, .3   <->   left 10.77.1.1   right 10.77.2.1   <->   eth0 10.77.2.2
 *        fd77:1::2             fd77:1::1        fd77:2::1               fd77:2::2
 * ```
 * The relay's sockets are on the left address.
 * @module
 */
import { Agent } from "./agent.ts";
import { configure, NAMESPACE_PREFIX, removeLeftovers, removeNamespace, run, setParameters } from "./lab_commands.ts";
import type { Arrivals, Burst } from "./phone_agent.ts";
import { findProgram, programPath } from "./programs.ts";

export const RELAY_4 = "10.77.1.1";
export const RELAY_6 = "fd77:1::1";
export const CALLER_4 = "10.77.1.2";
export const CALLEE_4 = "10.77.2.2";
export const CALLER_6 = "fd77:1::2";
export const CALLEE_6 = "fd77:2::2";

const namespaces = new Set<string>();
globalThis.addEventListener("unload", () => namespaces.forEach(removeNamespace));
let labs = 0;

/** A phone in a namespace of its own. */
export class KernelPhone {
  readonly agent: Agent;

  constructor(namespace: string) {
    this.agent = new Agent(namespace, "phone_agent.ts");
  }

  open(hostname: string, port: number): Promise<void> {
    return this.agent.do("open", { hostname, port });
  }

  send(burst: Burst): Promise<void> {
    return this.agent.do("send", burst);
  }

  arrived(port: number): Promise<Arrivals> {
    return this.agent.do("arrived", { port });
  }
}

/** The namespaces, with forwarding on and no firewall. */
export class KernelLab implements AsyncDisposable {
  readonly #prefix = `${NAMESPACE_PREFIX}k${++labs}`;
  /** Where the relay is. */
  readonly host = `${this.#prefix}-host`;
  readonly callerHost = `${this.#prefix}-caller`;
  readonly calleeHost = `${this.#prefix}-callee`;

  private constructor() {}

  static async start(): Promise<KernelLab> {
    removeLeftovers();
    const lab = new KernelLab();
    try {
      await lab.#build();
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
    return lab;
  }

  async #build(): Promise<void> {
    for (const name of [this.host, this.callerHost, this.calleeHost]) {
      namespaces.add(name);
      await run("ip", ["netns", "add", name]);
      await setParameters(name, {
        "net/ipv4/ip_forward": 1,
        "net/ipv6/conf/all/forwarding": 1,
        "net/ipv6/conf/all/accept_dad": 0,
        "net/ipv6/conf/default/accept_dad": 0,
      });
      await configure(name, ["link set lo up"]);
    }
    const sides = [["left", this.callerHost, 1], ["right", this.calleeHost, 2]] as const;
    for (const [link, phone, number] of sides) {
      await configure(this.host, [
        `link add ${link} type veth peer name eth0 netns ${phone}`,
        `link set ${link} up`,
        `addr add 10.77.${number}.1/24 dev ${link}`,
        `addr add fd77:${number}::1/64 dev ${link}`,
      ]);
      await configure(phone, [
        "link set eth0 up",
        `addr add 10.77.${number}.2/24 dev eth0`,
        `addr add 10.77.${number}.3/24 dev eth0`,
        `addr add fd77:${number}::2/64 dev eth0`,
        `route add default via 10.77.${number}.1`,
        `route add default via fd77:${number}::1`,
      ]);
    }
  }

  /** Runs commands of nft on the relay's host. */
  nft(commands: string, ...flags: readonly string[]): Promise<string> {
    return run("ip", ["netns", "exec", this.host, programPath("nft"), ...flags, commands]);
  }

  /** Sets kernel parameters of the relay's host. */
  set(parameters: Readonly<Record<string, number>>): Promise<void> {
    return setParameters(this.host, parameters);
  }

  /** The numbers of the processes on the relay's host whose program is `name`. */
  async pids(name: string): Promise<number[]> {
    const all = (await run("ip", ["netns", "pids", this.host])).split("\n").filter(Boolean).map(Number);
    return all.filter((pid) => Deno.readTextFileSync(`/proc/${pid}/comm`).trim() === name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [this.host, this.callerHost, this.calleeHost]) {
      removeNamespace(name);
      namespaces.delete(name);
    }
    await Promise.resolve();
  }
}

/** The maps of the only relay's table for IPv4 by their names, and their elements as nft has them. */
export async function kernelMaps(lab: KernelLab): Promise<Map<string, readonly unknown[]>> {
  // Interop: of a ruleset with a table that has an owner, nft 1.0.6 now and then writes half the JSON, and says nothing.
  const listing = JSON.parse(await lab.nft("list maps ip", "-j")) as { nftables: { map?: NftMap }[] };
  const maps = listing.nftables.flatMap(({ map }) => map?.table.startsWith("mediaproxy_") ? [map] : []);
  return new Map(maps.map(({ name, elem }) => [name, elem ?? []]));
}

interface NftMap {
  readonly name: string;
  readonly table: string;
  readonly elem?: readonly unknown[];
}

/** Registers a test that needs root and nft. Where they are missing it fails in CI, and is ignored elsewhere, aloud. */
export function kernelTest(name: string, body: (lab: KernelLab) => Promise<void>): void {
  const missing = Deno.build.os !== "linux" || Deno.uid() !== 0
    ? "root on Linux"
    : ["ip", "nft"].find((program) => findProgram(program) === undefined);
  const ignore = missing !== undefined && !Deno.env.get("CI");
  Deno.test({
    name: ignore ? `${name} (ignored: missing ${missing})` : name,
    ignore,
    async fn() {
      if (missing !== undefined) throw new Error(`Cannot build the namespaces: missing ${missing}`);
      await using lab = await KernelLab.start();
      await body(lab);
    },
  });
}
