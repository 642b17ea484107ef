/**
 * The relays that are connected, those that were lost, and which of them a new call should try.
 *
 * A relay is known by the address it connects from, the address it calls its own, and its port range, so that two
 * relays behind one address are two. It says so in its `summary`, which it is asked for first of all.
 * @module
 */
import type { RelaySummary } from "../control/statistics.ts";
import type { Logger } from "../env/log.ts";
import { type RandomSource, shuffle } from "../env/random.ts";
import type { RelayLink } from "./relay_link.ts";

export class RelayTable {
  readonly #random: RandomSource;
  readonly #log: Logger;
  readonly #connected = new Set<RelayLink>();
  /** Lost relays with when they were lost, the oldest first. */
  readonly #lost = new Map<RelayLink, number>();

  constructor(random: RandomSource, log: Logger) {
    this.#random = random;
    this.#log = log;
  }

  get connected(): readonly RelayLink[] {
    return [...this.#connected];
  }

  add(link: RelayLink): void {
    this.#connected.add(link);
  }

  /**
   * Notes what `link` says of itself, and returns the connections that the same relay had before. One that still
   * seems to be up is cut, and what is pending there fails: the relay knows better. One that says nothing cuts nobody.
   */
  identify(link: RelayLink, summary: RelaySummary | undefined): RelayLink[] {
    if (summary === undefined) return [];
    link.ip = summary.ip;
    link.identity = `${link.transport.hostname} ${link.ip} ${summary.port_range ?? ""}`;
    link.capabilities = new Set(summary.capabilities);
    const same = (other: RelayLink) => other !== link && other.identity === link.identity;
    const before = [...this.#connected].filter(same);
    for (const old of before) {
      old.transport.close("the relay has connected again");
      old.closed();
    }
    return [...before, ...[...this.#lost.keys()].filter(same)];
  }

  lose(link: RelayLink, nowMs: number): void {
    if (this.#connected.delete(link)) this.#lost.set(link, nowMs);
  }

  /** Forgets a lost relay; its sessions must have been dealt with. */
  forget(link: RelayLink): void {
    this.#connected.delete(link);
    this.#lost.delete(link);
  }

  /** The relays that were lost before `beforeMs`. */
  lostBefore(beforeMs: number): RelayLink[] {
    return [...this.#lost].filter(([, lostAtMs]) => lostAtMs < beforeMs).map(([link]) => link);
  }

  /**
   * The relays for a new call, best first: the preferred one if it is active, then the others in random order. The
   * address that a relay calls its own says more than the one it connects from, which it may share with others.
   */
  candidates(preferred: string | undefined, callId: string): RelayLink[] {
    const active = shuffle(this.#random, [...this.#connected].filter((link) => link.state === "active"));
    if (preferred === undefined) return active;
    const rank = (link: RelayLink) => link.ip === preferred ? 0 : link.transport.hostname === preferred ? 1 : 2;
    if (!active.some((link) => rank(link) < 2)) {
      this.#log.warning(`media_relay ${preferred} is not available, taking another`, { callId });
    }
    return active.toSorted((one, other) => rank(one) - rank(other));
  }
}
