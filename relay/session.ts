/**
 * One call's media on a relay: follows its SDP offers and answers (RFC 3264) by the CSeq numbers of their messages.
 *
 * An exchange is an offer with its answers. Each party counts its own requests, so an exchange is named by whose
 * transaction it is and by the CSeq number:
 *
 * | message                                      | is                                                             |
 * | -------------------------------------------- | -------------------------------------------------------------- |
 * | higher CSeq in its direction than any before | an offer                                                        |
 * | CSeq of the latest exchange, other party     | an answer: the first ends the streams of the exchange before    |
 * | CSeq of the latest exchange, same party      | the offer again: a retransmission, or a fork that comes later   |
 * | anything else                                | too old: changes nothing, and is told the ports as they are now |
 *
 * An offer that is never answered (a re-INVITE that was refused) leaves the streams that are up as they were.
 * @module
 */
import type { Update } from "../src/control/commands.ts";
import { ControlSyntaxError } from "../src/control/errors.ts";
import { NOT_QUEUED, type Timed } from "../src/env/deadlines.ts";
import type { Logger } from "../src/env/log.ts";
import type { Interfaces, PartyAddresses } from "./interfaces.ts";
import type { LearntHow } from "./learning/learning.ts";
import type { Leg } from "./leg.ts";
import { RefusedError } from "./refused_error.ts";
import { bundledIndex, signalledBy } from "./signalled.ts";
import { type Deadline, type Signalled, Stream, type StreamEnvironment, type StreamOwner } from "./stream.ts";
import { otherParty, type Party, type PartyInterfaces } from "./transport.ts";

/** Streams that ended while the call goes on are remembered for the statistics, up to this many. */
const MAX_ENDED_STREAMS = 64;
const LOOK_MS = 1000;
/** A call that the kernel carries is not looked at for so long, at most. */
const MAX_WAIT_MS = 5000;
/** Far more callees than a forked INVITE has. */
const MAX_BRANCHES = 32;

/** What a session needs from around it. */
export interface SessionEnvironment extends StreamEnvironment {
  readonly interfaces: Interfaces;
  /** It is time to look at the session. */
  due(session: Session, nowMs: number): void;
  /** The session's deadline may be earlier now. */
  hastened(session: Session): void;
}

/** What a party is told: where it is to send. */
export interface RelayMedia {
  readonly address: string;
  /** RTP ports, one per stream, 0 where there is none. */
  readonly ports: readonly number[];
}

const NO_STREAMS: readonly Stream[] = [];
const UNKNOWN_PLACE: PartyAddresses = { sdp: "", signaling: "" };
/** Most calls have no more than one callee that answers, and a map of their own is 190 bytes (Deno 2.9.6). */
const NO_ANSWERS: ReadonlyMap<string, readonly Signalled[]> = new Map();

interface Exchange {
  readonly transactionOf: Party;
  readonly cseq: number;
  readonly offerer: Party;
  readonly streams: readonly Stream[];
  answered: boolean;
}

export class Session implements StreamOwner, Timed {
  queueIndex = NOT_QUEUED;
  readonly createdAtMs: number;
  readonly callId: string;
  readonly fromTag: string;
  readonly fromUri: string;
  readonly toUri: string;
  /** The tag of the callee that answered; `undefined` before a final answer. */
  toTag: string | undefined = undefined;
  callerUserAgent: string | undefined = undefined;
  calleeUserAgent: string | undefined = undefined;
  username: string | undefined;
  dialogId: string | undefined;
  /** The dispatcher that last commanded the session: where it is reported when it expires. */
  dispatcher: string;
  /** When the call was answered (RFC 3261 §13.2.2), or early media began. */
  startedAtMs = Infinity;
  /** When the main isolate is to be told of it anew; -Infinity after an update. */
  recordAtMs = -Infinity;
  readonly #env: SessionEnvironment;
  readonly #log: Logger;
  #latest: Exchange | undefined = undefined;
  /** The streams that an answer has made part of the call. */
  #established: readonly Stream[] = [];
  readonly #ended: Stream[] = [];
  /** Tags and answers of the callees of a forked INVITE that answered after the first (RFC 3261 §13.2.2.4). */
  #laterAnswers: ReadonlyMap<string, readonly Signalled[]> = NO_ANSWERS;
  /** When the callee that answered did; Infinity before it: unlike `startedAtMs`, not when early media began. */
  #calleeAtMs = Infinity;
  readonly #places: Record<Party, PartyAddresses> = { caller: UNKNOWN_PLACE, callee: UNKNOWN_PLACE };
  #interfaces: PartyInterfaces;
  readonly #lastCseq: Record<Party, number> = { caller: -1, callee: -1 };
  #updatedAtMs: number;
  #timedOut = false;
  #lookedAtMs: number;

  /** `update` is the first message; it is not applied yet. */
  constructor(env: SessionEnvironment, log: Logger, dispatcher: string, update: Update, nowMs: number) {
    this.#env = env;
    this.#log = log;
    this.dispatcher = dispatcher;
    this.callId = update.callId;
    this.fromTag = update.fromTag;
    this.fromUri = update.fromUri;
    this.toUri = update.toUri;
    this.username = update.signalingIp?.username;
    this.dialogId = update.dialogId;
    this.createdAtMs = this.#updatedAtMs = this.#lookedAtMs = nowMs;
    this.#interfaces = { caller: env.interfaces.first, callee: env.interfaces.first };
  }

  /**
   * Applies an offer or answer. Returns what to write into the SDP.
   * @throws PortsExhaustedError | ControlSyntaxError | RefusedError, having changed nothing.
   */
  update(update: Update, nowMs: number): RelayMedia {
    const transactionOf: Party = update.fromTag === this.fromTag ? "caller" : "callee";
    const party: Party = (transactionOf === "caller") === (update.type === "request") ? "caller" : "callee";
    const latest = this.#latest;
    const isLatest = latest?.transactionOf === transactionOf && latest.cseq === update.cseq;
    const signalled = signalledBy(update, this.#env.interfaces);
    let streams = latest?.streams ?? [];
    this.#refuse(signalled, party);
    if (isLatest && this.#isOurs(streams, party, update.media)) {
      this.#log.debug("its SDP has been here before, by way of another proxy");
      this.#remember(update, party, nowMs);
      return this.#answerFor(streams, party, update.media);
    }
    this.#locate(update, party);
    if (isLatest && party !== latest.offerer) {
      this.#answer(latest, party, update, signalled, nowMs);
    } else if (isLatest) {
      this.#repeatOffer(latest, party, signalled, nowMs);
    } else if (update.cseq > this.#lastCseq[transactionOf] && signalled.length > 0) {
      streams = this.#offer({ transactionOf, cseq: update.cseq, offerer: party }, signalled, nowMs).streams;
    } else {
      this.#log.info(() => `CSeq ${update.cseq} of the ${transactionOf} is older than what is known, ignoring its SDP`);
    }
    this.#remember(update, party, nowMs);
    return this.#answerFor(streams, party, update.media);
  }

  #refuse(signalled: readonly Signalled[], party: Party): void {
    const { maxStreamsPerSession } = this.#env.limits;
    if (signalled.length > maxStreamsPerSession) {
      throw new RefusedError(
        "max_streams_per_session",
        `Cannot relay ${signalled.length} streams: max_streams_per_session is ${maxStreamsPerSession}`,
      );
    }
    const local = this.#interfaces[party];
    const loop = signalled.find(({ media: { address, port } }) =>
      port !== 0 && (address === local.address || address === local.advertised) &&
      this.liveStreams.some((stream) => stream.portFor(party) === (port & ~1))
    );
    if (loop === undefined) return;
    const { address, port } = loop.media;
    throw new RefusedError("loop", `Cannot relay to ${address}:${port}: it is where the ${party} itself sends to`);
  }

  /** Whether an SDP has the addresses that we wrote into it: two proxies on a call's way may use one relay. */
  #isOurs(streams: readonly Stream[], party: Party, media: Update["media"]): boolean {
    if (media === undefined || media.length !== streams.length || media.every(({ port }) => port === 0)) return false;
    const { address, ports } = this.#answerFor(streams, party, media);
    return media.every((it, index) => it.port === ports[index] && (it.port === 0 || it.address === address));
  }

  #locate({ media, signalingIp }: Update, party: Party): void {
    const before = this.#places[party];
    const sdp = media?.find(({ port }) => port !== 0)?.address ?? before.sdp;
    this.#places[party] = { sdp, signaling: signalingIp?.source ?? before.signaling };
    const other = otherParty(party);
    if (signalingIp?.destination !== undefined && this.#places[other].signaling === "") {
      this.#places[other] = { sdp: this.#places[other].sdp, signaling: signalingIp.destination };
    }
  }

  /** A party of which nothing is known is likelier to be where the other one is than anywhere else. */
  #chooseInterfaces(): PartyInterfaces {
    const { interfaces } = this.#env;
    const [caller, callee] = [interfaces.choose(this.#places.caller), interfaces.choose(this.#places.callee)];
    return { caller: caller ?? callee ?? interfaces.first, callee: callee ?? caller ?? interfaces.first };
  }

  #remember(update: Update, party: Party, nowMs: number): void {
    this.#updatedAtMs = nowMs;
    this.dialogId ??= update.dialogId;
    this.username ??= update.signalingIp?.username;
    if (party === "caller") this.callerUserAgent ??= update.userAgent;
    else this.calleeUserAgent ??= update.userAgent;
    const calleeTag = update.fromTag === this.fromTag ? update.toTag : update.fromTag;
    if (this.toTag === undefined && calleeTag !== undefined) this.#calleeAtMs = nowMs;
    this.toTag ??= calleeTag;
  }

  // The address that a party is given is the one it sends to: the other side of what its peer is told.
  #answerFor(streams: readonly Stream[], party: Party, media: Update["media"]): RelayMedia {
    const receiver = otherParty(party);
    return {
      address: this.#interfaces[receiver].advertised,
      ports: streams.map((stream, index) => media?.[index]?.port === 0 ? 0 : stream.portFor(receiver)),
    };
  }

  #offer(
    exchange: Pick<Exchange, "transactionOf" | "cseq" | "offerer">,
    offers: readonly Signalled[],
    nowMs: number,
  ): Exchange {
    const before = [...this.#established, ...this.#pending()];
    const created: Stream[] = [];
    const kept = new Map<Stream, Signalled>();
    const old = offers.map((offer) => {
      const stream = before.find((it) => !kept.has(it) && it.continues(exchange.offerer, offer.media));
      if (stream !== undefined) kept.set(stream, offer);
      return stream;
    });
    // One address serves all streams of an SDP, so it can change only if none of them stays.
    const interfaces = kept.size > 0 ? this.#interfaces : this.#chooseInterfaces();
    let streams: Stream[];
    try {
      streams = [];
      for (const [index, offer] of offers.entries()) {
        const bundledWith = streams[bundledIndex(offers, index)];
        const stream = old[index] ??
          new Stream(this.#env, this, exchange.offerer, offer, interfaces, nowMs, bundledWith);
        if (old[index] === undefined) created.push(stream);
        streams.push(stream);
      }
    } catch (error) {
      for (const stream of created) stream.close("closed", nowMs);
      throw error;
    }
    this.#interfaces = interfaces;
    this.#log.debug("got SDP offer");
    for (const stream of streams) {
      const offer = kept.get(stream);
      const change = offer === undefined ? "proposed" : stream.update(exchange.offerer, offer, nowMs);
      this.#log.debug(() => `${change} stream: ${stream}`);
    }
    for (const stream of this.#pending()) {
      if (!kept.has(stream)) this.#end(stream, "closed", nowMs);
    }
    this.#lastCseq[exchange.transactionOf] = exchange.cseq;
    return this.#latest = { ...exchange, streams, answered: false };
  }

  /** Streams of an offer that has no answer. */
  #pending(): readonly Stream[] {
    const latest = this.#latest;
    if (latest === undefined || latest.answered) return NO_STREAMS;
    return latest.streams.filter((stream) => !this.#established.includes(stream));
  }

  #repeatOffer(exchange: Exchange, party: Party, offers: readonly Signalled[], nowMs: number): void {
    exchange.streams.forEach((stream, index) => {
      const offer = offers[index];
      if (!stream.alive || offer === undefined || offer.media.type !== stream.type) return;
      const change = stream.update(party, offer, nowMs);
      if (change === "updating") this.#log.info(() => `updating stream: ${stream}`);
    });
  }

  #answer(exchange: Exchange, party: Party, update: Update, answers: readonly Signalled[], nowMs: number): void {
    const calleeTag = update.fromTag === this.fromTag ? update.toTag : undefined;
    if (calleeTag !== undefined && this.toTag !== undefined && calleeTag !== this.toTag) {
      // Callers keep the first of several callees that answer; the media stay with it.
      if (this.#laterAnswers.size < MAX_BRANCHES) {
        this.#laterAnswers = new Map(this.#laterAnswers).set(calleeTag, answers);
      }
      this.#log.info(() => `to-tag ${calleeTag} answered after ${this.toTag}, the media stay with the first`);
      return;
    }
    const mismatch = answers.find((answer, index) => {
      const stream = exchange.streams[index];
      return stream !== undefined && stream.type !== answer.media.type;
    });
    if (mismatch !== undefined) {
      throw new ControlSyntaxError(
        `Cannot apply the answer: its ${mismatch.media.type} stream answers none of that type`,
      );
    }
    this.#log.debug(answers.length === 0 ? "answered without SDP" : "got SDP answer");
    if (answers.length > 0) this.#applyAnswers(exchange, party, answers, nowMs);
    for (const stream of exchange.streams) stream.confirm(nowMs);
    for (const stream of this.#established) {
      if (!exchange.streams.includes(stream)) this.#end(stream, "closed", nowMs);
    }
    exchange.answered = true;
    this.#established = exchange.streams;
    this.startedAtMs = Math.min(this.startedAtMs, nowMs);
  }

  #applyAnswers(exchange: Exchange, party: Party, answers: readonly Signalled[], nowMs: number): void {
    exchange.streams.forEach((stream, index) => {
      const answer = answers[index];
      if (!stream.alive) return;
      stream.confirm(nowMs);
      if (answer === undefined || answer.media.port === 0) {
        const { disabled } = stream[exchange.offerer];
        this.#log.info(() =>
          `${answer === undefined ? "removed" : disabled ? "disabled" : "rejected"} stream: ${stream}`
        );
        stream.close(disabled ? "closed" : "rejected", nowMs);
      } else {
        const bundledWith = exchange.streams[bundledIndex(answers, index)];
        if (bundledWith?.alive) stream.bundleWith(bundledWith, nowMs);
        const change = stream.update(party, answer, nowMs);
        this.#log.info(() => `${change} stream: ${stream}`);
      }
    });
  }

  #end(stream: Stream, status: "closed", nowMs: number): void {
    stream.close(status, nowMs);
    if (!stream.answered) return;
    this.#ended.push(stream);
    if (this.#ended.length > MAX_ENDED_STREAMS) this.#ended.shift();
  }

  /**
   * One of several callees that answered has hung up, or was hung up on. Returns whether the session goes on with
   * another; the media follow it.
   */
  removeBranch(tag: string | undefined, nowMs: number): boolean {
    if (tag === undefined || this.#laterAnswers.size === 0) return false;
    const others = [...this.#laterAnswers].filter(([calleeTag]) => calleeTag !== tag);
    if (others.length < this.#laterAnswers.size) {
      this.#laterAnswers = new Map(others);
      return true;
    }
    const [next, ...later] = others;
    if (tag !== this.toTag || next === undefined) return false;
    const [nextTag, answers] = next;
    this.#laterAnswers = new Map(later);
    this.toTag = nextTag;
    this.#established.forEach((stream, index) => {
      const answer = answers[index];
      if (stream.alive && answer !== undefined && answer.media.port !== 0) stream.update("callee", answer, nowMs);
    });
    return true;
  }

  /** Every stream that has been part of the call, in the order in which they ended, then those that are up. */
  get answeredStreams(): readonly Stream[] {
    return [...this.#ended, ...this.#established];
  }

  /** As `answeredStreams`, and those of an offer that has no answer. */
  get streams(): readonly Stream[] {
    return [...this.answeredStreams, ...this.#pending()];
  }

  /** Asked for every second, so it leaves out those that have ended without looking at them. */
  get liveStreams(): readonly Stream[] {
    const pending = this.#pending();
    const streams = pending.length === 0 ? this.#established : [...this.#established, ...pending];
    return streams.filter((stream) => stream.alive);
  }

  learnt(stream: Stream, party: Party, leg: Leg, how: LearntHow): void {
    if (leg.component === "rtp") this.#log.info(() => `${how} the address of the ${party}, ${leg.remote}: ${stream}`);
  }

  lost(leg: Leg): void {
    this.#log.debug(() => `${leg.remote} is no longer the ${leg.component} address of its party`);
  }

  /** Looks whether the parties are heard; before a callee has answered, nobody has to speak. */
  watch(nowMs: number): void {
    for (const stream of this.#established) {
      for (const { kind, text } of stream.watch(this.#calleeAtMs, nowMs)) {
        if (kind === "noticed") this.#log.warning(() => `${text}: ${stream}`);
        else this.#log.info(() => `${text}: ${stream}`);
      }
    }
  }

  /** Has the kernel carry what it can; to be called about once a second, after `expire`. */
  useKernel(nowMs: number): void {
    for (const stream of this.liveStreams) stream.useKernel(nowMs);
  }

  /**
   * When to look whether all is well: within a second, or, while the kernel carries all of it, when something may be amiss
   * or over. What the kernel counts meanwhile only puts that off.
   */
  get nextDeadlineMs(): number {
    // Those that were looked at late, and all at once, are not the next time.
    const soonMs = this.#lookedAtMs + LOOK_MS - (this.#lookedAtMs - this.createdAtMs) % LOOK_MS;
    const streams = this.liveStreams;
    const canWait = this.recordAtMs !== -Infinity && streams.length > 0 && streams.every(({ inKernel }) => inKernel);
    if (!canWait) return soonMs;
    const quietMs = streams.reduce((ms, stream) => Math.min(ms, stream.quietUntilMs), this.#lookedAtMs + MAX_WAIT_MS);
    // Together with others: to be woken costs more than to look (0.3 ms, 3 us; Deno 2.9.6).
    return Math.max(soonMs, Math.ceil(quietMs / LOOK_MS) * LOOK_MS);
  }

  handleTimeout(nowMs: number): void {
    this.#lookedAtMs = nowMs;
    this.#env.due(this, nowMs);
  }

  leftKernel(): void {
    this.#env.hastened(this);
  }

  /**
   * Has the sockets carry all packets again, before the session ends. Returns whether they do, and all that the kernel
   * has counted is known; until then the statistics are not complete.
   */
  leaveKernel(): boolean {
    const streams = new Set([...this.answeredStreams, ...this.liveStreams]);
    return [...streams].filter((stream) => !stream.leaveKernel()).length === 0;
  }

  /** Whether a party is not heard now. */
  get hasProblem(): boolean {
    return this.#established.some(({ silence }) => silence?.current !== undefined);
  }

  /** Ends the streams whose time is over. Returns whether the session is over too, because none is left. */
  expire(nowMs: number): boolean {
    for (const stream of this.liveStreams) {
      stream.allowPackets();
      const deadline = stream.deadline();
      // The kernel may have counted packets that have not been told of yet.
      if (deadline.atMs <= nowMs && stream.leaveKernel()) this.#expireStream(stream, deadline, nowMs);
    }
    // A call whose streams were all refused may get some later, so it has the patience that a hold has.
    return this.liveStreams.length === 0 &&
      (this.#timedOut || nowMs >= this.#updatedAtMs + this.#env.timeouts.onHoldTimeoutMs);
  }

  #expireStream(stream: Stream, { status, waitMs }: Deadline, nowMs: number): void {
    this.#timedOut = true;
    stream.close(status, nowMs, waitMs);
    this.#log.info(() => `stream expired after ${waitMs / 1000} s: ${status}: ${stream}`);
  }

  /** Ends all streams. */
  close(nowMs: number): void {
    for (const stream of this.liveStreams) stream.close("closed", nowMs);
  }
}
