/**
 * Digest authentication as a server does it (RFC 3261 §22, RFC 7616, RFC 8760).
 *
 * Who guesses passwords is slowed down by address, and by address and user. The second keeps an office behind one
 * address working when one of its phones has a wrong password: users who have got in from there before are let in while
 * others are shut out. ACK and CANCEL are not to be verified: they repeat the credentials of their INVITE (§22.1), which
 * would count as a replay.
 * @module
 */
import type { RandomSource } from "../env/random.ts";
import {
  computeResponse,
  type DigestAlgorithm,
  type DigestCredentials,
  parseDigestCredentials,
  serializeDigestChallenge,
} from "../sip/digest.ts";
import { SipSyntaxError } from "../sip/errors.ts";
import { parseSipUri, userOf } from "../sip/uri.ts";
import { FailureLimit } from "./failure_limit.ts";
import { Nonces } from "./nonce.ts";
import { isSameSecret } from "./same_secret.ts";
import { ha1Of, type UserStore } from "./users.ts";

/** A request with credentials, perhaps. */
export interface AuthenticationRequest {
  /** The values of Authorization or Proxy-Authorization, one for each line. */
  readonly credentials: readonly string[];
  readonly method: string;
  /** As it came. */
  readonly requestUri: string;
  readonly body: string;
  /** Where it came from, canonical. */
  readonly sourceAddress: string;
}

/** What the credentials are worth, and why. */
export type AuthenticationVerdict =
  | { readonly result: "ok"; readonly username: string; readonly realm: string }
  | { readonly result: AuthenticationFailure };

/**
 * | failure                       | means                                                    | answer it with             |
 * | ----------------------------- | -------------------------------------------------------- | -------------------------- |
 * | `missing`                     | no Digest credentials at all: the everyday first request | a challenge                |
 * | `stale`                       | the nonce is too old, or of an earlier run               | a challenge that says so   |
 * | `replayed`                    | right, but used before: a copy, or a phone that never    | a challenge that says      |
 * |                               | counts on                                                | `stale`                    |
 * | `wrongRealm`                  | credentials for others only                              | a challenge                |
 * | `unknownUser`, `wrongPassword`| for logs only: clients must not learn which              | a challenge                |
 * | `malformed`                   | credentials that cannot be read, or without qop          | 400                        |
 * | `wrongUri`                    | for another Request-URI                                  | 400 (RFC 7616 §3.4.6)      |
 * | `tooMany`                     | failures from there; nothing was looked at               | 403                        |
 */
export type AuthenticationFailure =
  | "missing"
  | "stale"
  | "replayed"
  | "wrongRealm"
  | "wrongUri"
  | "unknownUser"
  | "wrongPassword"
  | "malformed"
  | "tooMany";

/** What an authenticator is told. */
export interface AuthenticatorOptions {
  readonly realm: string;
  readonly nonceLifetimeMs: number;
  readonly users: UserStore;
  readonly random: RandomSource;
  /** What to offer, in this order, as far as the users' secrets allow it. All that they allow if absent. */
  readonly algorithms?: readonly DigestAlgorithm[];
  /** Nonces that are remembered because they were used; 100,000 if absent. */
  readonly maxUsedNonces?: number;
  /** Failures a minute that shut an address out; 20 if absent. */
  readonly maxFailures?: number;
}

const WINDOW_MS = 60_000;
const MAX_BLOCK_MS = 900_000;
/** Addresses that failed, pairs of address and user that failed, and pairs that got in. */
const MAX_ENTRIES = 10_000;
/** More credentials are looked at by nobody. */
const MAX_CREDENTIALS = 8;

/** See the module comment. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #nonces: Nonces;
  readonly #addresses: FailureLimit;
  readonly #pairs: FailureLimit;
  /** Pairs of address and user that got in, the one that did last at the end. */
  readonly #known = new Set<string>();

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    const { random, nonceLifetimeMs: lifetimeMs, maxUsedNonces: maxUsed = 100_000, maxFailures = 20 } = options;
    this.#nonces = new Nonces({ random, lifetimeMs, maxUsed });
    const limits = { maxFailures, windowMs: WINDOW_MS, blockMs: WINDOW_MS, maxBlockMs: MAX_BLOCK_MS };
    this.#addresses = new FailureLimit({ ...limits, maxEntries: MAX_ENTRIES });
    this.#pairs = new FailureLimit({ ...limits, maxEntries: MAX_ENTRIES });
  }

  /**
   * The values of WWW-Authenticate or Proxy-Authenticate, one line each, the preferred algorithm first (RFC 8760 §2.4).
   * `isStale` says that the password was right, and nobody need be asked for it.
   */
  challenge(isStale: boolean, nowMs: number): string[] {
    const { realm, users } = this.#options;
    const nonce = this.#nonces.create(nowMs);
    const { algorithms = users.algorithms } = this.#options;
    const possible = algorithms.filter((algorithm) => users.algorithms.includes(algorithm));
    return (possible.length > 0 ? possible : users.algorithms).map((algorithm) =>
      serializeDigestChallenge({ realm, nonce, algorithm, qop: "auth", stale: isStale, opaque: "" })
    );
  }

  /** Who sent a request. */
  verify(request: AuthenticationRequest, nowMs: number): AuthenticationVerdict {
    const credentials = this.#findOurs(request.credentials);
    if (typeof credentials === "string") return { result: credentials };
    const address = networkOf(request.sourceAddress);
    const pair = `${address} ${credentials.username}`;
    if (this.#isBlocked(address, pair, nowMs)) return { result: "tooMany" };
    const verdict = this.#judge(credentials, request, nowMs);
    if (verdict.result === "ok") {
      this.#remember(pair);
    } else if (verdict.result === "unknownUser" || verdict.result === "wrongPassword") {
      this.#addresses.fail(address, nowMs);
      this.#pairs.fail(pair, nowMs);
    }
    return verdict;
  }

  /** The credentials for our realm; others, and other schemes, are for other servers on the way (RFC 3261 §22.3). */
  #findOurs(values: readonly string[]): DigestCredentials | "missing" | "wrongRealm" | "malformed" {
    let failure: "missing" | "wrongRealm" | "malformed" = "missing";
    for (const value of values.slice(0, MAX_CREDENTIALS)) {
      if (!/^digest\b/i.test(value)) continue;
      try {
        const credentials = parseDigestCredentials(value);
        if (credentials.realm === this.#options.realm) return credentials;
        if (failure === "missing") failure = "wrongRealm";
      } catch (error) {
        if (!(error instanceof SipSyntaxError)) throw error;
        failure = "malformed";
      }
    }
    return failure;
  }

  #judge(credentials: DigestCredentials, request: AuthenticationRequest, nowMs: number): AuthenticationVerdict {
    if (this.#nonces.judge(credentials.nonce, nowMs) !== "good") return { result: "stale" };
    if (!isSameResource(credentials.uri, request.requestUri)) return { result: "wrongUri" };
    const { users, realm } = this.#options;
    const { username, algorithm, nonce, nc } = credentials;
    const secrets = users.find(username, realm);
    // An unknown user costs as much time as a wrong password, so that nobody learns by it who exists.
    const ha1 = ha1Of(secrets ?? { password: "", hashes: {} }, algorithm, username, realm) ?? "";
    const response = computeResponse({ ...credentials, ha1, method: request.method, body: request.body });
    const isRight = isSameSecret(response, credentials.response);
    if (secrets === undefined) return { result: "unknownUser" };
    if (!isRight || ha1 === "") return { result: "wrongPassword" };
    if (this.#nonces.use(nonce, parseInt(nc, 16), nowMs) === "replayed") return { result: "replayed" };
    return { result: "ok", username, realm };
  }

  #isBlocked(address: string, pair: string, nowMs: number): boolean {
    return this.#pairs.isBlocked(pair, nowMs) || (this.#addresses.isBlocked(address, nowMs) && !this.#known.has(pair));
  }

  #remember(pair: string): void {
    this.#pairs.forgive(pair);
    this.#known.delete(pair);
    if (this.#known.size >= MAX_ENTRIES) this.#known.delete(this.#known.keys().next().value!);
    this.#known.add(pair);
  }
}

/** An IPv6 subscriber has 2^64 addresses to guess from, so the first half counts. */
function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head.split(":");
  if (tail !== undefined) {
    const tailGroups = tail === "" ? [] : tail.split(":");
    while (groups.length + tailGroups.length < 8) groups.push("0");
    groups.push(...tailGroups);
  }
  return groups.slice(0, 4).join(":");
}

/**
 * Whether two URIs lead to the same: equal as text, or in user, host and port. Parameters may differ, since a proxy before
 * us may have added or taken off some (RFC 7616 §3.4.6 leaves it to the server what is the same).
 */
function isSameResource(digestUri: string, requestUri: string): boolean {
  if (digestUri === requestUri) return true;
  try {
    const [one, other] = [parseSipUri(digestUri), parseSipUri(requestUri)];
    return userOf(one) === userOf(other) && one.host === other.host && one.port === other.port;
  } catch {
    return false; // one of them is none of SIP's, and they differ
  }
}
