/**
 * Nonces (RFC 7616 §3.3, §5.4): each tells its own age and that it is ours, and none is good for the same count twice.
 *
 * ```text
 * nonce = time in ms, hex "." 8 random bytes, hex "." first 16 bytes of HMAC-SHA-256 over both, hex
 * ```
 * Nonces that were handed out are not remembered, so asking for many costs no memory; those that a user has answered are,
 * with the counts that were used. When there is no room for one more, the oldest is forgotten and from then on is stale,
 * as are all that were made before it and never used: their phones ask anew, and their users notice nothing.
 * @module
 */
import { HmacSha256 } from "../sip/hmac.ts";
import { randomHex, type RandomSource } from "../env/random.ts";
import { isSameSecret } from "./same_secret.ts";

/** What a nonce and its count are worth; `foreign` is none of ours, or of another run of this process. */
export type NonceVerdict = "good" | "stale" | "replayed" | "foreign";

/** Requests overtake each other on UDP: so many counts behind the highest are still accepted, once each. */
const WINDOW = 64;

interface Use {
  readonly madeAtMs: number;
  highest: number;
  /** Bit n: the count `highest - n` was used. */
  seen: bigint;
}

/** What nonces are made with. */
export interface NonceOptions {
  readonly random: RandomSource;
  /** How long a nonce is good, from its making. */
  readonly lifetimeMs: number;
  /** How many that were used are remembered. */
  readonly maxUsed: number;
}

/** Makes nonces, and judges them. */
export class Nonces {
  readonly #options: NonceOptions;
  readonly #hmac: HmacSha256;
  /** In the order of their first use, which is nearly that of their making. */
  readonly #used = new Map<string, Use>();
  /** Nonces made until then are stale unless they are remembered: they may be among the forgotten. */
  #forgottenUntilMs = -Infinity;

  constructor(options: NonceOptions) {
    this.#options = options;
    this.#hmac = new HmacSha256(options.random.fill(new Uint8Array(32)));
  }

  /** How many are remembered. */
  get usedCount(): number {
    return this.#used.size;
  }

  create(nowMs: number): string {
    const text = `${Math.floor(nowMs).toString(16)}.${randomHex(this.#options.random, 8)}`;
    return `${text}.${this.#sign(text)}`;
  }

  #sign(text: string): string {
    return this.#hmac.hex(text).slice(0, 32);
  }

  /** Whether it is ours and still good; its count is left to {@linkcode use}, when the response has proved right. */
  judge(nonce: string, nowMs: number): Exclude<NonceVerdict, "replayed"> {
    const dot = nonce.lastIndexOf(".");
    if (dot < 0 || !isSameSecret(this.#sign(nonce.slice(0, dot)), nonce.slice(dot + 1))) return "foreign";
    const madeAtMs = parseInt(nonce, 16); // up to the first dot
    if (nowMs - madeAtMs >= this.#options.lifetimeMs) return "stale";
    return madeAtMs <= this.#forgottenUntilMs && !this.#used.has(nonce) ? "stale" : "good";
  }

  /** Uses up a count of a nonce that is good, from 0 to 2^32 - 1. */
  use(nonce: string, count: number, nowMs: number): "good" | "replayed" {
    const use = this.#used.get(nonce);
    if (use === undefined) {
      this.#makeRoom(nowMs);
      this.#used.set(nonce, { madeAtMs: parseInt(nonce, 16), highest: count, seen: 1n });
      return "good";
    }
    const ahead = count - use.highest;
    if (ahead > 0) {
      use.seen = ahead >= WINDOW ? 1n : BigInt.asUintN(WINDOW, use.seen << BigInt(ahead)) | 1n;
      use.highest = count;
      return "good";
    }
    if (ahead <= -WINDOW) return "replayed";
    const bit = 1n << BigInt(-ahead);
    if ((use.seen & bit) !== 0n) return "replayed";
    use.seen |= bit;
    return "good";
  }

  #makeRoom(nowMs: number): void {
    const { lifetimeMs, maxUsed } = this.#options;
    for (const [nonce, { madeAtMs }] of this.#used) {
      const isOver = nowMs - madeAtMs >= lifetimeMs;
      if (!isOver && this.#used.size < maxUsed) return;
      if (!isOver) this.#forgottenUntilMs = Math.max(this.#forgottenUntilMs, madeAtMs);
      this.#used.delete(nonce);
    }
  }
}
