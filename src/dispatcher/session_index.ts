/**
 * Which relay carries which call. An index only: the relays own the sessions, and it can be rebuilt from them.
 *
 * A session is known by Call-ID and caller's tag, so two dialogs under one Call-ID are two sessions; it is also found
 * with the tags swapped, as they stand in the callee's requests.
 * @module
 */
import type { Headers } from "../control/headers.ts";
import { ChurningMap } from "../env/churning_map.ts";
import type { RelayLink } from "./relay_link.ts";

/** A call's session, from the first `update` until it is removed, and for a while after it expired. */
export class IndexedSession {
  /** `undefined` while a relay is being looked for. */
  relay: RelayLink | undefined = undefined;
  dialogId: string | undefined;
  /** The tags of callees that answered; more than one if the INVITE was forked (RFC 3261 §13.2.2.4). */
  readonly toTags = new Set<string>();
  /** When it expired on its relay; Infinity while it is up. */
  expiredAtMs = Infinity;
  /** `remove` came while the relay was away: to be done when it is back. */
  removeHeaders: Headers | undefined = undefined;
  /** Requests of the same call that came while a relay was being looked for, in order. */
  readonly waiting: (() => void)[] = [];
  constructor(readonly callId: string, readonly fromTag: string, dialogId: string | undefined) {
    this.dialogId = dialogId;
  }
}

export class SessionIndex {
  readonly #byCallId = new ChurningMap<string, Map<string, IndexedSession>>();
  /** Sessions that expired, in the order in which they did. */
  readonly #expired = new Set<IndexedSession>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(callId: string, fromTag: string, toTag: string | undefined): IndexedSession | undefined {
    const sameCallId = this.#byCallId.get(callId);
    if (sameCallId === undefined) return undefined;
    return sameCallId.get(fromTag) ?? (toTag === undefined ? undefined : sameCallId.get(toTag));
  }

  add(session: IndexedSession): void {
    let sameCallId = this.#byCallId.get(session.callId);
    if (sameCallId === undefined) this.#byCallId.set(session.callId, sameCallId = new Map());
    const before = sameCallId.get(session.fromTag);
    if (before !== undefined) this.delete(before);
    this.#byCallId.set(session.callId, sameCallId); // the last line may have dropped it
    sameCallId.set(session.fromTag, session);
    this.#size++;
  }

  /** Forgets the session. Twice is harmless. */
  delete(session: IndexedSession): void {
    const sameCallId = this.#byCallId.get(session.callId);
    if (sameCallId?.get(session.fromTag) !== session) return;
    sameCallId.delete(session.fromTag);
    if (sameCallId.size === 0) this.#byCallId.delete(session.callId);
    this.#expired.delete(session);
    this.#size--;
  }

  /** Remembers that the session expired, so that a `remove` that follows is no error. */
  expire(session: IndexedSession, nowMs: number): void {
    session.relay = undefined;
    session.expiredAtMs = nowMs;
    this.#expired.add(session);
  }

  /** Forgets sessions that expired before `beforeMs`. */
  forgetExpired(beforeMs: number): void {
    for (const session of this.#expired) {
      if (session.expiredAtMs >= beforeMs) return;
      this.delete(session);
    }
  }

  /** The sessions that `relay` carries. Looks through all: it is asked for when a relay is lost, or comes back. */
  of(relay: RelayLink): readonly IndexedSession[] {
    return [...this.#byCallId.values()].flatMap((sameCallId) =>
      [...sameCallId.values()].filter((session) => session.relay === relay)
    );
  }
}
