/** What the main isolate knows of the sessions that its workers carry. @module */
import type { SessionStatistics } from "../src/control/statistics.ts";
import type { SessionRecord } from "./worker_messages.ts";

/** A session whose worker cannot be asked. */
export interface LostSession {
  /** The dispatcher that last commanded it. */
  readonly dispatcher: string;
  readonly statistics: SessionStatistics;
}

interface Known {
  dispatcher: string;
  /** JSON. */
  statistics: string;
}

/** The sessions of one Call-ID: several if the INVITE was forked before it came here. All are on one worker. */
export class KnownCall<W> {
  readonly callId: string;
  worker: W;
  /** Commands that are not answered yet. */
  pending = 0;
  /** By the caller's tag. */
  readonly #sessions = new Map<string, Known>();

  constructor(callId: string, worker: W) {
    this.callId = callId;
    this.worker = worker;
  }

  /** No session, and none to come. */
  get unused(): boolean {
    return this.pending === 0 && this.#sessions.size === 0;
  }

  /** The caller's tag of the session with these tags, which may stand either way round. */
  find(fromTag: string | undefined, toTag: string | undefined): string | undefined {
    return [fromTag, toTag].find((tag) => tag !== undefined && this.#sessions.has(tag));
  }

  /** Returns whether the session is new. */
  remember({ fromTag, statistics }: SessionRecord, dispatcher: string): boolean {
    const isNew = !this.#sessions.has(fromTag);
    this.#sessions.set(fromTag, { dispatcher, statistics });
    return isNew;
  }

  /** Brings what is known of a session up to date. */
  refresh({ fromTag, statistics }: SessionRecord): void {
    const known = this.#sessions.get(fromTag);
    if (known !== undefined) known.statistics = statistics;
  }

  /** Returns whether the session was known. */
  forget(fromTag: string): boolean {
    return this.#sessions.delete(fromTag);
  }

  /** All sessions, as `LostSession`s. */
  *lastKnown(wallMs: number): Iterable<LostSession> {
    for (const { dispatcher, statistics } of this.#sessions.values()) {
      yield { dispatcher, statistics: lastWords(JSON.parse(statistics), wallMs) };
    }
  }

  hasSessionsOf(dispatcher: string): boolean {
    for (const known of this.#sessions.values()) if (known.dispatcher === dispatcher) return true;
    return false;
  }
}

export class KnownCalls<W> {
  readonly #calls = new Map<string, KnownCall<W>>();

  get(callId: string): KnownCall<W> | undefined {
    return this.#calls.get(callId);
  }

  add(callId: string, worker: W): KnownCall<W> {
    const call = new KnownCall(callId, worker);
    this.#calls.set(callId, call);
    return call;
  }

  /** Harmless if another call has taken its place. */
  delete(call: KnownCall<W>): void {
    if (this.#calls.get(call.callId) === call) this.#calls.delete(call.callId);
  }

  hasSessionsOf(dispatcher: string): boolean {
    for (const call of this.#calls.values()) if (call.hasSessionsOf(dispatcher)) return true;
    return false;
  }

  /** What is known of the sessions of `worker`, as if they ended now. */
  lastKnown(worker: W, wallMs: number): LostSession[] {
    return [...this.#calls.values()].filter((call) => call.worker === worker)
      .flatMap((call) => [...call.lastKnown(wallMs)]);
  }

  deleteAllOf(worker: W): void {
    for (const [callId, call] of this.#calls) if (call.worker === worker) this.#calls.delete(callId);
  }
}

/** The counters are some seconds old, but when it ended is known. */
function lastWords(statistics: SessionStatistics, wallMs: number): SessionStatistics {
  const { start_time: startTime } = statistics;
  const duration = startTime === null ? 0 : Math.max(0, Math.floor(wallMs / 1000 - startTime));
  return {
    ...statistics,
    duration,
    streams: statistics.streams.map((stream) =>
      stream.status === "active" || stream.status === "on hold"
        ? { ...stream, status: "closed", end_time: duration }
        : stream
    ),
  };
}
