/** Sessions that have ended lately, because people ask after the call. @module */
import type { Session } from "./session.ts";

/**
 * Some 300 KB for each worker; a busy hour has more, but who asks does it soon. Not 100: where V8 sees 80 of 100 or more
 * new objects of a kind survive a collection of young ones, as those of sessions kept here may when calls are short, it
 * takes all further ones for long-lived and makes them old at once, each with its session. Such collections took 6 to 15 ms
 * then instead of 1, in four of six workers within a minute of `bench control`, and packets waited for them. With 50 it
 * came to that in none of six, and a cycle took 5 % less of the relay's CPU time (Deno 2.9.6, seen with
 * --trace-pretenuring-statistics).
 */
const MAX_SESSIONS = 50;

/** A session that has ended. */
export interface EndedSession {
  readonly session: Session;
  readonly endedAtMs: number;
}

/**
 * A ring, because the array behind one that is pushed to and shifted is replaced again and again, and each old one keeps
 * all its sessions from being collected while they are young: a collection of young objects took 7 ms then instead of
 * 0.7, and a cycle of offer, answer and removal 60 us of CPU time instead of 45 (Deno 2.9.6, 20 cycles at a time).
 */
export class RecentSessions {
  readonly #ring: EndedSession[] = [];
  /** How many have been added. */
  #added = 0;

  add(session: Session, endedAtMs: number): void {
    this.#ring[this.#added++ % MAX_SESSIONS] = { session, endedAtMs };
  }

  /** Those whose Call-ID `matches`, the latest first. */
  find(matches: (callId: string) => boolean): EndedSession[] {
    const oldest = this.#added % MAX_SESSIONS;
    return [...this.#ring.slice(oldest), ...this.#ring.slice(0, oldest)]
      .filter(({ session }) => matches(session.callId)).reverse();
  }
}
