/** A proxy in a bench whose messages come as bytes: through the framing of datagrams and of connections. @module */
import type { RoutingScript } from "../../src/proxy/script.ts";
import { decodeOctets } from "../../src/sip/octets.ts";
import { newTransportCounters } from "../../src/transport/counters.ts";
import type { Flow, Transport } from "../../src/transport/flow.ts";
import { deliver, type TransportContext } from "../../src/transport/handler.ts";
import { SipFraming } from "../../src/transport/framing.ts";
import { StreamConnection } from "../../src/transport/io/stream_connection.ts";
import { listenPoint, type SentMessage } from "../support/fake_transport.ts";
import { ProxyBench } from "../support/proxy_bench.ts";

/** What the bench is told. */
export interface WireBenchOptions {
  /** {@linkcode relayingScript} if absent. */
  readonly script?: RoutingScript;
  /** The default script takes the place of `script`; `closed` wants passwords. */
  readonly residential?: "open" | "closed" | undefined;
}

/** Where every name of the DNS leads. */
export const RESOLVED = "203.0.113.9";
const NAMES = [
  "example.com",
  "example.edu",
  "example.net",
  "example.org",
  "host.example.net",
  "registrar.example.com",
  "services.example.com",
];
/** We are `example.com` and these, on UDP and TCP. */
const OWN = ["198.51.100.1", "2001:db8::10"];
/** Whom messages come from. */
export const PEER = "203.0.113.7";

/** Registers phones, and relays the rest: to those that are registered, else to where the Request-URI leads. */
const relayingScript: RoutingScript = {
  request(call) {
    if (call.request.method === "REGISTER" && call.isLocal(call.request.requestUri)) return call.register();
    call.lookup();
    call.recordRoute();
    call.relay();
  },
};

/** A connection's bytes: what the test says, and then silence. */
class FakeStream {
  readonly #silence = Promise.withResolvers<null>();
  #rest: Uint8Array;
  isClosed = false;

  constructor(bytes: Uint8Array) {
    this.#rest = bytes;
  }
  read(buffer: Uint8Array): Promise<number | null> {
    const count = Math.min(this.#rest.length, buffer.length);
    if (count === 0) return this.#silence.promise;
    buffer.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    return Promise.resolve(count);
  }
  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(bytes.length);
  }
  close(): void {
    this.isClosed = true;
    this.#silence.resolve(null);
  }
}

/** See the module comment. */
export class WireBench extends ProxyBench {
  readonly counters = newTransportCounters();
  readonly #context: TransportContext;

  constructor({ script = relayingScript, residential }: WireBenchOptions = {}) {
    super({
      ...residential === undefined ? { script } : { settings: { authenticate: residential === "closed" } },
      mediaproxy: { disabled: true },
      dns: Object.fromEntries(NAMES.map((name) => [name, [RESOLVED]])),
      listenPoints: (["udp", "tcp"] as const).flatMap((transport) =>
        OWN.map((address) => {
          const family = address.includes(":") ? "IPv6" : "IPv4";
          return listenPoint(transport, { address, advertisedHost: address, family });
        })
      ),
    });
    this.#context = {
      handler: {
        message: (message, flow) => this.core.proxy.receive(message, flow),
        malformed: (error, flow) => this.core.proxy.refuseMalformed(error, flow),
        connectionClosed: () => {},
      },
      counters: this.counters,
      clock: this.clock,
      log: this.log,
    };
  }

  #flow(address: string, port: number, transport: Transport): Flow {
    const family = address.includes(":") ? "IPv6" : "IPv4";
    const point = this.transport.listenPoints.find((it) => it.transport === transport && it.family === family)!;
    return { transport, listenPoint: point, address, port, connectionId: transport === "udp" ? 0 : 1 };
  }

  /** A datagram comes, and what becomes of it is waited for. */
  async datagram(bytes: Uint8Array, address = PEER, port = 5060): Promise<void> {
    deliver(decodeOctets(bytes), this.#flow(address, port, "udp"), this.#context);
    await this.settle();
  }

  /** Bytes come on a connection, which the peer leaves open; returns whether we have closed it. */
  async stream(bytes: Uint8Array, address = PEER): Promise<boolean> {
    const stream = new FakeStream(bytes);
    const flow = this.#flow(address, 40_000, "tcp");
    const connection = new StreamConnection(flow, stream, { closed: () => {} }, this.#context, new SipFraming(), true);
    const ended = connection.run();
    await this.settle();
    const { isClosed } = stream;
    connection.close("the test is over");
    await ended;
    return isClosed;
  }

  /** What was sent since the last call, but for 100 Trying. */
  override take(): SentMessage[] {
    return super.take().filter(({ text }) => !text.startsWith("SIP/2.0 100 "));
  }
}
