/** `config.ini` to a typed, frozen {@linkcode Config}, or to the list of everything that is wrong with it. @module */

import * as v from "../deps/valibot.ts";
import { DISPATCHER_SECTION, type DispatcherConfig } from "./dispatcher_section.ts";
import { type IniEntry, type IniSection, parseIni } from "./ini_file.ts";
import { suggestion } from "./nearest.ts";
import {
  ACCOUNTING_SECTION,
  type AccountingConfig,
  DATABASE_SECTION,
  type DatabaseConfig,
  KAMAILIO_SECTION,
  OPENSIPS_SECTION,
  RADIUS_SECTION,
  type RadiusConfig,
  type SipServerConfig,
  TLS_SECTION,
  type TlsConfig,
} from "./other_sections.ts";
import { MEDIAPROXY_SECTION, type MediaProxyConfig } from "./mediaproxy_section.ts";
import { PROXY_SECTION, type ProxyConfig } from "./proxy_section.ts";
import { RELAY_SECTION, type RelayConfig } from "./relay_section.ts";
import type { Section } from "./section.ts";

/** The whole configuration. One file serves all programs; each reads its part. */
export interface Config {
  /** `[Relay]` */
  readonly relay: RelayConfig;
  /** `[Dispatcher]` */
  readonly dispatcher: DispatcherConfig;
  /** `[TLS]` */
  readonly tls: TlsConfig;
  /** `[OpenSIPS]` */
  readonly opensips: SipServerConfig;
  /** `[Kamailio]` */
  readonly kamailio: SipServerConfig;
  /** `[Accounting]` */
  readonly accounting: AccountingConfig;
  /** `[Database]` */
  readonly database: DatabaseConfig;
  /** `[Radius]` */
  readonly radius: RadiusConfig;
  /** `[Proxy]` */
  readonly proxy: ProxyConfig;
  /** `[MediaProxy]` */
  readonly mediaproxy: MediaProxyConfig;
}

/** A configuration that is accepted, with what should be said about it. */
export interface ParsedConfig {
  /** Frozen, down to the last array. */
  readonly config: Config;
  /** Written like the problems of {@linkcode ConfigError}. */
  readonly warnings: readonly string[];
}

/** A configuration that is not accepted. */
export class ConfigError extends Error {
  /** The class, as stack traces print it. */
  override readonly name = "ConfigError";
  /** Each `FILE:LINE: [Section] key = value: what is wrong and what is accepted`, in the order of the lines. */
  readonly problems: readonly string[];

  /** The message is the problems, one a line. */
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** The sections by their name in the file. */
export const SECTIONS: Readonly<Record<string, Section<unknown>>> = {
  Relay: RELAY_SECTION,
  Dispatcher: DISPATCHER_SECTION,
  TLS: TLS_SECTION,
  OpenSIPS: OPENSIPS_SECTION,
  Kamailio: KAMAILIO_SECTION,
  Accounting: ACCOUNTING_SECTION,
  Database: DATABASE_SECTION,
  Radius: RADIUS_SECTION,
  Proxy: PROXY_SECTION,
  MediaProxy: MEDIAPROXY_SECTION,
};

/** Sections of the original that mean nothing here, and why. */
const RETIRED_SECTIONS = new Map([["ThorNetwork", "relays are found with [Relay] dispatchers, not through SIP Thor"]]);

/**
 * Parses the text of a configuration file; `file` is its name in messages. What the text leaves out has its default.
 *
 * @throws {ConfigError} with all problems: bad syntax, unknown sections and keys, bad values.
 */
export function parseConfig(text: string, file: string): ParsedConfig {
  const ini = parseIni(text);
  const findings = new Findings(file);
  ini.problems.forEach(({ line, message }) => findings.problem(line, message));
  const found = new Map(ini.sections.map((section) => [section.name, section]));
  for (const section of ini.sections) {
    checkSection(section, findings);
  }
  const config = {
    relay: readSection("Relay", RELAY_SECTION, found, findings),
    dispatcher: readSection("Dispatcher", DISPATCHER_SECTION, found, findings),
    tls: readSection("TLS", TLS_SECTION, found, findings),
    opensips: readSection("OpenSIPS", OPENSIPS_SECTION, found, findings),
    kamailio: readSection("Kamailio", KAMAILIO_SECTION, found, findings),
    accounting: readSection("Accounting", ACCOUNTING_SECTION, found, findings),
    database: readSection("Database", DATABASE_SECTION, found, findings),
    radius: readSection("Radius", RADIUS_SECTION, found, findings),
    proxy: readSection("Proxy", PROXY_SECTION, found, findings),
    mediaproxy: readSection("MediaProxy", MEDIAPROXY_SECTION, found, findings),
  };
  return { config: deepFreeze(findings.accept(config)), warnings: findings.warnings() };
}

/** The configuration without a file. */
export function defaultConfig(): Config {
  return parseConfig("", "(defaults)").config;
}

/** Collects what is to be said, and puts it in the order of the lines. */
class Findings {
  readonly #file: string;
  readonly #problems: { line: number; text: string }[] = [];
  readonly #warnings: { line: number; text: string }[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  problem(line: number, text: string): void {
    this.#problems.push({ line, text });
  }

  warning(line: number, text: string): void {
    this.#warnings.push({ line, text });
  }

  warnings(): string[] {
    return this.#listed(this.#warnings);
  }

  /** Returns `values`, of which none is undefined when there is no problem. @throws {ConfigError} when there is one. */
  accept<T extends object>(values: T): { [name in keyof T]: NonNullable<T[name]> } {
    if (this.#problems.length > 0) {
      throw new ConfigError(this.#listed(this.#problems));
    }
    return values as { [name in keyof T]: NonNullable<T[name]> };
  }

  #listed(findings: { line: number; text: string }[]): string[] {
    return findings.toSorted((a, b) => a.line - b.line).map(({ line, text }) => `${this.#file}:${line}: ${text}`);
  }
}

/** Finds what needs no value: unknown and retired sections and keys, and remarks. */
function checkSection({ name, line, entries }: IniSection, findings: Findings): void {
  const retired = RETIRED_SECTIONS.get(name);
  if (retired !== undefined) {
    findings.warning(line, `[${shown(name)}]: ignored: ${retired}`);
  } else if (Object.hasOwn(SECTIONS, name)) {
    entries.forEach((entry) => checkEntry(name, SECTIONS[name]!, entry, findings));
  } else {
    const names = Object.keys(SECTIONS);
    findings.problem(
      line,
      `[${shown(name)}]: unknown section; accepted are ${names.join(", ")}${suggestion(name, names)}`,
    );
  }
}

function checkEntry(name: string, section: Section<unknown>, entry: IniEntry, findings: Findings): void {
  const retired = section.retired.get(entry.key);
  const remark = section.remark(entry.key, entry.value);
  if (retired !== undefined) {
    findings.warning(entry.line, `${described(name, entry)}: ignored: ${retired}`);
  } else if (!section.keys.includes(entry.key)) {
    findings.problem(entry.line, `${described(name, entry)}: unknown key${hint(entry.key, section)}`);
  } else if (remark !== undefined) {
    findings.warning(entry.line, `${described(name, entry)}: ${remark}`);
  }
}

/** Where an unknown key may belong: to another name in its section, or under its own name to other sections. */
function hint(key: string, section: Section<unknown>): string {
  const homes = Object.keys(SECTIONS).filter((name) => SECTIONS[name]!.keys.includes(key)).map((name) => `[${name}]`);
  return homes.length > 0 ? `; it belongs to ${homes.join(" or ")}` : suggestion(key, section.keys);
}

/** The section's value; `undefined` once a problem is noted. */
function readSection<T>(
  name: string,
  section: Section<T>,
  found: ReadonlyMap<string, IniSection>,
  findings: Findings,
): T | undefined {
  const entries = new Map(
    found.get(name)?.entries.filter((entry) => section.keys.includes(entry.key)).map((entry) => [entry.key, entry]),
  );
  const texts = Object.fromEntries(Array.from(entries.values(), ({ key, value }) => [key, value]));
  const result = v.safeParse(section.schema, texts);
  for (const issue of result.issues ?? []) {
    const keys = issue.path?.map((item) => String(item.key)) ?? [];
    const entry = keys.map((key) => entries.get(key)).find((it) => it !== undefined)!; // defaults are accepted: config_test.ts
    findings.problem(entry.line, `${described(name, entry)}: ${issue.message}`);
  }
  return result.success ? result.output : undefined;
}

/** `[Section] key = value`, safe for a terminal and without credentials, which stand in a URI, perhaps under a wrong key. */
function described(section: string, { key, value }: IniEntry): string {
  const isSecret = section === "Database" || /\/\/.*@/.test(value);
  return `[${section}] ${shown(key)} = ${isSecret ? "..." : shown(value)}`;
}

function shown(text: string): string {
  const line = text.replace(/\p{Cc}/gu, "?");
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) {
    if (typeof member === "object" && member !== null) {
      deepFreeze(member);
    }
  }
  return Object.freeze(value);
}
