/**
 * A NAT in a process (RFC 4787): phones behind it have private addresses that exist nowhere else, and what they send
 * leaves from sockets on the NAT's public address, which may be any address of the loopback network.
 * @module
 */
import { canonicalAddress } from "../../control/media_header.ts";
import type { DatagramHandler, PhoneNetwork, PhoneSocket } from "../network.ts";

/**
 * How a NAT maps and filters (RFC 4787 §4.1, §5): `cone` has one mapping for each socket behind it, and lets in only whom
 * that socket has sent to; `symmetric` has another mapping for each destination.
 */
export type NatKind = "cone" | "symmetric";

/** A mapping is looked for in so many ports; the system's own ephemeral ports begin above. */
const FIRST_PORT = 20_000;
const PORTS = 12_000;

interface Mapping {
  readonly socket: Deno.DatagramConn;
  /** `address:port` of whom something was sent to. */
  readonly allowed: Set<string>;
}

/** See the module comment. */
export class SimulatedNat implements PhoneNetwork {
  readonly kind: NatKind;
  readonly publicAddress: string;
  readonly address: string;
  readonly #mappings = new Map<string, Mapping>();
  /** Datagrams from whom nothing was sent to: dropped. */
  filtered = 0;

  /** `publicAddress` is one of this host's, `privateAddress` the phone's. */
  constructor(kind: NatKind, publicAddress: string, privateAddress: string) {
    this.kind = kind;
    this.publicAddress = publicAddress;
    this.address = privateAddress;
  }

  bind(port: number, received: DatagramHandler): PhoneSocket {
    const own: string[] = [];
    return {
      address: this.address,
      port,
      send: (bytes, address, destinationPort) => {
        const destination = `${address}:${destinationPort}`;
        const name = this.kind === "cone" ? `${port}` : `${port} ${destination}`;
        let mapping = this.#mappings.get(name);
        if (mapping === undefined) {
          mapping = this.#open(received);
          this.#mappings.set(name, mapping);
          own.push(name);
        }
        mapping.allowed.add(destination);
        mapping.socket.send(bytes, { transport: "udp", hostname: address, port: destinationPort })
          .catch(() => {}); // as with any network, what cannot be delivered is lost
      },
      close: () => own.forEach((name) => this.#close(name)),
    };
  }

  /** Forgets all mappings, as a NAT does that is restarted: what the phone sends next comes from elsewhere. */
  rebind(): void {
    for (const name of [...this.#mappings.keys()]) this.#close(name);
  }

  #close(name: string): void {
    const mapping = this.#mappings.get(name);
    this.#mappings.delete(name);
    mapping?.socket.close();
  }

  #open(received: DatagramHandler): Mapping {
    const mapping: Mapping = { socket: this.#openSocket(), allowed: new Set() };
    this.#receive(mapping, received).catch(() => {}); // closed
    return mapping;
  }

  /** Not the port that the phone has: a NAT's ports tell nothing. */
  #openSocket(): Deno.DatagramConn {
    for (let attempt = 0;; attempt++) {
      const port = FIRST_PORT + crypto.getRandomValues(new Uint16Array(1))[0]! % PORTS;
      try {
        return Deno.listenDatagram({ transport: "udp", hostname: this.publicAddress, port });
      } catch (error) {
        if (!(error instanceof Deno.errors.AddrInUse) || attempt >= 100) throw error;
      }
    }
  }

  async #receive({ socket, allowed }: Mapping, received: DatagramHandler): Promise<void> {
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const [bytes, from] = await socket.receive(buffer);
      const { hostname, port } = from as Deno.NetAddr;
      const address = canonicalAddress(hostname) ?? hostname;
      if (allowed.has(`${address}:${port}`)) received(bytes.slice(), address, port);
      else this.filtered++;
    }
  }

  /** The public ports in use. */
  get publicPorts(): number[] {
    return [...this.#mappings.values()].map(({ socket }) => (socket.addr as Deno.NetAddr).port);
  }

  /** Closes all sockets. */
  close(): void {
    this.rebind();
  }
}
