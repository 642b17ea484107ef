/**
 * The real machines joined in memory: SIP servers' connections, a dispatcher, relays, and the phones' media. No sockets,
 * no real time: a test says when it passes, and every run is the same.
 *
 * ```text
 * SipConnection > ControlConnection > Dispatcher > RelayLink <> DispatcherLink < Relay < media
 * ```
 * What a machine sends is queued, and delivered once the machine is done, as a shell would.
 * @module
 */
import { DispatcherLink } from "../../relay/dispatcher_link.ts";
import type { EndedSession } from "../../src/control/statistics.ts";
import { ControlConnection } from "../../src/dispatcher/control_connection.ts";
import { Dispatcher } from "../../src/dispatcher/dispatcher.ts";
import type { EndDialogRequest } from "../../src/dispatcher/end_dialog.ts";
import { ManagementConnection } from "../../src/dispatcher/management.ts";
import type { RelayLink } from "../../src/dispatcher/relay_link.ts";
import { FakeClock, RecordingLogger, seededRandom } from "./fakes.ts";
import { DISPATCHER, RelayHost, type RelayHostOptions } from "./relay_host.ts";
import { rtp } from "./rtp_packets.ts";

/** The defaults of the configuration. */
const DISPATCHER_OPTIONS = {
  relayTimeoutMs: 5000,
  relayRecoverIntervalMs: 60_000,
  cleanupDeadRelaysAfterMs: 43_200_000,
  cleanupExpiredSessionsAfterMs: 86_400_000,
};
const KEEPALIVE_INTERVAL_MS = 10_000;
/** How often a dispatcher's shell looks after time limits. */
const TICK_MS = 50;
const PACKET_MS = 20;

/** One SIP server process and its connection. */
export class SipConnection {
  /** Each write of the dispatcher. */
  readonly writes: string[] = [];
  readonly #machines: JoinedMachines;
  readonly #connection: ControlConnection;

  constructor(machines: JoinedMachines) {
    this.#machines = machines;
    this.#connection = new ControlConnection(
      (request, answer) => machines.dispatcher.handle(request, answer),
      (text) => void this.writes.push(text),
      machines.log,
    );
  }

  /** Sends text or bytes, all at once or in chunks, and returns the lines that were written since the last call. */
  send(request: string | Uint8Array, chunkBytes = Infinity): string[] {
    const bytes = typeof request === "string" ? new TextEncoder().encode(request) : request;
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      this.#connection.received(bytes.subarray(at, at + chunkBytes));
    }
    this.#machines.settle();
    return this.takeAnswers();
  }

  /** The lines that have been written since the last call, without their ends. */
  takeAnswers(): string[] {
    return this.writes.splice(0).join("").split("\r\n").slice(0, -1);
  }
}

/** A stream of packets to one of a relay's ports. */
export interface Flow {
  readonly relay: JoinedRelay;
  readonly port: number;
  readonly source: string;
  nextAtMs: number;
  sequenceNumber: number;
}

/** A relay's process and its connection to the dispatcher. */
export class JoinedRelay {
  readonly host: RelayHost;
  /** The address that the dispatcher sees. */
  readonly hostname: string;
  /** What the dispatcher has sent. */
  readonly received: string[] = [];
  /** Why the dispatcher has cut connections. */
  readonly cut: string[] = [];
  readonly #machines: JoinedMachines;
  #wire: { readonly link: RelayLink; readonly relayEnd: DispatcherLink } | undefined = undefined;
  #frozen = false;
  readonly #held: (() => void)[] = [];

  constructor(machines: JoinedMachines, hostname: string, options: RelayHostOptions) {
    this.#machines = machines;
    this.hostname = hostname;
    this.host = new RelayHost(options, machines.clock);
  }

  get connected(): boolean {
    return this.#wire !== undefined;
  }

  connect(): void {
    const machines = this.#machines;
    const link: RelayLink = machines.dispatcher.addRelay({
      hostname: this.hostname,
      text: `${this.hostname}:1`,
      send: (text) => {
        this.received.push(text);
        const deliver = () => {
          if (this.#wire?.link === link) this.#wire.relayEnd.received(new TextEncoder().encode(text));
        };
        machines.queue(() => this.#frozen ? void this.#held.push(deliver) : deliver());
      },
      close: (reason) =>
        machines.queue(() => {
          if (this.#wire?.link !== link) return;
          this.cut.push(reason);
          this.disconnect(reason);
        }),
    });
    const transport = {
      send: (text: string) => machines.queue(() => link.received(new TextEncoder().encode(text))),
      close: (reason: string) => machines.queue(() => this.disconnect(reason)),
    };
    const relayEnd = new DispatcherLink(
      transport,
      (command, headers, answer) => answer(this.host.handle(command, headers, DISPATCHER)),
      KEEPALIVE_INTERVAL_MS,
      this.host.log,
      machines.clock.nowMs(),
    );
    this.#wire = { link, relayEnd };
    this.#report();
    machines.settle();
  }

  /** The connection breaks. What was under way is lost. */
  disconnect(reason = "connection reset"): void {
    const wire = this.#wire;
    if (wire === undefined) return;
    this.#wire = undefined;
    this.#held.length = 0;
    this.#machines.dispatcher.removeRelay(wire.link, reason);
    this.#machines.settle();
  }

  /** The process stops, as with SIGSTOP; what it is sent waits. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    for (const deliver of this.#held.splice(0)) this.#machines.queue(deliver);
    this.#machines.settle();
  }

  /** SIGTERM. */
  stop(): void {
    this.host.relay.close();
    this.#report();
    this.#machines.settle();
    this.disconnect("closed");
  }

  /** What a relay does about once a second. */
  tick(): void {
    if (this.#frozen) return;
    this.host.relay.handleTimeout();
    this.#report();
    this.#wire?.relayEnd.handleTimeout(this.host.clock.nowMs());
  }

  /** Reports of expired sessions wait while there is no connection. */
  #report(): void {
    if (this.#wire === undefined) return;
    for (const { statistics } of this.host.expired.splice(0)) this.#wire.relayEnd.expired(statistics);
  }
}

export class JoinedMachines {
  readonly clock = new FakeClock();
  readonly log = new RecordingLogger();
  /** What went to accounting, in order. */
  readonly accounted: EndedSession[] = [];
  /** The dialogs that the SIP server was asked to end. */
  readonly endedDialogs: EndDialogRequest[] = [];
  dispatcher: Dispatcher;
  readonly #relays = new Set<JoinedRelay>();
  readonly #flows = new Set<Flow>();
  readonly #queue: (() => void)[] = [];
  readonly #random = seededRandom();

  readonly #endDialog: (request: EndDialogRequest, callId: string) => void;

  /** `endDialog` is told of dialogs to end, besides `endedDialogs`. */
  constructor(endDialog: (request: EndDialogRequest, callId: string) => void = () => {}) {
    this.#endDialog = endDialog;
    this.dispatcher = this.#createDispatcher();
  }

  #createDispatcher(): Dispatcher {
    const outputs = {
      account: (session: EndedSession) => void this.accounted.push(session),
      endDialog: (request: EndDialogRequest, callId: string) => {
        this.endedDialogs.push(request);
        this.#endDialog(request, callId);
      },
    };
    return new Dispatcher(DISPATCHER_OPTIONS, outputs, this.clock, this.#random, this.log);
  }

  /** The dispatcher's process ends and another begins; relays connect again when the test says so. */
  restartDispatcher(): void {
    for (const relay of this.#relays) relay.disconnect("the dispatcher has gone");
    this.dispatcher = this.#createDispatcher();
  }

  /** Starts a relay and connects it. */
  startRelay(options: RelayHostOptions = {}, hostname = "192.0.2.100"): JoinedRelay {
    const relay = new JoinedRelay(this, hostname, options);
    this.#relays.add(relay);
    relay.connect();
    return relay;
  }

  /** The process is gone without a word, as with SIGKILL. */
  killRelay(relay: JoinedRelay): void {
    this.#relays.delete(relay);
    for (const flow of this.#flows) if (flow.relay === relay) this.#flows.delete(flow);
    relay.disconnect("connection reset");
  }

  connectSip(): SipConnection {
    return new SipConnection(this);
  }

  /** Sends a line to the management port and returns the answer. */
  manage(line: string, version = "1.0"): string {
    const answers: string[] = [];
    const connection = new ManagementConnection({
      version,
      relays: () => this.dispatcher.relays,
      send: (text) => void answers.push(text),
      close: () => {},
      log: this.log,
    });
    connection.received(new TextEncoder().encode(line));
    this.settle();
    return answers.join("");
  }

  /** From now on `source` sends 50 packets a second to a relay's port. */
  startFlow(relay: JoinedRelay, port: number, source: string): Flow {
    const flow = { relay, port, source, nextAtMs: this.clock.nowMs(), sequenceNumber: 0 };
    this.#flows.add(flow);
    return flow;
  }

  stopFlow(flow: Flow): void {
    this.#flows.delete(flow);
  }

  /** Time passes, with all that machines and phones do meanwhile. */
  advance(durationMs: number): void {
    const untilMs = this.clock.nowMs() + durationMs;
    for (;;) {
      const nowMs = this.clock.nowMs();
      this.#sendMedia(nowMs);
      if (nowMs >= untilMs) return;
      let nextMs = Math.min(untilMs, nowMs + TICK_MS);
      for (const { nextAtMs } of this.#flows) nextMs = Math.min(nextMs, nextAtMs);
      this.clock.advance(nextMs - nowMs);
      this.dispatcher.handleTimeout();
      if (Math.floor(nextMs / 1000) > Math.floor(nowMs / 1000)) { for (const relay of this.#relays) relay.tick(); }
      this.settle();
    }
  }

  #sendMedia(nowMs: number): void {
    for (const flow of this.#flows) {
      if (flow.nextAtMs > nowMs) continue;
      flow.relay.host.arrive(flow.port, flow.source, rtp({ sequenceNumber: flow.sequenceNumber++ }));
      flow.nextAtMs += PACKET_MS;
    }
  }

  /** Something that happens once the machine at work is done. */
  queue(action: () => void): void {
    this.#queue.push(action);
  }

  /** Delivers all that is under way. */
  settle(): void {
    for (let action; (action = this.#queue.shift()) !== undefined;) action();
  }
}
