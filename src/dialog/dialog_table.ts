/** All dialogs, found by the tags of a message, by Call-ID, by id (RFC 3261 §12). @module */
import type { SipRequest } from "../sip/message.ts";
import type { Dialog } from "./dialog.ts";

/** See the module comment. A dialog is added when it is engaged, and removed when it has ended. */
export class DialogTable {
  readonly #byId = new Map<string, Dialog>();
  readonly #byTags = new Map<string, Dialog>();
  readonly #limit: number;
  /** Early rather than late: a dialog that was removed may have set it. */
  #nextDeadlineMs = Infinity;

  /** `limit` is the number of dialogs at once. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#byId.size;
  }

  get isFull(): boolean {
    return this.#byId.size >= this.#limit;
  }

  add(dialog: Dialog): void {
    this.#byId.set(dialog.id, dialog);
    this.#byTags.set(key(dialog.callId, dialog.caller.tag), dialog);
    this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, dialog.expiresAtMs);
  }

  remove(dialog: Dialog): void {
    if (!this.#byId.delete(dialog.id)) return;
    const tags = key(dialog.callId, dialog.caller.tag);
    if (this.#byTags.get(tags) === dialog) this.#byTags.delete(tags);
  }

  byId(id: string): Dialog | undefined {
    return this.#byId.get(id);
  }

  /** The dialog that a request belongs to, whichever side sent it. */
  find(request: SipRequest): Dialog | undefined {
    if (this.#byId.size === 0) return undefined;
    const { callId, fromTag, toTag } = request;
    return this.#byTags.get(key(callId, fromTag)) ?? (toTag === "" ? undefined : this.#byTags.get(key(callId, toTag)));
  }

  values(): IterableIterator<Dialog> {
    return this.#byId.values();
  }

  get nextDeadlineMs(): number {
    return this.#nextDeadlineMs;
  }

  /** The dialogs whose lifetime is over; they stay in the table. */
  expired(nowMs: number): Dialog[] {
    if (nowMs < this.#nextDeadlineMs) return [];
    const expired: Dialog[] = [];
    this.#nextDeadlineMs = Infinity;
    for (const dialog of this.#byId.values()) {
      if (nowMs >= dialog.expiresAtMs) expired.push(dialog);
      else this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, dialog.expiresAtMs);
    }
    return expired;
  }
}

function key(callId: string, tag: string): string {
  return `${callId}\n${tag}`;
}
