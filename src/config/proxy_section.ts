/** `[Proxy]`. @module */

import type { LogLevel } from "../env/log.ts";
import { quoted } from "../env/log.ts";
import { type HostPort, type Network, parseHostPort, parseHostPortList, parseNetworkList } from "./addresses.ts";
import { type ListenSpec, parseListenSpecs } from "./listen_spec.ts";
import { type Conflict, key, section } from "./section.ts";
import {
  isNone,
  type LogFormat,
  parseAbsolutePath,
  parseBoolean,
  parseLogFormat,
  parseLogLevel,
  parsePath,
  parseSeconds,
  parseSecondsOrZero,
  parseWholeNumber,
  splitList,
} from "./values.ts";

/** Where the users and their passwords are. */
export interface UserSource {
  /** A text file, relative to the configuration directory, or an SQLite database, relative to the state directory. */
  readonly kind: "file" | "sqlite";
  /** Absolute or relative. */
  readonly path: string;
}

/** The hashes of digest authentication (RFC 8760). */
export type DigestAlgorithm = "MD5" | "SHA-256";

const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = ["MD5", "SHA-256"];

/** What a proxy is told. Durations are at least 1000 and at most 2^31 - 1 ms unless they say otherwise. */
export interface ProxyConfig {
  /** At least one; no two need the same port. */
  readonly listen: readonly ListenSpec[];
  /** Host names in lower case and addresses that we are responsible for; empty: the advertised ones. */
  readonly domains: readonly string[];
  /** Of the digest challenges; `undefined`: the first domain. */
  readonly realm: string | undefined;
  /** Who may register and call. */
  readonly users: UserSource;
  /** What must survive a restart is kept here; absolute. */
  readonly stateDir: string;
  /** Locations and dialogs; relative to `stateDir`. `undefined`: nothing is kept. */
  readonly database: string | undefined;
  /** A routing script, relative to the configuration directory; `undefined`: the built-in residential service. */
  readonly script: string | undefined;
  /** The socket for JSON-RPC, relative to the runtime directory; `undefined`: none. */
  readonly controlSocket: string | undefined;
  /** Our certificate and those between it and the CA, PEM; relative to the configuration directory. Set if `listen` needs it. */
  readonly tlsCertificate: string | undefined;
  /** The certificate's key, PEM; relative to the configuration directory. Set if `listen` needs it. */
  readonly tlsKey: string | undefined;
  /** The CAs of the servers that we connect to, PEM; relative to the configuration directory. `undefined`: the system's. */
  readonly tlsCa: string | undefined;
  /** Servers that we connect to must have a certificate of a CA that we know, in their name. */
  readonly tlsVerifyPeer: boolean;
  /** Users must show that they know their password. */
  readonly authenticate: boolean;
  /** Whose requests need no password. */
  readonly trustedPeers: readonly Network[];
  /** What challenges offer, in this order. */
  readonly digestAlgorithms: readonly DigestAlgorithm[];
  /** How long an answer to a challenge is good for. */
  readonly nonceLifetimeMs: number;
  /** Of a registration that names no time. */
  readonly defaultExpiresMs: number;
  /** The shortest registration, at most one hour (RFC 3261 §10.3). */
  readonly minExpiresMs: number;
  /** The longest registration. */
  readonly maxExpiresMs: number;
  /** Of one address of record. */
  readonly maxContacts: number;
  /** Between two pings to a contact behind a NAT; 0: none. */
  readonly natPingIntervalMs: number;
  /** How long a phone rings before the next thing is tried. */
  readonly ringTimeoutMs: number;
  /** Timer C (RFC 3261 §16.6): an INVITE without a final answer ends; at least 60000. */
  readonly inviteTimeoutMs: number;
  /** A dialog that nobody ends is forgotten. */
  readonly dialogTimeoutMs: number;
  /** Given to requests that have none; 1 to 255. */
  readonly maxForwards: number;
  /** Beyond these, new requests are refused. */
  readonly maxTransactions: number;
  /** Beyond these, new connections are refused. */
  readonly maxConnections: number;
  /** All are addresses; empty: the system's. */
  readonly dnsServers: readonly HostPort[];
  /** Of the proxy's own log. */
  readonly logLevel: LogLevel;
  /** Of the proxy's own log. */
  readonly logFormat: LogFormat;
}

export const PROXY_SECTION = section(
  {
    listen: key("udp:any:5060, tcp:any:5060", parseListenSpecs),
    domains: key("", parseDomains),
    realm: key("", parseRealm),
    users: key("users.txt", parseUserSource),
    state_dir: key("/var/lib/mediaproxy", parseAbsolutePath),
    database: key("proxy.db", parseOptionalPath),
    script: key("", parseOptionalPath),
    control_socket: key("proxy.sock", parseOptionalPath),
    tls_certificate: key("None", parseOptionalPath),
    tls_key: key("None", parseOptionalPath),
    tls_ca: key("None", parseOptionalPath),
    tls_verify_peer: key("yes", parseBoolean),
    authenticate: key("yes", parseBoolean),
    trusted_peers: key("None", parseNetworkList),
    digest_algorithms: key("MD5", parseDigestAlgorithms),
    nonce_lifetime: key("300", parseSeconds),
    default_expires: key("3600", parseSeconds),
    min_expires: key("60", (text) => parseWholeNumber(text, 1, 3600, "a whole number of seconds") * 1000),
    max_expires: key("7200", parseSeconds),
    max_contacts: key("10", (text) => parseWholeNumber(text, 1, 1000, "a whole number")),
    nat_ping_interval: key("30", parseSecondsOrZero),
    ring_timeout: key("60", parseSeconds),
    invite_timeout: key("185", parseInviteTimeout),
    dialog_timeout: key("43200", parseSeconds),
    max_forwards: key("70", (text) => parseWholeNumber(text, 1, 255, "a whole number")),
    max_transactions: key("200000", (text) => parseWholeNumber(text, 1, 10_000_000, "a whole number")),
    max_connections: key("10000", (text) => parseWholeNumber(text, 1, 1_000_000, "a whole number")),
    dns_servers: key("None", parseDnsServers),
    log_level: key("INFO", parseLogLevel),
    log_format: key("text", parseLogFormat),
  },
  (values): ProxyConfig => ({
    listen: values.listen,
    domains: values.domains,
    realm: values.realm,
    users: values.users,
    stateDir: values.state_dir,
    database: values.database,
    script: values.script,
    controlSocket: values.control_socket,
    tlsCertificate: values.tls_certificate,
    tlsKey: values.tls_key,
    tlsCa: values.tls_ca,
    tlsVerifyPeer: values.tls_verify_peer,
    authenticate: values.authenticate,
    trustedPeers: values.trusted_peers,
    digestAlgorithms: values.digest_algorithms,
    nonceLifetimeMs: values.nonce_lifetime,
    defaultExpiresMs: values.default_expires,
    minExpiresMs: values.min_expires,
    maxExpiresMs: values.max_expires,
    maxContacts: values.max_contacts,
    natPingIntervalMs: values.nat_ping_interval,
    ringTimeoutMs: values.ring_timeout,
    inviteTimeoutMs: values.invite_timeout,
    dialogTimeoutMs: values.dialog_timeout,
    maxForwards: values.max_forwards,
    maxTransactions: values.max_transactions,
    maxConnections: values.max_connections,
    dnsServers: values.dns_servers,
    logLevel: values.log_level,
    logFormat: values.log_format,
  }),
  {
    remark: (name, value) => name === "invite_timeout" ? inviteTimeoutRemark(value) : undefined,
    check: (values) => [
      ...missingTlsFiles(values.listen, { tls_certificate: values.tls_certificate, tls_key: values.tls_key }),
      ...unorderedExpiries(values.min_expires, values.default_expires, values.max_expires),
    ],
  },
);

/** Hosts without port; a name's final dot falls away. */
function parseDomains(text: string): string[] {
  const domains = splitList(text).map((entry) => {
    const { host, port } = parseHostPort(entry, 0); // no port can be 0, so 0 says that there is none
    if (port !== 0) {
      throw new SyntaxError(`${quoted(entry)} has a port; a domain is a host name or an IP address alone`);
    }
    return host.replace(/\.$/, "");
  });
  return [...new Set(domains)];
}

/** Goes into a quoted string, so what would have to be escaped there is refused: some phones take it literally. */
function parseRealm(text: string): string | undefined {
  if (/["\\\p{Cc}]/u.test(text)) {
    throw new SyntaxError('a realm without ", \\ and control characters is accepted');
  }
  return isNone(text) ? undefined : text;
}

/** At least one, none twice. */
function parseDigestAlgorithms(text: string): DigestAlgorithm[] {
  const names = splitList(text).map((name) => name.toUpperCase());
  const unknown = names.find((name) => !DIGEST_ALGORITHMS.some((it) => it === name));
  if (unknown !== undefined || names.length === 0) {
    throw new SyntaxError(`${quoted(unknown ?? text)} is not one or both of ${DIGEST_ALGORITHMS.join(", ")}`);
  }
  return [...new Set(names)] as DigestAlgorithm[];
}

function parseUserSource(text: string): UserSource {
  const [, path] = /^sqlite:(.*)$/is.exec(text) ?? [];
  return path === undefined ? { kind: "file", path: parsePath(text) } : { kind: "sqlite", path: parsePath(path) };
}

function parseOptionalPath(text: string): string | undefined {
  return isNone(text) ? undefined : parsePath(text);
}

function parseInviteTimeout(text: string): number {
  return parseWholeNumber(text, 60, 86400, "a whole number of seconds") * 1000;
}

function inviteTimeoutRemark(text: string): string | undefined {
  const isShort = /^\d{1,3}$/.test(text) && Number(text) <= 180;
  return isShort ? "RFC 3261 §16.6 wants more than 180: a call that still rings will be given up" : undefined;
}

function parseDnsServers(text: string): HostPort[] {
  const servers = parseHostPortList(text, 53);
  const name = servers.find(({ isAddress }) => !isAddress);
  if (name !== undefined) {
    throw new SyntaxError(`${quoted(name.host)} is a name; the IP addresses of name servers are accepted`);
  }
  return servers;
}

function missingTlsFiles(listen: readonly ListenSpec[], files: Record<string, string | undefined>): Conflict[] {
  const secure = listen.find(({ transport }) => transport === "tls" || transport === "wss");
  const missing = Object.keys(files).filter((name) => files[name] === undefined);
  if (secure === undefined || missing.length === 0) {
    return [];
  }
  const message = `${secure.transport} cannot be served without ${missing.join(" and ")}; name the PEM file there`;
  return [{ keys: [...missing, "listen"], message }];
}

function unorderedExpiries(minMs: number, defaultMs: number, maxMs: number): Conflict[] {
  if (minMs <= defaultMs && defaultMs <= maxMs) {
    return [];
  }
  const [min, usual, max] = [minMs, defaultMs, maxMs].map((valueMs) => valueMs / 1000);
  return [{
    keys: ["default_expires", "max_expires", "min_expires"],
    message: `min_expires ${min}, default_expires ${usual}, max_expires ${max} must stand in this order of size`,
  }];
}
