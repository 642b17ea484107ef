/**
 * One request that came by two ways, as a proxy before us has forked it (RFC 3261 §8.2.2.2). Whoever serves a request does
 * so once, and answers 482 to what comes after. A proxy forwards both: each may lead to another phone. So only what is
 * served here is looked at: REGISTER.
 * @module
 */
import type { SipRequest } from "../sip/message.ts";
import type { ServerTransaction } from "../transaction/mod.ts";

/** As long as a transaction that is served lives (timer J). */
const KEPT_MS = 32_000;
/** Beyond these the oldest are forgotten. */
const MAX_KEPT = 100_000;

/** See the module comment. */
export class MergedRequests {
  /** In the order in which they came. */
  readonly #served = new Map<string, { readonly transaction: ServerTransaction; readonly atMs: number }>();

  /** Whether `transaction` has a request that another one serves; if not, it is the one from now on. */
  isMerged(request: SipRequest, transaction: ServerTransaction, nowMs: number): boolean {
    for (const [key, { atMs }] of this.#served) {
      if (nowMs - atMs < KEPT_MS && this.#served.size < MAX_KEPT) break;
      this.#served.delete(key);
    }
    const key = keyOf(request);
    const serving = this.#served.get(key);
    if (serving !== undefined) return serving.transaction !== transaction;
    this.#served.set(key, { transaction, atMs: nowMs });
    return false;
  }
}

function keyOf({ callId, fromTag, cseq }: SipRequest): string {
  return `${callId}\n${fromTag}\n${cseq.sequence} ${cseq.method}`;
}
