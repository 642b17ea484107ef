/** `[Dispatcher]`. @module */

import type { LogLevel } from "../env/log.ts";
import { quoted } from "../env/log.ts";
import type { Passport } from "../tls/passport.ts";
import { parsePassport } from "../tls/passport.ts";
import { type ListenAddress, parseListen } from "./addresses.ts";
import { suggestion } from "./nearest.ts";
import { DISPATCHER_PORT } from "./relay_section.ts";
import { key, section } from "./section.ts";
import {
  type LogFormat,
  parseBoolean,
  parseLogFormat,
  parseLogLevel,
  parsePath,
  parseSeconds,
  splitList,
} from "./values.ts";

/** The port of the management interface. */
export const MANAGEMENT_PORT = 25061;

/** Where the statistics of ended calls can go. */
export type AccountingBackend = "jsonl";

const SUPPORTED_BACKENDS: readonly AccountingBackend[] = ["jsonl"];

/** Accepted, because configuration files of the original name them; using one is a warning. */
const COMING_BACKENDS = ["radius", "database"];

/** What a dispatcher is told. Durations are at least 1000 and at most 2^31 - 1 ms. */
export interface DispatcherConfig {
  /** The SIP server's socket; relative to the runtime directory. */
  readonly socketPath: string;
  /** Where relays connect. */
  readonly listen: ListenAddress;
  /** Where management clients connect. */
  readonly listenManagement: ListenAddress;
  /** Management clients use TLS, with a certificate of the CA. */
  readonly managementUseTls: boolean;
  /** What the certificate of a management client must say; `undefined`: any certificate of the CA will do. */
  readonly managementPassport: Passport | undefined;
  /** What a relay's certificate must say; `undefined`: any certificate of the CA will do. */
  readonly passport: Passport | undefined;
  /** How long a relay may take to answer a command. */
  readonly relayTimeoutMs: number;
  /** A relay that stays silent this long after a time-out is dropped. */
  readonly relayRecoverIntervalMs: number;
  /** The sessions of a lost relay are kept this long. */
  readonly cleanupDeadRelaysAfterMs: number;
  /** An expired session that the SIP server never removes is kept this long. */
  readonly cleanupExpiredSessionsAfterMs: number;
  /** Without repetition. */
  readonly accounting: readonly AccountingBackend[];
  /** Of the dispatcher's own log. */
  readonly logLevel: LogLevel;
  /** Of the dispatcher's own log. */
  readonly logFormat: LogFormat;
}

export const DISPATCHER_SECTION = section(
  {
    socket_path: key("dispatcher.sock", parsePath),
    listen: key(`any:${DISPATCHER_PORT}`, (text) => parseListen(text, DISPATCHER_PORT)),
    listen_management: key(`127.0.0.1:${MANAGEMENT_PORT}`, (text) => parseListen(text, MANAGEMENT_PORT)),
    management_use_tls: key("yes", parseBoolean),
    management_passport: key("None", parsePassport),
    passport: key("None", parsePassport),
    relay_timeout: key("5", parseSeconds),
    relay_recover_interval: key("60", parseSeconds),
    cleanup_dead_relays_after: key("43200", parseSeconds),
    cleanup_expired_sessions_after: key("86400", parseSeconds),
    accounting: key("", parseAccounting),
    log_level: key("INFO", parseLogLevel),
    log_format: key("text", parseLogFormat),
  },
  (values): DispatcherConfig => ({
    socketPath: values.socket_path,
    listen: values.listen,
    listenManagement: values.listen_management,
    managementUseTls: values.management_use_tls,
    managementPassport: values.management_passport,
    passport: values.passport,
    relayTimeoutMs: values.relay_timeout,
    relayRecoverIntervalMs: values.relay_recover_interval,
    cleanupDeadRelaysAfterMs: values.cleanup_dead_relays_after,
    cleanupExpiredSessionsAfterMs: values.cleanup_expired_sessions_after,
    accounting: values.accounting,
    logLevel: values.log_level,
    logFormat: values.log_format,
  }),
  { remark: (name, value) => name === "accounting" ? accountingRemark(value) : undefined },
);

/** The supported ones of the names; the others are in {@linkcode accountingRemark}. */
function parseAccounting(text: string): AccountingBackend[] {
  const names = backendNames(text);
  const accepted = [...COMING_BACKENDS, ...SUPPORTED_BACKENDS];
  const unknown = names.find((name) => !accepted.includes(name));
  if (unknown !== undefined) {
    const list = accepted.join(", ");
    throw new SyntaxError(`${quoted(unknown)} is none of ${list}, or None${suggestion(unknown, accepted)}`);
  }
  return SUPPORTED_BACKENDS.filter((backend) => names.includes(backend));
}

function accountingRemark(text: string): string | undefined {
  const coming = COMING_BACKENDS.filter((backend) => backendNames(text).includes(backend));
  if (coming.length === 0) {
    return undefined;
  }
  const names = coming.join(" and ");
  return `${names} accounting is not available yet: the statistics of ended calls will not reach it; use jsonl meanwhile`;
}

function backendNames(text: string): string[] {
  return splitList(text.toLowerCase());
}
