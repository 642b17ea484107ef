/** What follows the end of a call: its statistics are accounted, and a dialog whose media stopped is ended. @module */
import type { EndedSession, SessionStatistics } from "../control/statistics.ts";
import { type Logger, quoted } from "../env/log.ts";
import { randomHex, type RandomSource } from "../env/random.ts";
import { type EndDialogRequest, endDialogRequest } from "./end_dialog.ts";

/** Where a dispatcher's news go. */
export interface DispatcherOutputs {
  account(session: EndedSession): void;
  endDialog(request: EndDialogRequest, callId: string): void;
}

export class Endings {
  readonly #outputs: DispatcherOutputs;
  readonly #random: RandomSource;
  readonly #log: Logger;

  constructor(outputs: DispatcherOutputs, random: RandomSource, log: Logger) {
    this.#outputs = outputs;
    this.#random = random;
    this.#log = log;
  }

  /**
   * Hands a relay's statistics to accounting. Returns whether the session timed out: it `expired` on its relay, and not
   * because ICE found a better way for all of its streams.
   */
  account(statistics: SessionStatistics, dialogId: string | undefined, expired: boolean, log: Logger): boolean {
    const { streams } = statistics;
    const allStreamsIce = streams.length > 0 && streams.every(({ status }) => status === "unselected ICE candidate");
    const timedOut = expired && !allStreamsIce;
    if (expired) {
      log.info(allStreamsIce ? "session ended on its relay because ICE went another way" : "session did time out");
    }
    this.#outputs.account({
      ...statistics,
      dialog_id: dialogId ?? statistics.dialog_id ?? null,
      timed_out: timedOut,
      all_streams_ice: allStreamsIce,
    });
    return timedOut;
  }

  /** Has the SIP server end a dialog; without one (use_media_proxy) there is nothing to end. */
  endDialog(dialogId: string | undefined, callId: string): void {
    if (dialogId === undefined) return;
    const request = endDialogRequest(dialogId, randomHex(this.#random, 4));
    if (request === undefined) {
      const why = `${quoted(dialogId)} is not a dialog id of OpenSIPS or Kamailio`;
      this.#log.error(`cannot end the dialog: ${why}`, { callId });
    } else {
      this.#outputs.endDialog(request, callId);
    }
  }
}
