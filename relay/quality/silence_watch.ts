/**
 * Notices that a party of an audio stream is not heard, and that it is heard again.
 *
 * | before  | nothing of either | nothing of one party | both are heard |
 * | ------- | ----------------- | -------------------- | -------------- |
 * | all well | noticed: silent  | noticed: one-way     |                |
 * | silent  |                   | ended; noticed: one-way | ended       |
 * | one-way | ended; noticed: silent | the other party: ended, noticed | ended |
 *
 * It is a notice, and ends nothing: announcements and muted phones are one-way and well.
 * @module
 */
import { bracketed } from "../../src/control/media_header.ts";
import type { MediaProblem, SilenceCause } from "../../src/control/problem.ts";
import type { Leg } from "../leg.ts";
import { Silence } from "./silence.ts";

/** Enough for any call; a phone that suppresses silence for long stretches would fill memory with more. */
const MAX_PROBLEMS = 16;

/** As `MediaProblem`, with instants. */
export interface SilenceProblem {
  readonly kind: MediaProblem["kind"];
  readonly causes: MediaProblem["causes"];
  readonly startedAtMs: number;
  /** Infinity while it goes on. */
  endedAtMs: number;
}

/** What is to be said of a change. */
export interface SilenceNews {
  readonly kind: "noticed" | "ended";
  readonly text: string;
}

const NO_NEWS: readonly SilenceNews[] = [];

interface WatchedParty {
  readonly name: "caller" | "callee";
  readonly rtp: Leg;
  readonly silence: Silence;
}

export class SilenceWatch {
  readonly problems: SilenceProblem[] = [];
  readonly #parties: readonly WatchedParty[];

  constructor(caller: { readonly rtp: Leg; readonly rtcp: Leg }, callee: { readonly rtp: Leg; readonly rtcp: Leg }) {
    this.#parties = [
      { name: "caller", rtp: caller.rtp, silence: new Silence(caller.rtp, caller.rtcp) },
      { name: "callee", rtp: callee.rtp, silence: new Silence(callee.rtp, callee.rtcp) },
    ];
  }

  /** The problem that goes on. */
  get current(): SilenceProblem | undefined {
    const last = this.problems.at(-1);
    return last?.endedAtMs === Infinity ? last : undefined;
  }

  /**
   * When the party that was last heard longer ago was heard, apart from those whose silence was noticed; -Infinity if one
   * was not, Infinity if there is none.
   */
  get heardSinceMs(): number {
    const causes = this.current?.causes;
    let sinceMs = Infinity;
    for (const { name, rtp } of this.#parties) {
      if (causes?.[name] === undefined) sinceMs = Math.min(sinceMs, rtp.lastMediaAtMs);
    }
    return sinceMs;
  }

  /** Why nothing comes from a party. Of use only if nothing does. */
  cause(party: "caller" | "callee"): SilenceCause {
    return this.#parties[party === "caller" ? 0 : 1]!.silence.cause();
  }

  /**
   * Looks whether both parties are heard; they should be since `sinceMs` (Infinity: nobody has to send), and silence is
   * noticed after `afterMs`. Returns what is new.
   */
  check(sinceMs: number, afterMs: number, nowMs: number): readonly SilenceNews[] {
    const silent = this.#parties.filter((party) => this.#isSilent(party, sinceMs, afterMs, nowMs));
    const { current } = this;
    if (current === undefined && silent.length === 0) return NO_NEWS;
    const names = silent.map(({ name }) => name);
    if (names.join() === Object.keys(current?.causes ?? {}).join()) return NO_NEWS;
    const news: SilenceNews[] = [];
    if (current !== undefined) {
      current.endedAtMs = nowMs;
      const seconds = Math.round((nowMs - current.startedAtMs) / 1000);
      const why = sinceMs === Infinity ? "nobody has to send any more" : `${current.kind} audio is over`;
      news.push({ kind: "ended", text: `${why}, after ${seconds} s` });
    }
    if (names.length > 0) news.push(this.#notice(silent, sinceMs, nowMs));
    return news;
  }

  #isSilent({ name, silence }: WatchedParty, sinceMs: number, afterMs: number, nowMs: number): boolean {
    const { current } = this;
    const heardAtMs = silence.heardAtMs();
    if (sinceMs === Infinity) return false;
    // A re-INVITE gives everybody time to begin again, but ends no silence.
    if (current?.causes[name] !== undefined) return heardAtMs <= current.startedAtMs;
    return nowMs - Math.max(sinceMs, heardAtMs) >= afterMs;
  }

  #notice(silent: readonly WatchedParty[], sinceMs: number, nowMs: number): SilenceNews {
    const causes = Object.fromEntries(silent.map(({ name, silence }) => [name, silence.cause()]));
    const startedAtMs = Math.max(sinceMs, ...silent.map(({ silence }) => silence.heardAtMs()));
    const kind = silent.length === 2 ? "silent" : "one-way";
    if (this.problems.length >= MAX_PROBLEMS) this.problems.shift();
    this.problems.push({ kind, causes, startedAtMs, endedAtMs: Infinity });
    const seconds = Math.round((nowMs - startedAtMs) / 1000);
    const who = silent.length === 2 ? "either party" : `the ${silent[0]!.name}`;
    const reasons = silent.map(({ name, rtp }) => `${name}: ${causes[name]}${refusedText(rtp, causes[name])}`).join(
      "; ",
    );
    return { kind: "noticed", text: `${kind} audio: nothing has come from ${who} for ${seconds} s (${reasons})` };
  }

  /** The stream has ended, and its problems with it. */
  close(nowMs: number): void {
    if (this.current !== undefined) this.current.endedAtMs = nowMs;
  }
}

function refusedText({ refused }: Leg, cause: string | undefined): string {
  return refused.port === 0 || refused.reason !== cause
    ? ""
    : `, last from ${bracketed(refused.hostname)}:${refused.port}`;
}
