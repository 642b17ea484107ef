/** What the main isolate knows of the sessions that its workers carry. @module */
import { decodeUpdate } from "../../src/control/commands.ts";
import { HeaderLines } from "../../src/control/headers.ts";
import type { SessionStatistics } from "../../src/control/statistics.ts";
import { ChurningMap } from "../../src/env/churning_map.ts";
import type { SessionRecord } from "./worker_messages.ts";

/** A session whose worker cannot be asked. */
export interface LostSession {
  /** The dispatcher that last commanded it. */
  readonly dispatcher: string;
  readonly statistics: SessionStatistics;
}

/** An update of a session. */
export interface KnownUpdate {
  readonly dispatcher: string;
  /** As `HeaderLines` takes them. */
  readonly headers: readonly string[];
}

interface Known {
  /** The caller's. */
  readonly fromTag: string;
  dispatcher: string;
  /** JSON; "" until the worker has sent some. */
  statistics: string;
  /** Until then: its updates, the first and the latest one. */
  first: readonly string[];
  latest: readonly string[];
}

const NO_HEADERS: readonly string[] = [];

/** The sessions of one Call-ID: several if the INVITE was forked before it came here. All are on one worker. */
export class KnownCall<W> {
  readonly callId: string;
  worker: W;
  /** Commands that are not answered yet. */
  pending = 0;
  /** Few: a Map would take three times the memory. */
  readonly #sessions: Known[] = [];

  constructor(callId: string, worker: W) {
    this.callId = callId;
    this.worker = worker;
  }

  /** No session, and none to come. */
  get unused(): boolean {
    return this.pending === 0 && this.#sessions.length === 0;
  }

  /** The caller's tag of the session with these tags, which may stand either way round. */
  find(fromTag: string | undefined, toTag: string | undefined): string | undefined {
    return (this.#get(fromTag) ?? this.#get(toTag))?.fromTag;
  }

  #get(fromTag: string | undefined): Known | undefined {
    return this.#sessions.find((known) => known.fromTag === fromTag);
  }

  /** Returns whether the session is new. */
  remember(fromTag: string, { dispatcher, headers }: KnownUpdate): boolean {
    const known = this.#get(fromTag);
    if (known === undefined) {
      this.#sessions.push({ fromTag, dispatcher, statistics: "", first: headers, latest: headers });
      return true;
    }
    known.dispatcher = dispatcher;
    if (known.statistics === "") known.latest = headers;
    return false;
  }

  /** Brings what is known of a session up to date. */
  refresh({ fromTag, statistics }: SessionRecord): void {
    const known = this.#get(fromTag);
    if (known === undefined) return;
    known.statistics = statistics;
    known.first = known.latest = NO_HEADERS;
  }

  /** Returns whether the session was known. */
  forget(fromTag: string): boolean {
    const index = this.#sessions.findIndex((known) => known.fromTag === fromTag);
    if (index >= 0) this.#sessions.splice(index, 1);
    return index >= 0;
  }

  /** All sessions, as `LostSession`s. */
  *lastKnown(wallMs: number): Iterable<LostSession> {
    for (const { dispatcher, statistics, first, latest } of this.#sessions) {
      const known = statistics === "" ? fromUpdates(first, latest) : lastWords(JSON.parse(statistics), wallMs);
      yield { dispatcher, statistics: known };
    }
  }

  hasSessionsOf(dispatcher: string): boolean {
    return this.#sessions.some((known) => known.dispatcher === dispatcher);
  }
}

export class KnownCalls<W> {
  readonly #calls = new ChurningMap<string, KnownCall<W>>();

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

/** A session whose worker has not told anything of it yet. */
function fromUpdates(first: readonly string[], latest: readonly string[]): SessionStatistics {
  const created = decodeUpdate(new HeaderLines(first));
  const { fromTag, toTag } = decodeUpdate(new HeaderLines(latest));
  return {
    "call_id": created.callId,
    "from_tag": created.fromTag,
    "from_uri": created.fromUri,
    "to_tag": (fromTag === created.fromTag ? toTag : fromTag) ?? null,
    "to_uri": created.toUri,
    "start_time": null,
    duration: 0,
    "caller_ua": created.type === "request" ? created.userAgent : "Unknown",
    "callee_ua": created.type === "reply" ? created.userAgent : "Unknown",
    username: created.signalingIp?.username ?? null,
    streams: [],
    "dialog_id": created.dialogId ?? null,
  };
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
