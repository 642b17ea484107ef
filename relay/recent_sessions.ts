/** Sessions that have ended lately, because people ask after the call. @module */
import type { Session } from "./session.ts";

/** About a megabyte; a busy hour has more, but who asks does it soon. */
const MAX_SESSIONS = 100;

/** A session that has ended. */
export interface EndedSession {
  readonly session: Session;
  readonly endedAtMs: number;
}

export class RecentSessions {
  readonly #sessions: EndedSession[] = [];

  add(session: Session, endedAtMs: number): void {
    this.#sessions.push({ session, endedAtMs });
    if (this.#sessions.length > MAX_SESSIONS) this.#sessions.shift();
  }

  /** Those whose Call-ID `matches`, the latest first. */
  find(matches: (callId: string) => boolean): EndedSession[] {
    return this.#sessions.filter(({ session }) => matches(session.callId)).reverse();
  }
}
