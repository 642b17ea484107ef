/**
 * The dispatcher: chooses a relay for each new call, sends the messages of known calls to theirs, and hands the
 * statistics of ended calls to accounting.
 *
 * A request's life:
 * 1. `io/control_server.ts` reads bytes from the SIP server; `control_connection.ts` makes requests of them, in order.
 * 2. `dispatcher.ts` (here) looks the call up in `session_index.ts`.
 * 3. A new call: `placement.ts` tries the relays that `relay_table.ts` suggests. A known one: its own relay.
 * 4. `relay_link.ts` sends the command and takes the answer, or the lack of one.
 * 5. The end of a call goes through `endings.ts` to accounting, and to the SIP server if media stopped.
 * 6. The answer goes back, behind those of the requests before it on the same connection.
 *
 * After a restart the index is empty. Each relay that connects is asked for its sessions, and the index is what they say.
 * @module
 */
import {
  ControlSyntaxError,
  decodeRemove,
  decodeSessions,
  decodeStatistics,
  decodeSummary,
  type Headers,
  isPorts,
  type Remove,
  type Request,
  type SessionStatistics,
} from "../control/mod.ts";
import type { Clock } from "../env/clock.ts";
import { type Logger, quoted, withFields } from "../env/log.ts";
import type { RandomSource } from "../env/random.ts";
import { type DispatcherOutputs, Endings } from "./endings.ts";
import { Placement } from "./placement.ts";
import { type RelayCommand, RelayLink, type RelayLinkOptions, type RelayTransport } from "./relay_link.ts";
import { RelayTable } from "./relay_table.ts";
import { IndexedSession, SessionIndex } from "./session_index.ts";

export interface DispatcherOptions extends RelayLinkOptions {
  readonly cleanupDeadRelaysAfterMs: number;
  readonly cleanupExpiredSessionsAfterMs: number;
}

/** After a restart, removals of calls that no relay has reported yet are remembered for so long. */
const RECOVERY_MS = 60_000;
const MAX_REMEMBERED_REMOVALS = 10_000;
const NO_HEADERS: Headers = new Map();

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #endings: Endings;
  readonly #index = new SessionIndex();
  readonly #relays: RelayTable;
  readonly #placements: Placement[] = [];
  readonly #recoveringUntilMs: number;
  /** Whether any relay has said what it carries. */
  #anyReported = false;
  /** By Call-ID. */
  readonly #rememberedRemovals = new Map<string, Remove>();

  constructor(options: DispatcherOptions, outputs: DispatcherOutputs, clock: Clock, random: RandomSource, log: Logger) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#endings = new Endings(outputs, random, log);
    this.#relays = new RelayTable(random, log);
    this.#recoveringUntilMs = clock.nowMs() + RECOVERY_MS;
  }

  get relays(): readonly RelayLink[] {
    return this.#relays.connected;
  }

  get sessionCount(): number {
    return this.#index.size;
  }

  /**
   * Executes a SIP server's request. `answer` is called exactly once, with the answer's text.
   * Never throws for what the request holds.
   */
  handle(request: Request, answer: (text: string) => void): void {
    const { command, headers } = request;
    const callId = headers.get("call_id");
    const log = callId === undefined ? this.#log : withFields(this.#log, { callId });
    try {
      const call = decodeRemove(headers); // the same headers name the call in every command
      if (command === "update") return this.#update(call, headers, answer, log);
      if (command === "remove") return this.#remove(call, headers, answer, log);
      log.error(`unknown command ${quoted(command)}`);
    } catch (error) {
      if (!(error instanceof ControlSyntaxError)) throw error;
      log.error(error.message, { command: quoted(command) });
    }
    answer("error");
  }

  #update(call: Remove, headers: Headers, answer: (text: string) => void, log: Logger): void {
    const known = this.#index.find(call.callId, call.fromTag, call.toTag);
    if (known === undefined || known.expiredAtMs !== Infinity) {
      if (known !== undefined) this.#index.delete(known); // it would hide the new one, should the tags stand the other way
      return this.#place(call, headers, answer, log);
    }
    if (known.relay === undefined) {
      known.waiting.push(() => this.#update(call, headers, answer, log));
      return;
    }
    known.dialogId ??= headers.get("dialog_id");
    if (headers.get("type") === "reply" && call.toTag !== undefined && call.fromTag === known.fromTag) {
      known.toTags.add(call.toTag);
    }
    known.relay.send("update", headers, (result) => {
      if (result.kind === "answer" && isPorts(result.body)) return answer(result.body);
      log.error(`the relay of the call refused: ${result.kind === "answer" ? quoted(result.body) : result.reason}`);
      answer("error");
    });
  }

  #place(call: Remove, headers: Headers, answer: (text: string) => void, log: Logger): void {
    const session = new IndexedSession(call.callId, call.fromTag, headers.get("dialog_id"));
    this.#index.add(session);
    const finish = (text: string) => {
      this.#placements.splice(this.#placements.indexOf(placement), 1);
      answer(text);
      for (const next of session.waiting.splice(0)) next();
    };
    const placement: Placement = new Placement(
      headers,
      this.#relays.candidates(headers.get("media_relay"), call.callId),
      {
        placed: (relay, ports) => {
          session.relay = relay;
          if (headers.get("type") === "reply" && call.toTag !== undefined) session.toTags.add(call.toTag);
          finish(ports);
        },
        failed: () => {
          this.#index.delete(session);
          finish("error");
        },
        unwanted: (relay) => this.#discard(relay, headers, log),
      },
      this.#clock,
      log,
    );
    this.#placements.push(placement);
    placement.tryNext();
  }

  /** A relay has a session that it must not keep. */
  #discard(relay: RelayLink, headers: Headers, log: Logger): void {
    log.info("removing the session from a relay that does not carry the call", { relay: relay.transport.text });
    relay.send("remove", headersOf(headers), () => {});
  }

  #remove(call: Remove, headers: Headers, answer: (text: string) => void, log: Logger): void {
    const session = this.#index.find(call.callId, call.fromTag, call.toTag);
    if (session === undefined) {
      log.warning("cannot remove the session: it is unknown");
      return answer(this.#rememberRemoval(call) ? "removed" : "error");
    }
    if (session.expiredAtMs !== Infinity) {
      this.#index.delete(session);
      return answer("removed");
    }
    const { relay } = session;
    if (relay === undefined) {
      session.waiting.push(() => this.#remove(call, headers, answer, log));
      return;
    }
    const calleeTag = call.fromTag === session.fromTag ? call.toTag : call.fromTag;
    if (calleeTag !== undefined && session.toTags.size > 1 && session.toTags.delete(calleeTag)) {
      log.info(`branch ${calleeTag} ended, the call goes on with another`);
      if (relay.capabilities.has("branches")) {
        relay.send("remove", headers, (result) => {
          if (result.kind === "answer") this.#ended(session, result.body, log); // the relay knows of no other branch
        });
      }
      return answer("removed");
    }
    relay.send("remove", headers, (result) => {
      if (result.kind === "answer") {
        this.#ended(session, result.body, log);
        return answer("removed");
      }
      log.error(`cannot remove the session: ${result.reason}`);
      if (result.reason === "error") this.#index.delete(session);
      else session.removeHeaders = headers;
      answer(session.expiredAtMs === Infinity ? "error" : "removed"); // it may have expired in the meantime
    });
  }

  /** Returns whether the call may well exist: no relay has said yet what it carries. */
  #rememberRemoval(call: Remove): boolean {
    if (this.#clock.nowMs() >= this.#recoveringUntilMs) return false;
    if (this.#rememberedRemovals.size < MAX_REMEMBERED_REMOVALS) {
      this.#rememberedRemovals.set(call.callId, call);
    }
    return !this.#anyReported;
  }

  #ended(session: IndexedSession, json: string, log: Logger): void {
    this.#index.delete(session);
    try {
      this.#endings.account(decodeStatistics(json), session.dialogId, false, log);
    } catch (error) {
      if (!(error instanceof ControlSyntaxError)) throw error;
      log.error(`the statistics of the session are lost: ${error.message}`);
    }
  }

  /** A relay has connected. Returns its link: the connection gives it what it receives, and tells it when it is closed. */
  addRelay(transport: RelayTransport): RelayLink {
    let before: RelayLink[] = [];
    const introduced = (body: string) => {
      before = this.#relays.identify(link, this.#decode(link, body, decodeSummary));
    };
    const reported = (body: string) => {
      const sessions = this.#decode(link, body, decodeSessions);
      if (sessions !== undefined) this.#adopt(link, sessions, before);
    };
    const link: RelayLink = new RelayLink(
      transport,
      this.#options,
      {
        expired: (from, json) => this.#expired(from, json),
        answeredLate: (from, command, headers, body) => {
          if (command === "summary") introduced(body);
          else if (command === "sessions") reported(body);
          else if (command !== "explain") this.#answeredLate(from, command, headers, body);
        },
      },
      this.#clock,
      this.#log,
    );
    this.#relays.add(link);
    this.#log.info("relay connected", { relay: transport.text });
    link.send("summary", NO_HEADERS, (result) => {
      if (result.kind === "answer") introduced(result.body);
    });
    link.send("sessions", NO_HEADERS, (result) => {
      if (result.kind === "answer") reported(result.body);
    });
    return link;
  }

  #decode<T>(link: RelayLink, body: string, decode: (json: string) => T): T | undefined {
    try {
      return decode(body);
    } catch (error) {
      if (!(error instanceof ControlSyntaxError)) throw error;
      this.#log.error(error.message, { relay: link.transport.text });
      return undefined;
    }
  }

  /** `sessions` is what the relay carries; what its earlier connections are said to carry beyond that is gone. */
  #adopt(link: RelayLink, sessions: readonly SessionStatistics[], before: readonly RelayLink[]): void {
    this.#anyReported = true;
    for (const { call_id, from_tag, to_tag, dialog_id, own } of sessions) {
      let session = this.#index.find(call_id, from_tag, to_tag ?? undefined);
      const carrier = session?.relay;
      if (own === false) { // another dispatcher commands it, and will hear of its end
        if (session !== undefined && carrier !== undefined && before.includes(carrier)) this.#index.delete(session);
        continue;
      }
      if (carrier !== undefined && carrier !== link && carrier.state !== "closed") { // the call was placed anew
        const headers = removeHeaders(call_id, from_tag, to_tag ?? undefined);
        this.#discard(link, headers, withFields(this.#log, { callId: call_id }));
        continue;
      }
      if (session === undefined || session.expiredAtMs !== Infinity) {
        session = new IndexedSession(call_id, from_tag, dialog_id ?? undefined);
        this.#index.add(session);
      }
      session.dialogId ??= dialog_id ?? undefined;
      if (to_tag !== null) session.toTags.add(to_tag);
      session.relay = link;
      this.#removeIfAsked(session);
    }
    this.#log.info(`relay carries ${sessions.length} sessions`, { relay: link.transport.text });
    for (const old of before) {
      for (const session of this.#index.of(old)) this.#lost(session, "its relay does not have it any more");
      this.#relays.forget(old);
    }
  }

  #removeIfAsked(session: IndexedSession): void {
    const { callId, fromTag, toTags } = session;
    const asked = this.#rememberedRemovals.get(callId);
    const isAsked = asked?.fromTag === fromTag || asked?.toTag === fromTag;
    if (session.removeHeaders === undefined && !isAsked) return;
    const headers = session.removeHeaders ?? removeHeaders(callId, fromTag, [...toTags][0]);
    this.#remove(decodeRemove(headers), headers, () => {}, withFields(this.#log, { callId }));
  }

  #lost(session: IndexedSession, reason: string): void {
    this.#log.warning(`session lost, and its statistics with it: ${reason}`, { callId: session.callId });
    this.#index.delete(session);
    const hungUp = session.removeHeaders !== undefined;
    if (session.toTags.size > 0 && !hungUp) this.#endings.endDialog(session.dialogId, session.callId);
  }

  #expired(link: RelayLink, json: string): void {
    const statistics = this.#decode(link, json, decodeStatistics);
    if (statistics === undefined) return;
    const { call_id: callId, from_tag, to_tag } = statistics;
    const log = withFields(this.#log, { callId });
    const session = this.#index.find(callId, from_tag, to_tag ?? undefined);
    const carrier = session?.relay;
    if (carrier !== undefined && carrier !== link && carrier.state !== "closed") {
      return log.info("a relay that does not carry the call has dropped its session", { relay: link.transport.text });
    }
    const dialogId = session?.dialogId ?? statistics.dialog_id ?? undefined;
    const timedOut = this.#endings.account(statistics, dialogId, true, log);
    if (session !== undefined && carrier !== undefined) this.#index.expire(session, this.#clock.nowMs());
    const relayed = statistics.streams.some(({ status }) => status !== "rejected");
    if (timedOut && to_tag !== null && relayed) this.#endings.endDialog(dialogId, callId);
  }

  #answeredLate(link: RelayLink, command: RelayCommand, headers: Headers, body: string): void {
    if (body === "error" || body === "halting") return;
    const call = decodeRemove(headers);
    const log = withFields(this.#log, { callId: call.callId });
    const session = this.#index.find(call.callId, call.fromTag, call.toTag);
    if (command === "remove") {
      if (session !== undefined) this.#ended(session, body, log);
    } else if (session?.relay !== link) {
      this.#discard(link, headers, log);
    }
  }

  /** The relay's connection is gone. */
  removeRelay(link: RelayLink, reason: string): void {
    link.closed();
    this.#relays.lose(link, this.#clock.nowMs());
    this.#log.error(`relay disconnected: ${reason}`, { relay: link.transport.text });
  }

  /** Sees to time limits. To be called every 50 ms or so. */
  handleTimeout(): void {
    const nowMs = this.#clock.nowMs();
    for (const link of this.#relays.connected) link.handleTimeout();
    for (const placement of [...this.#placements]) placement.handleTimeout();
    for (const link of this.#relays.lostBefore(nowMs - this.#options.cleanupDeadRelaysAfterMs)) {
      for (const session of this.#index.of(link)) this.#lost(session, "its relay has not come back");
      this.#relays.forget(link);
    }
    this.#index.forgetExpired(nowMs - this.#options.cleanupExpiredSessionsAfterMs);
    if (nowMs >= this.#recoveringUntilMs) this.#rememberedRemovals.clear();
  }
}

/** The headers of `remove` for the session that an `update` set up. */
function headersOf(update: Headers): Headers {
  const { callId, fromTag, toTag } = decodeRemove(update);
  return removeHeaders(callId, fromTag, toTag);
}

function removeHeaders(callId: string, fromTag: string, toTag: string | undefined): Headers {
  const headers = new Map([["call_id", callId], ["from_tag", fromTag]]);
  return toTag === undefined ? headers : headers.set("to_tag", toTag);
}
