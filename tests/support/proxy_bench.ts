/** A whole proxy, all but its sockets, files and clock: those are the test's. @module */
import type { DialogRecord } from "../../src/dialog/dialog.ts";
import { DEFAULT_SETTINGS, type MediaProxySettings } from "../../src/mediaproxy/mod.ts";
import { type CoreSettings, ProxyCore } from "../../src/proxy/core.ts";
import { residentialScript } from "../../src/proxy/default_script.ts";
import type { RoutingScript } from "../../src/proxy/script.ts";
import { bindingKey, type StoredBinding } from "../../src/registrar/binding.ts";
import { UserTable } from "../../src/registrar/users.ts";
import type { DnsAnswer, Resolver } from "../../src/server_location/mod.ts";
import { SipSyntaxError } from "../../src/sip/errors.ts";
import { parseMessage } from "../../src/sip/parse_message.ts";
import type { Flow, ListenPoint } from "../../src/transport/flow.ts";
import { FakeClock, RecordingLogger, seededRandom } from "./fakes.ts";
import { FakeTransport, listenPoint, type SentMessage } from "./fake_transport.ts";
import { SimDispatcher } from "./sim_dispatcher.ts";

/** What may be told of a proxy. */
export interface BenchOptions {
  readonly settings?: Partial<CoreSettings>;
  readonly mediaproxy?: Partial<MediaProxySettings>;
  readonly script?: RoutingScript;
  readonly listenPoints?: readonly ListenPoint[];
  /** Addresses by name, and SRV records as `priority weight port target` by theirs. */
  readonly dns?: Readonly<Record<string, readonly string[]>>;
}

const SETTINGS: CoreSettings = {
  domains: ["example.com"],
  authenticate: false,
  ringTimeoutMs: 60_000,
  realm: "example.com",
  isTrusted: () => false,
  inviteTimeoutMs: 185_000,
  dialogTimeoutMs: 43_200_000,
  maxForwards: 70,
  defaultExpiresMs: 3_600_000,
  minExpiresMs: 60_000,
  maxExpiresMs: 7_200_000,
  maxContacts: 10,
  digestAlgorithms: ["MD5"],
  nonceLifetimeMs: 300_000,
  natPingIntervalMs: 0,
  maxTransactions: 1000,
};

const USERS = ["alice", "bob", "carol", "dave"].map((name) => ({
  name,
  secrets: { password: `${name}-secret`, hashes: {} },
  aliases: name === "bob" ? ["1002"] : [],
}));

/** See the module comment. */
export class ProxyBench {
  readonly clock = new FakeClock(0);
  readonly log = new RecordingLogger();
  readonly transport: FakeTransport;
  readonly dispatcher: SimDispatcher;
  /** What outlives a restart. */
  readonly dialogRecords = new Map<string, DialogRecord>();
  readonly bindingRecords = new Map<string, StoredBinding>();
  routeKey: Uint8Array = new Uint8Array(32).fill(7);
  script: RoutingScript;
  core: ProxyCore;
  readonly #options: BenchOptions;
  #seed = 1;
  #delivered = 0;

  /** `asked` hears what the dispatcher is asked. */
  constructor(
    options: BenchOptions = {},
    asked: (line: string, fields: ReadonlyMap<string, string>) => void = () => {},
  ) {
    this.#options = options;
    this.transport = new FakeTransport(options.listenPoints ?? [listenPoint("udp"), listenPoint("tcp")]);
    this.dispatcher = new SimDispatcher(asked);
    this.script = options.script ?? residentialScript({ ...SETTINGS, ...options.settings });
    this.core = this.#start();
  }

  #start(): ProxyCore {
    const { clock, log, transport, dispatcher } = this;
    const core = new ProxyCore({
      settings: { ...SETTINGS, ...this.#options.settings },
      mediaproxy: { ...DEFAULT_SETTINGS, ...this.#options.mediaproxy },
      clock,
      random: seededRandom(this.#seed++),
      log,
      transport,
      resolver: fixedResolver(this.#options.dns ?? {}),
      dispatcher,
      users: new UserTable(USERS),
      locationStore: {
        load: () => [...this.bindingRecords.values()],
        put: (binding) => void this.bindingRecords.set(bindingKey(binding), structuredClone(binding)),
        remove: (binding) => void this.bindingRecords.delete(bindingKey(binding)),
      },
      dialogStore: {
        load: () => [...this.dialogRecords.values()].map((record) => structuredClone(record)),
        put: (record) => void this.dialogRecords.set(record.id, structuredClone(record)),
        remove: (id) => void this.dialogRecords.delete(id),
        close: () => {},
      },
      routeKey: this.routeKey,
      script: () => this.script,
      wake: () => {},
    });
    core.restore();
    return core;
  }

  /** The proxy stops, and another starts with what was kept. */
  restart(): void {
    this.core.close();
    this.core = this.#start();
  }

  /** Octets arrive. */
  receive(text: string, flow: Flow): void {
    try {
      this.core.proxy.receive(parseMessage(text), flow);
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      this.core.proxy.refuseMalformed(error, flow);
    }
  }

  /** What was sent since the last call, and what could not be sent. */
  take(): SentMessage[] {
    const sent = this.transport.sent.slice(this.#delivered);
    this.#delivered = this.transport.sent.length;
    return sent;
  }

  /** Lets everything happen that waits for nothing but its turn. */
  async settle(): Promise<void> {
    do await new Promise((resolve) => setTimeout(resolve, 0)); // one turn of the loop: all promises before it
     while (this.transport.settle() > 0);
  }

  /** Time goes on from deadline to deadline. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.clock.nowMs() + durationMs;
    for (;;) {
      const due = this.core.timedParts.map((part) => ({ part, atMs: part.nextDeadlineMs })).filter(({ atMs }) =>
        atMs <= endMs
      ).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.clock.advance(Math.max(due.atMs - this.clock.nowMs(), 0));
      due.part.handleTimeouts(this.clock.nowMs());
      await this.settle();
    }
    this.clock.advance(endMs - this.clock.nowMs());
  }
}

/** A DNS that knows what it was told. */
function fixedResolver(records: Readonly<Record<string, readonly string[]>>): Resolver {
  const answer = <T>(found: readonly T[]): Promise<DnsAnswer<T>> => Promise.resolve({ records: found, ttlMs: 60_000 });
  return {
    naptr: () => answer([]),
    srv: (name) =>
      answer((name.startsWith("_") ? records[name] ?? [] : []).map((text) => {
        const [priority, weight, port, target = ""] = text.split(" ");
        return { priority: Number(priority), weight: Number(weight), port: Number(port), target };
      })),
    a: (name) => answer((records[name] ?? []).filter((it) => !it.includes(":"))),
    aaaa: (name) => answer((records[name] ?? []).filter((it) => it.includes(":"))),
  };
}
