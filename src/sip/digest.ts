/**
 * Digest authentication: the headers and the arithmetic (RFC 3261 §22, RFC 7616, RFC 8760). Text is octet strings.
 *
 * Spoken are MD5 and SHA-256 with `qop` auth or auth-int. Not spoken: responses without `qop` (RFC 2069), which can be
 * replayed and which RFC 3261 §22.4 lets nobody send who was asked for `qop`; the -sess algorithms, which no phone needs;
 * `username*` and `userhash` (RFC 7616 §3.4), for which SIP's grammar has no place: names are UTF-8 as they are.
 * @module
 */
import { createHash } from "../deps/hash.ts";
import { randomHex, type RandomSource } from "../env/random.ts";
import { shown, SipSyntaxError } from "./errors.ts";
import { endOfQuoted, quote, unquote } from "./lists.ts";

export type DigestAlgorithm = "MD5" | "SHA-256";

export type DigestQop = "auth" | "auth-int";

/** The better one first, as challenges list them (RFC 8760 §2.4). */
export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = ["SHA-256", "MD5"];

/** What is covered besides method and URI: nothing, or the body. The first is for all, since a body may be rewritten. */
export const QOPS: readonly DigestQop[] = ["auth", "auth-int"];

/** What Authorization and Proxy-Authorization say. */
export interface DigestCredentials {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  /** The digest-uri: what the client took for the Request-URI, as written. */
  readonly uri: string;
  readonly algorithm: DigestAlgorithm;
  readonly qop: DigestQop;
  /** Eight hexadecimal digits, as written: they are part of what is hashed. */
  readonly nc: string;
  readonly cnonce: string;
  /** In lower-case hexadecimal, as long as the algorithm's hash. */
  readonly response: string;
  /** "" if there is none. */
  readonly opaque: string;
}

/** What WWW-Authenticate and Proxy-Authenticate say. */
export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: DigestAlgorithm;
  /** The first of {@linkcode QOPS} that the server takes. */
  readonly qop: DigestQop;
  /** The password was right, only the nonce too old: nobody need be asked for another. */
  readonly stale: boolean;
  /** To be sent back as it is; "" if there is none. */
  readonly opaque: string;
}

/** What a response is computed from. */
export interface DigestInput extends Pick<DigestCredentials, "algorithm" | "nonce" | "uri" | "qop" | "nc" | "cnonce"> {
  /** Of {@linkcode computeHa1}. */
  readonly ha1: string;
  readonly method: string;
  /** Of the message; only auth-int looks at it. */
  readonly body: string;
}

/** What a client needs to answer a challenge with {@linkcode answerChallenge}. */
export interface DigestAnswer {
  readonly username: string;
  readonly password: string;
  readonly method: string;
  /** The Request-URI. */
  readonly uri: string;
  readonly body?: string;
}

/** Hexadecimal digits of a hash. */
const HASH_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { MD5: 32, "SHA-256": 64 };

/** A header that is longer is nobody's. */
const MAX_LENGTH = 4096;

const NAME = /[!%'*+\-.0-9A-Z_`a-z~]+/y;
/** Interop: what should be quoted may come without quotes; only what would end a value cannot. */
const PLAIN_VALUE = /[^\s",]*/y;
const SPACE = /[ \t]*/y;

/**
 * Parses one header field's value; other parameters are passed over.
 * @throws SipSyntaxError if it is not Digest, lacks something, says something twice, or speaks what is not spoken here
 */
export function parseDigestCredentials(text: string): DigestCredentials {
  const params = parseAuthParams(text);
  const algorithm = algorithmOf(params);
  const qop = params.get("qop");
  const nc = needed(params, "nc");
  const response = needed(params, "response").toLowerCase();
  if (!isQop(qop)) throw new SipSyntaxError(`Cannot use credentials: qop ${shown(qop ?? "")}`);
  if (!/^[0-9a-f]{8}$/i.test(nc)) throw new SipSyntaxError(`Cannot use credentials: nc ${shown(nc)}`);
  if (!/^[0-9a-f]*$/.test(response) || response.length !== HASH_LENGTH[algorithm]) {
    throw new SipSyntaxError(`Cannot use credentials: the response is no ${algorithm}`);
  }
  return {
    username: needed(params, "username"),
    realm: needed(params, "realm"),
    nonce: needed(params, "nonce"),
    uri: needed(params, "uri"),
    algorithm,
    qop,
    nc,
    cnonce: needed(params, "cnonce"),
    response,
    opaque: params.get("opaque") ?? "",
  };
}

/** Credentials as a header field's value. */
export function serializeDigestCredentials(it: DigestCredentials): string {
  const opaque = it.opaque === "" ? "" : `, opaque=${quote(it.opaque)}`;
  return `Digest username=${quote(it.username)}, realm=${quote(it.realm)}, nonce=${quote(it.nonce)}, ` +
    `uri=${quote(it.uri)}, response="${it.response}", algorithm=${it.algorithm}, cnonce=${quote(it.cnonce)}, ` +
    `qop=${it.qop}, nc=${it.nc}${opaque}`;
}

/**
 * Parses one header field's value.
 * @throws SipSyntaxError as {@linkcode parseDigestCredentials} does
 */
export function parseDigestChallenge(text: string): DigestChallenge {
  const params = parseAuthParams(text);
  const offered = (params.get("qop") ?? "").split(",").map((qop) => qop.trim());
  const qop = QOPS.find((known) => offered.includes(known));
  if (qop === undefined) throw new SipSyntaxError("Cannot use Digest parameters: no qop that is known");
  return {
    realm: needed(params, "realm"),
    nonce: needed(params, "nonce"),
    algorithm: algorithmOf(params),
    qop,
    stale: params.get("stale")?.toLowerCase() === "true",
    opaque: params.get("opaque") ?? "",
  };
}

/** A challenge as a header field's value. */
export function serializeDigestChallenge(it: DigestChallenge): string {
  const opaque = it.opaque === "" ? "" : `, opaque=${quote(it.opaque)}`;
  return `Digest realm=${quote(it.realm)}, nonce=${quote(it.nonce)}, algorithm=${it.algorithm}, qop="${it.qop}"` +
    `${it.stale ? ", stale=TRUE" : ""}${opaque}`;
}

/** What stands for a password, in hexadecimal: H(username:realm:password) (RFC 7616 §3.4.2). */
export function computeHa1(algorithm: DigestAlgorithm, username: string, realm: string, password: string): string {
  return hash(algorithm, `${username}:${realm}:${password}`);
}

/** The response, in hexadecimal (RFC 7616 §3.4.1). */
export function computeResponse(input: DigestInput): string {
  const { algorithm, ha1, nonce, nc, cnonce, qop, method, uri, body } = input;
  const entity = qop === "auth-int" ? `:${hash(algorithm, body)}` : "";
  const ha2 = hash(algorithm, `${method}:${uri}${entity}`);
  return hash(algorithm, `${ha1}:${nonce}:${nc}:${cnonce}:${qop}:${ha2}`);
}

/**
 * What a client answers: the first of the challenges (values of one WWW-Authenticate or Proxy-Authenticate each) that is
 * understood here, as the server lists them in its order (RFC 8760 §2.4). Each nonce is used once.
 * @throws SipSyntaxError if none is understood
 */
export function answerChallenge(challenges: readonly string[], answer: DigestAnswer, random: RandomSource): string {
  const { realm, nonce, algorithm, qop, opaque } = firstUnderstood(challenges);
  const { username, password, method, uri, body = "" } = answer;
  const ha1 = computeHa1(algorithm, username, realm, password);
  const shared = { algorithm, nonce, uri, qop, nc: "00000001", cnonce: randomHex(random, 8) };
  const response = computeResponse({ ...shared, ha1, method, body });
  return serializeDigestCredentials({ ...shared, username, realm, response, opaque });
}

function firstUnderstood(challenges: readonly string[]): DigestChallenge {
  let reason = new SipSyntaxError("Cannot answer: there is no challenge");
  for (const challenge of challenges) {
    try {
      return parseDigestChallenge(challenge);
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      reason = error;
    }
  }
  throw reason;
}

function hash(algorithm: DigestAlgorithm, octets: string): string {
  return createHash(algorithm === "MD5" ? "md5" : "sha256").update(octets, "latin1").digest("hex");
}

/** The parameters by their names in lower case, without quotes and escapes. */
function parseAuthParams(text: string): Map<string, string> {
  if (text.length > MAX_LENGTH) throw new SipSyntaxError(`Cannot use ${text.length} bytes as Digest parameters`);
  const scheme = /^Digest[ \t]+/i.exec(text);
  if (scheme === null) throw bad(text);
  const params = new Map<string, string>();
  let index = scheme[0].length;
  while (index < text.length) {
    const nameEnd = skip(NAME, text, index);
    const name = text.slice(index, nameEnd).toLowerCase();
    const equals = skip(SPACE, text, nameEnd);
    if (name === "" || text[equals] !== "=" || params.has(name)) throw bad(text);
    const start = skip(SPACE, text, equals + 1);
    const end = text[start] === '"' ? endOfQuoted(text, start) + 1 : skip(PLAIN_VALUE, text, start);
    if (end > text.length) throw bad(text); // its quoted string does not end
    params.set(name, unquote(text.slice(start, end)));
    index = skip(SPACE, text, end);
    if (index === text.length) return params;
    if (text[index] !== ",") throw bad(text);
    index = skip(SPACE, text, index + 1);
  }
  throw bad(text); // nothing follows the scheme or the last comma
}

/** The offset behind what `pattern`, which is sticky and matches the empty text, finds at `index`. */
function skip(pattern: RegExp, text: string, index: number): number {
  pattern.lastIndex = index;
  return index + (pattern.exec(text)?.[0].length ?? 0);
}

function isQop(text: string | undefined): text is DigestQop {
  return QOPS.some((known) => known === text);
}

/** MD5 if nothing is said (RFC 7616 §3.3). */
function algorithmOf(params: ReadonlyMap<string, string>): DigestAlgorithm {
  const name = params.get("algorithm")?.toUpperCase() ?? "MD5";
  const algorithm = DIGEST_ALGORITHMS.find((known) => known === name);
  if (algorithm === undefined) throw new SipSyntaxError(`Cannot use Digest parameters: algorithm ${shown(name)}`);
  return algorithm;
}

function needed(params: ReadonlyMap<string, string>, name: string): string {
  const value = params.get(name);
  if (value === undefined) throw new SipSyntaxError(`Cannot use Digest parameters: no ${name}`);
  return value;
}

/** Without the text: it may hold a password of those who do not know what Digest is. */
function bad(text: string): SipSyntaxError {
  return new SipSyntaxError(`Cannot parse ${text.length} bytes as Digest parameters`);
}
