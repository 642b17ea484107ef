/** Plays a transcript's requests to our machines, and compares what comes out. @module */
import type { SessionStatistics } from "../../src/control/statistics.ts";
import { assertEquals } from "../../src/deps/assert.ts";
import { JoinedMachines, type SipConnection } from "../support/joined_machines.ts";
import { Comparison, type Difference } from "./compare.ts";
import { SCRIPT, Stage, UNSHOWN_REQUEST } from "./script.ts";
import type { Section, Step } from "./transcript.ts";

/** A phone's first packet comes so long after the answer that told it where to. */
const FIRST_PACKET_MS = 10;

export interface SectionResult {
  readonly title: string;
  readonly steps: number;
  readonly differences: readonly Difference[];
}

/** Plays a transcript from its beginning, each section with the machines as the one before left them. */
export function replay(file: string, sections: readonly Section[]): SectionResult[] {
  const player = new Player(file);
  return sections.map((section) => player.play(section));
}

class Player {
  readonly #machines = new JoinedMachines();
  readonly #stage = new Stage(this.#machines);
  readonly #connections = new Map<string, SipConnection>();
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  play(section: Section): SectionResult {
    const comparison = new Comparison();
    const { accounted, endedDialogs } = this.#machines;
    const [accountedBefore, endedBefore] = [accounted.length, endedDialogs.length];
    const toldBefore = this.#stage.relay.received.length;
    this.#stage.relay.host.sockets.sent.length = 0;
    const script = SCRIPT[this.#file]?.[section.title] ?? {};
    script[0]?.(this.#stage);
    section.steps.forEach((step, index) => {
      this.#waitFor(step);
      const send = this.#send(step);
      script[index + 1]?.(this.#stage);
      comparison.answers(`answer ${index + 1}`, step.answers, send());
      if (section.media?.afterAnswers === index + 1) this.#startMedia(section, step);
    });
    comparison.statistics(section.statistics, accounted.slice(accountedBefore));
    comparison.endedDialogs(section.endedDialogs, endedDialogs.slice(endedBefore));
    for (const session of accounted.slice(accountedBefore)) this.#checkCounters(session);
    if (section.relayCommands.length > 0) {
      assertEquals(relayCommands(this.#stage.relay.received.slice(toldBefore)), section.relayCommands);
    }
    if (section.receivedPackets !== undefined) {
      const { sent } = this.#stage.relay.host.sockets;
      const received = (port: number) => sent.filter((packet) => packet.port === port).length;
      assertEquals({ caller: received(6000), callee: received(7000) }, section.receivedPackets);
    }
    this.#stage.stopMedia();
    return { title: section.title, steps: section.steps.length, differences: comparison.differences };
  }

  /** The machines' clock follows the recording's. */
  #waitFor({ atMs }: Step): void {
    if (atMs !== undefined) this.#machines.advance(Math.max(0, atMs - this.#machines.clock.nowMs()));
  }

  /** Returns what collects the answers, once what happens meanwhile has happened. */
  #send({ to, connection, request }: Step): () => string[] {
    if (to === "management") {
      const answer = this.#machines.manage(new TextDecoder().decode(request), "4.1.2");
      return () => [answer.replace(/\r\n$/, "")];
    }
    let sip = this.#connections.get(connection);
    if (sip === undefined) this.#connections.set(connection, sip = this.#machines.connectSip());
    const answers = request === undefined
      ? sip.send(UNSHOWN_REQUEST.text, UNSHOWN_REQUEST.chunkBytes)
      : sip.send(request);
    return () => [...answers, ...sip.takeAnswers()];
  }

  #startMedia({ media }: Section, { request }: Step): void {
    const [, callId] = /\r\ncall_id: (.*)\r\n/.exec(new TextDecoder().decode(request)) ?? [];
    this.#machines.advance(FIRST_PACKET_MS);
    this.#stage.startMedia(callId!, media!.caller, media!.callee);
  }

  /** The original's kernel counted nothing. Ours counts what has arrived, and not a byte more or less. */
  #checkCounters({ streams }: SessionStatistics): void {
    const { arrivedBytes } = this.#stage.relay.host;
    for (const stream of streams) {
      for (const party of ["caller", "callee"] as const) {
        const port = Number(/:(\d+)$/.exec(stream[`${party}_local`])?.[1]);
        const bytes = arrivedBytes.get(port) ?? 0;
        assertEquals([stream[`${party}_bytes`], stream[`${party}_packets`]], [bytes, bytes / 172]);
      }
    }
  }
}

/** What the relay was told, in the form that the transcript has it. */
function relayCommands(texts: readonly string[]): string[] {
  return texts.filter((text) => /^(update|remove) /.test(text)).map((text) =>
    text.replace(/^(update|remove) \d+/, "$1").replaceAll("\r\n", "\n")
  );
}
