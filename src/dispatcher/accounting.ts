/** Where the statistics of ended calls go. One interface for every backend. @module */
import type { EndedSession } from "../control/statistics.ts";

export interface AccountingBackend {
  /** As in `accounting` of the configuration. */
  readonly name: string;
  /** Takes a call's statistics. Does not wait and does not throw: what fails later is the backend's to log. */
  record(session: EndedSession): void;
  /** Settles once everything taken has been written. */
  close(): Promise<void>;
}
