// deno-lint-ignore-file camelcase -- the keys of a summary are the wire's
/**
 * A relay, or one worker's part of it: the sessions that it carries, and the commands with which dispatchers set them up
 * and end them. It owns media sessions; dispatchers only keep an index of them.
 *
 * A command's life:
 * 1. `directory/session_directory.ts` chooses the worker, whose isolate calls `handle` (`io/worker.ts`).
 * 2. `relay.ts` (here) finds the session, or makes one.
 * 3. `session.ts` takes it as an offer or answer; `stream.ts` leases ports from `port_pool.ts`.
 * 4. The answer goes back: ports, statistics, or `error` with a line in the log that says why.
 *
 * A packet's life:
 * 1. `io/media_socket.ts` receives it on the port that the party was given.
 * 2. `leg.ts` judges it: is it from the party, is it media, where does it go.
 * 3. `io/media_socket.ts` sends it from the other party's port to the other party.
 * Once the parties are known, `kernel/passage.ts` has the kernel do all this (`kernel/table.ts`), where the host lets it.
 * @module
 */
import { decodeExplain, decodeRemove, decodeUpdate, type Remove, type Update } from "../src/control/commands.ts";
import { ControlSyntaxError } from "../src/control/errors.ts";
import type { Explanation } from "../src/control/explanation.ts";
import { serializePorts } from "../src/control/relay_reply.ts";
import type { Headers } from "../src/control/headers.ts";
import type { LearningMode } from "../src/control/learning_mode.ts";
import type { RelaySummary, SessionStatistics } from "../src/control/statistics.ts";
import { ChurningMap } from "../src/env/churning_map.ts";
import type { Clock } from "../src/env/clock.ts";
import { DeadlineQueue, NOT_QUEUED } from "../src/env/deadlines.ts";
import { type Logger, quoted, withFields } from "../src/env/log.ts";
import { explainSession } from "./explanation.ts";
import type { Interfaces } from "./interfaces.ts";
import type { KernelAccess } from "./kernel/passage.ts";
import { PortsExhaustedError } from "./port_pool.ts";
import { RecentSessions } from "./recent_sessions.ts";
import { RefusedError } from "./refused_error.ts";
import { Session, type SessionEnvironment } from "./session.ts";
import { sessionStatistics } from "./statistics.ts";
import type { StreamLimits, StreamTimeouts } from "./stream.ts";
import type { RelayAnswer, SessionRecord } from "./directory/worker_messages.ts";

/** Part of a Call-ID may fit many calls. */
const MAX_EXPLAINED = 8;
/** The main isolate gets to know each session anew so often: a record takes 30 us (Deno 2.9.6). */
const RECORD_MS = 60_000;

export interface RelayOptions {
  readonly version: string;
  /** As in the configuration, `start:end`. */
  readonly portRange: string;
  readonly timeouts: StreamTimeouts;
  /** How addresses are learnt in calls whose SIP server does not say. */
  readonly learning: LearningMode;
  readonly limits: StreamLimits;
  /** Whether a NAT's new mapping is followed without signalling. */
  readonly rebinding: boolean;
  readonly kernel: KernelAccess;
  isRoutable(address: string): boolean;
}

/** Where a relay's news go. */
export interface RelayOutputs {
  /** A session ended by itself, or with the relay; `dispatcher` is the one that last commanded it. */
  expired(dispatcher: string, statistics: SessionStatistics): void;
  /** Some of the sessions as they are now: those that were updated lately, the others each in its turn. */
  recorded(records: readonly SessionRecord[]): void;
}

export class Relay {
  readonly #options: RelayOptions;
  readonly #interfaces: Interfaces;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #outputs: RelayOutputs;
  readonly #startedAtMs: number;
  /** What sessions need, which is the same for all that learn addresses in the same way. */
  readonly #environments: Readonly<Record<LearningMode, SessionEnvironment>>;
  /** By Call-ID, each with another caller's tag. */
  readonly #sessions = new ChurningMap<string, Session[]>();
  #sessionCount = 0;
  /** When each is to be looked at. */
  readonly #looks = new DeadlineQueue<Session>();
  #records: SessionRecord[] = [];
  readonly #recent = new RecentSessions();
  readonly #refused: Record<RefusedError["reason"], number> = { max_streams_per_session: 0, loop: 0 };
  #draining = false;
  /** Bytes relayed for sessions that have ended, and the sample before, for bps_relayed. */
  #endedBytes = 0;
  #sampledBytes = 0;
  #sampledAtMs: number;
  #bpsRelayed = 0;

  constructor(options: RelayOptions, interfaces: Interfaces, clock: Clock, log: Logger, outputs: RelayOutputs) {
    this.#options = options;
    this.#interfaces = interfaces;
    this.#clock = clock;
    this.#log = log;
    this.#outputs = outputs;
    this.#startedAtMs = this.#sampledAtMs = clock.nowMs();
    const { timeouts, limits, rebinding, kernel, isRoutable } = options;
    const isOwn = (hostname: string, port: number) => interfaces.isOwn(hostname, port);
    const due = (session: Session, nowMs: number) => this.#look(session, nowMs);
    const hastened = (session: Session) => this.#hasten(session);
    const environment = (mode: LearningMode): SessionEnvironment => {
      return { interfaces, timeouts, limits, learning: { mode, rebinding, isOwn }, kernel, isRoutable, due, hastened };
    };
    this.#environments = {
      heuristic: environment("heuristic"),
      strict: environment("strict"),
      open: environment("open"),
    };
  }

  get sessionCount(): number {
    return this.#sessionCount;
  }

  /**
   * Executes a command of `dispatcher` (its configured `host:port`).
   * Never throws for what the headers hold.
   */
  handle(dispatcher: string, command: string, headers: Headers): RelayAnswer {
    try {
      switch (command) {
        case "update":
          return this.#update(dispatcher, decodeUpdate(headers));
        case "remove":
          return this.#remove(decodeRemove(headers));
        case "summary":
          return { text: JSON.stringify(this.summary()) };
        case "sessions":
          return { text: JSON.stringify(this.statistics(dispatcher)) };
        case "explain":
          return { text: JSON.stringify(this.explain(decodeExplain(headers))) };
        default:
          throw new ControlSyntaxError(`Cannot execute ${quoted(command)}: there is no such command`);
      }
    } catch (error) {
      if (error instanceof PortsExhaustedError) return { text: "error", exhausted: error.message };
      if (error instanceof RefusedError) this.#refused[error.reason]++;
      else if (!(error instanceof ControlSyntaxError)) throw error;
      const callId = headers.get("call_id");
      this.#log.error(error.message, { dispatcher, command, ...callId !== undefined && { callId } });
      return { text: "error" };
    }
  }

  #update(dispatcher: string, update: Update): RelayAnswer {
    const nowMs = this.#clock.nowMs();
    const known = this.#find(update.callId, update.fromTag, update.toTag);
    const log = withFields(this.#log, { callId: update.callId });
    if (known === undefined && this.#draining) {
      log.info("refusing a new session: the relay is draining");
      return { text: "halting" };
    }
    if (known === undefined && update.media === undefined) {
      throw new ControlSyntaxError(
        "Cannot begin a session: the update has no media, and no session that it belongs to",
      );
    }
    const session = known ?? this.#createSession(dispatcher, update, log, nowMs);
    session.dispatcher = dispatcher;
    const { address, ports } = session.update(update, nowMs);
    if (known === undefined) this.#add(session, log);
    session.recordAtMs = -Infinity;
    this.#looks.schedule(session);
    return { text: serializePorts(address, ports), updated: session.fromTag };
  }

  #createSession(dispatcher: string, update: Update, log: Logger, nowMs: number): Session {
    const mode = update.learning ?? this.#options.learning;
    return new Session(this.#environments[mode], log, dispatcher, update, nowMs);
  }

  #add(session: Session, log: Logger): void {
    const sameCallId = this.#sessions.get(session.callId);
    if (sameCallId === undefined) this.#sessions.set(session.callId, [session]);
    else sameCallId.push(session);
    this.#sessionCount++;
    log.info(() => `session created: from-tag ${session.fromTag}`);
  }

  /** The tags may stand either way round: the callee's requests have them swapped. */
  #find(callId: string, fromTag: string, toTag: string | undefined): Session | undefined {
    const sameCallId = this.#sessions.get(callId);
    if (sameCallId === undefined) return undefined;
    return sameCallId.find((session) => session.fromTag === fromTag) ??
      sameCallId.find((session) => session.fromTag === toTag);
  }

  #remove({ callId, fromTag, toTag }: Remove): RelayAnswer {
    const session = this.#find(callId, fromTag, toTag);
    const log = withFields(this.#log, { callId });
    if (session === undefined) {
      log.warning("cannot remove the session: there is none with this Call-ID and these tags");
      return { text: "error" };
    }
    if (session.removeBranch(session.fromTag === fromTag ? toTag : fromTag, this.#clock.nowMs())) {
      log.info("a branch of the call has ended, the session goes on with another");
      return { text: "error" }; // any other word would make the dispatcher forget the session
    }
    const statistics = this.#end(session);
    log.info("session removed");
    return { text: JSON.stringify(statistics), ended: session.fromTag };
  }

  /** Twice is harmless. */
  #forget(session: Session): void {
    const sameCallId = this.#sessions.get(session.callId) ?? [];
    const index = sameCallId.indexOf(session);
    if (index < 0) return;
    this.#looks.remove(session);
    this.#sessionCount--;
    if (sameCallId.length === 1) this.#sessions.delete(session.callId);
    else sameCallId.splice(index, 1);
  }

  /** Ends `session` and returns its statistics. */
  #end(session: Session): SessionStatistics {
    const nowMs = this.#clock.nowMs();
    this.#forget(session);
    session.close(nowMs);
    this.#recent.add(session, nowMs);
    const statistics = sessionStatistics(session, nowMs, this.#clock.wallMs());
    for (const stream of statistics.streams) {
      this.#endedBytes += stream.caller_bytes + stream.callee_bytes;
      this.#log.info(
        () =>
          `${stream.media_type} stream: caller_bytes=${stream.caller_bytes}, callee_bytes=${stream.callee_bytes}, ` +
          `caller_packets=${stream.caller_packets}, callee_packets=${stream.callee_packets}, ${stream.status}`,
        { callId: session.callId },
      );
    }
    return statistics;
  }

  /** When `handleTimeout` has something to do; it may be early. */
  get nextDeadlineMs(): number {
    return this.#looks.nextDeadlineMs;
  }

  /** Looks at the sessions whose time has come: notices what is wrong, and ends what has timed out. */
  handleTimeout(): void {
    this.#looks.handleTimeouts(this.#clock.nowMs());
    if (this.#records.length === 0) return;
    this.#outputs.recorded(this.#records);
    this.#records = [];
  }

  #look(session: Session, nowMs: number): void {
    try {
      session.watch(nowMs);
      if (session.expire(nowMs)) return this.#expire(session, "session expired");
      session.useKernel(nowMs);
    } catch (error) { // a fault of ours costs this session, and not those that have not been looked at yet
      this.#log.error(`internal error: ${(error as Error).stack}`, { callId: session.callId });
      return this.#expire(session, "session ended by an internal error");
    }
    if (nowMs < session.recordAtMs) return;
    session.recordAtMs = nowMs + RECORD_MS;
    this.#records.push(this.#record(session));
  }

  /** Sessions that have ended may still hear of their streams. */
  #hasten(session: Session): void {
    if (session.queueIndex !== NOT_QUEUED) this.#looks.schedule(session);
  }

  #expire(session: Session, message: string): void {
    const statistics = this.#end(session);
    this.#log.info(message, { callId: session.callId });
    this.#outputs.expired(session.dispatcher, statistics);
  }

  /** Takes no new calls from now on. */
  drain(): void {
    this.#draining = true;
  }

  /**
   * Makes ready for a `remove` with these headers. Returns whether the statistics are complete: while they are not, the
   * kernel is still being asked for its last counters.
   */
  isReadyToRemove(headers: Headers): boolean {
    const callId = headers.get("call_id") ?? "";
    const session = this.#find(callId, headers.get("from_tag") ?? "", headers.get("to_tag"));
    return session === undefined || session.leaveKernel();
  }

  /** Makes ready for `close`; returns whether the statistics of all sessions are complete. */
  isReadyToClose(): boolean {
    return Array.from(this.#all(), (session) => session.leaveKernel()).every((ready) => ready);
  }

  /** Ends all sessions, and reports them as expired. */
  close(): void {
    this.#draining = true;
    for (const session of [...this.#all()]) this.#expire(session, "session ended with the relay");
    this.#interfaces.close();
  }

  *#all(): Iterable<Session> {
    for (const sameCallId of this.#sessions.values()) yield* sameCallId;
  }

  /** The statistics of all sessions, as `dispatcher` asks for them. */
  statistics(dispatcher: string): SessionStatistics[] {
    const nowMs = this.#clock.nowMs();
    const wallMs = this.#clock.wallMs();
    return Array.from(this.#all(), (session) => ({
      ...sessionStatistics(session, nowMs, wallMs),
      own: session.dispatcher === dispatcher,
    }));
  }

  #record(session: Session): SessionRecord {
    const statistics = sessionStatistics(session, this.#clock.nowMs(), this.#clock.wallMs());
    return { callId: session.callId, fromTag: session.fromTag, statistics: JSON.stringify(statistics) };
  }

  /**
   * What is known of the calls with this Call-ID, or else of those whose Call-ID begins so; of calls that have ended
   * lately too.
   */
  explain(callId: string): Explanation[] {
    const exact = this.#explanations((known) => known === callId);
    return exact.length > 0 ? exact : this.#explanations((known) => known.startsWith(callId)).slice(0, MAX_EXPLAINED);
  }

  #explanations(matches: (callId: string) => boolean): Explanation[] {
    const up = [...this.#all()].filter(({ callId }) => matches(callId))
      .map((session) => ({ session, endedAtMs: Infinity }));
    const { isRoutable } = this.#options;
    const context = { relay: this.#interfaces.first.address, isRoutable, nowMs: this.#clock.nowMs() };
    return [...up, ...this.#recent.find(matches)]
      .map(({ session, endedAtMs }) => explainSession(session, { ...context, endedAtMs }));
  }

  summary(): RelaySummary {
    const nowMs = this.#clock.nowMs();
    const stream_count: Record<string, number> = {};
    let problem_count = 0;
    let kernel_stream_count = 0;
    for (const session of this.#all()) {
      if (session.hasProblem) problem_count++;
      for (const { type, inKernel } of session.liveStreams) {
        stream_count[type] = (stream_count[type] ?? 0) + 1;
        if (inKernel) kernel_stream_count++;
      }
    }
    return {
      ip: this.#interfaces.first.address,
      version: this.#options.version,
      status: this.#draining ? "halting" : "active",
      uptime: Math.floor((nowMs - this.#startedAtMs) / 1000),
      session_count: this.#sessionCount,
      stream_count,
      bps_relayed: this.#bpsRelayed,
      port_range: this.#options.portRange,
      refused: this.#refused,
      problem_count,
      kernel_stream_count,
      capabilities: ["branches", "explain"],
    };
  }

  /** Takes a sample of what has been relayed, for `bps_relayed`. To be called every traffic_sampling_period. */
  sampleTraffic(): void {
    const nowMs = this.#clock.nowMs();
    let bytes = this.#endedBytes;
    for (const session of this.#all()) {
      for (const stream of session.answeredStreams) {
        for (const leg of [...stream.legs("caller"), ...stream.legs("callee")]) bytes += leg.bytes;
      }
    }
    this.#bpsRelayed = Math.max(0, Math.round((bytes - this.#sampledBytes) * 8000 / (nowMs - this.#sampledAtMs)));
    this.#sampledBytes = bytes;
    this.#sampledAtMs = nowMs;
  }
}
