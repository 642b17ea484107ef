/**
 * Passport: which subject a peer's certificate must have, such as `O:Example*, CN:MediaProxy relay`.
 *
 * It stands for the host name check of other TLS clients: the certificates of a MediaProxy network name a role, not a host.
 * @module
 */

import { quoted } from "../env/log.ts";

/** The attributes that a passport can ask for, spelt as in the configuration. `EMAIL` is the subject's emailAddress. */
export const PASSPORT_ATTRIBUTES = ["O", "OU", "CN", "C", "L", "ST", "EMAIL"] as const;

export type PassportAttribute = (typeof PASSPORT_ATTRIBUTES)[number];

/** A certificate's subject. An attribute that occurs several times is a list, of which one value has to match. */
export type CertificateSubject = { readonly [attribute in PassportAttribute]?: string | readonly string[] };

/** One `AN:value` of a passport. */
export interface PassportRule {
  readonly attribute: PassportAttribute;
  /** The value without its wildcards and escapes. */
  readonly value: string;
  /** The value began with `*`: anything may stand before it. */
  readonly openStart: boolean;
  /** The value ended with `*`: anything may follow it. */
  readonly openEnd: boolean;
}

/** All rules must hold. */
export interface Passport {
  /** As written in the configuration. */
  readonly text: string;
  readonly rules: readonly PassportRule[];
}

/**
 * Parses `AN:value, AN:value`. In a value, `*` may stand at the start, at the end or at both, and `\,` is a comma.
 * The keyword `None`, in any case, accepts every certificate of the CA and gives `undefined`.
 *
 * @throws {SyntaxError} on an unknown or repeated attribute, an empty value, or a `*` inside a value.
 *
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * const passport = parsePassport("O:Example, CN:relay*");
 * assertEquals(passportRefusal(passport, { O: "Example", CN: "relay 1" }), undefined);
 * assertEquals(passportRefusal(passport, { O: "Example", CN: "foo" }), 'CN is "foo", the passport wants "relay*"');
 * ```
 */
export function parsePassport(text: string): Passport | undefined {
  if (text.trim().toLowerCase() === "none") {
    return undefined;
  }
  const rules: PassportRule[] = [];
  for (const entry of text.split(/(?<!\\),/)) {
    const rule = parseRule(entry.trim(), text);
    if (rules.some(({ attribute }) => attribute === rule.attribute)) {
      throw new SyntaxError(`Cannot parse passport ${quoted(text)}: ${rule.attribute} stands twice`);
    }
    rules.push(rule);
  }
  return { text: text.trim(), rules };
}

/** Why `subject` does not satisfy `passport`; `undefined` when it does or when there is no passport. */
export function passportRefusal(passport: Passport | undefined, subject: CertificateSubject): string | undefined {
  for (const rule of passport?.rules ?? []) {
    const found = subject[rule.attribute] ?? [];
    const values = typeof found === "string" ? [found] : found;
    if (!values.some((value) => matches(rule, value))) {
      const wanted = quoted(`${rule.openStart ? "*" : ""}${rule.value}${rule.openEnd && rule.value !== "" ? "*" : ""}`);
      return values.length === 0
        ? `the subject has no ${rule.attribute}, the passport wants ${wanted}`
        : `${rule.attribute} is ${values.map(quoted).join(" and ")}, the passport wants ${wanted}`;
    }
  }
  return undefined;
}

function parseRule(entry: string, text: string): PassportRule {
  const [, name, pattern] = /^(\w+)\s*:\s*(.+)$/s.exec(entry) ?? [];
  if (name === undefined || pattern === undefined) {
    throw new SyntaxError(`Cannot parse passport ${quoted(text)}: ${quoted(entry)} is not ATTRIBUTE:value`);
  }
  const attribute = PASSPORT_ATTRIBUTES.find((known) => known === name.toUpperCase());
  if (attribute === undefined) {
    const known = PASSPORT_ATTRIBUTES.join(", ");
    throw new SyntaxError(`Cannot parse passport ${quoted(text)}: ${quoted(name)} is none of ${known}`);
  }
  const value = pattern.replace(/^\*/, "").replace(/\*$/, "").replaceAll("\\,", ",");
  if (value.includes("*")) {
    throw new SyntaxError(
      `Cannot parse passport ${quoted(text)}: "*" may stand only at the start or the end of a value`,
    );
  }
  return {
    attribute,
    value,
    openStart: pattern.startsWith("*"),
    openEnd: pattern.endsWith("*"),
  };
}

function matches(rule: PassportRule, actual: string): boolean {
  const { value, openStart, openEnd } = rule;
  if (openStart && openEnd) {
    return actual !== "" && actual.includes(value);
  }
  if (openStart) {
    return actual.endsWith(value);
  }
  return openEnd ? actual.startsWith(value) : actual === value;
}
