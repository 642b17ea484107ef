/** Dialogs across restarts: what is kept, and how it becomes a dialog again. @module */
import { Dialog, type DialogRecord } from "../dialog/dialog.ts";
import type { Party } from "../dialog/party.ts";

/** Keeps records by dialog id. Writing may be late: a call shorter than that leaves no trace. */
export interface DialogStore {
  /** What was there at the start. */
  load(): Iterable<DialogRecord>;
  put(record: DialogRecord): void;
  remove(id: string): void;
  close(): void;
}

/** Keeps nothing. */
export const NO_DIALOG_STORE: DialogStore = { load: () => [], put: () => {}, remove: () => {}, close: () => {} };

/** Plain data of a dialog: targets name their listen point by its address, and no connection, which will be gone. */
export function recordOf(dialog: Dialog, nowMs: number, wallMs: number): DialogRecord {
  const record = dialog.record(nowMs, wallMs);
  return {
    ...record,
    caller: plain(record.caller),
    legs: record.legs.map(({ party, confirmed }) => ({ party: plain(party), confirmed })),
  };
}

function plain(party: Party): Party {
  const { transport, address, port } = party.target;
  return { ...party, target: { transport, address, port } };
}

/** The dialog that a record tells of; `undefined` if its time is over or it was never answered. */
export function restoreDialog(record: DialogRecord, nowMs: number, wallMs: number): Dialog | undefined {
  if (record.state !== "confirmed" || record.expiresAtWallMs <= wallMs) return undefined;
  return new Dialog({ ...record, expiresAtMs: nowMs + (record.expiresAtWallMs - wallMs) });
}
