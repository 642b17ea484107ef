/** Configuration values from their text: numbers, durations, words and paths. @module */

import type { LogLevel } from "../env/log.ts";
import { quoted } from "../env/log.ts";
import { suggestion } from "./nearest.ts";

/** How log lines are written. */
export type LogFormat = "text" | "json";

/** Timers hold a signed 32-bit number of milliseconds; a longer one would fire at once. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

const BOOLEANS = new Map([
  ["yes", true],
  ["true", true],
  ["on", true],
  ["1", true],
  ["no", false],
  ["false", false],
  ["off", false],
  ["0", false],
]);

/** The original's words included: its CRITICAL is our `error`. */
const LEVELS = new Map<string, LogLevel>([
  ["debug", "debug"],
  ["info", "info"],
  ["warning", "warning"],
  ["warn", "warning"],
  ["error", "error"],
  ["critical", "error"],
]);

const FORMATS = new Map<string, LogFormat>([["text", "text"], ["json", "json"]]);

/** yes, no, true, false, on, off, 1 or 0. @throws {SyntaxError} on anything else. */
export function parseBoolean(text: string): boolean {
  return parseWord(text, BOOLEANS, "yes, no, true, false, on, off, 1 or 0");
}

/** @throws {SyntaxError} on an unknown level. */
export function parseLogLevel(text: string): LogLevel {
  return parseWord(text, LEVELS, "DEBUG, INFO, WARNING or ERROR");
}

/** @throws {SyntaxError} on an unknown format. */
export function parseLogFormat(text: string): LogFormat {
  return parseWord(text, FORMATS, "text or json");
}

/** Whole seconds from 1 to 2147483, in milliseconds. @throws {SyntaxError} on anything else. */
export function parseSeconds(text: string): number {
  return parseWholeNumber(text, 1, MAX_SECONDS, "a whole number of seconds") * 1000;
}

/** Whole seconds from 0 to 2147483, in milliseconds. @throws {SyntaxError} on anything else. */
export function parseSecondsOrZero(text: string): number {
  return parseWholeNumber(text, 0, MAX_SECONDS, "a whole number of seconds") * 1000;
}

/** A path, absolute or relative. @throws {SyntaxError} on an empty one. */
export function parsePath(text: string): string {
  if (text === "" || text.includes("\0")) {
    throw new SyntaxError("not a path");
  }
  return text;
}

/** A path that begins with `/`. @throws {SyntaxError} on another. */
export function parseAbsolutePath(text: string): string {
  if (!text.startsWith("/")) {
    throw new SyntaxError("not an absolute path; it must begin with /");
  }
  return parsePath(text);
}

/** The name of a table or column, which goes into SQL as it stands. @throws {SyntaxError} on one that would need quoting. */
export function parseSqlName(text: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/i.test(text)) {
    throw new SyntaxError("not a name; letters, digits and _ are accepted, not a digit first, at most 63");
  }
  return text;
}

/** Any text. */
export function parseText(text: string): string {
  return text;
}

/** The entries of a list: separated by commas or spaces. Nothing and the keyword None are the empty list. */
export function splitList(text: string): string[] {
  return isNone(text) ? [] : text.split(/[\s,]+/).filter((entry) => entry !== "");
}

/** Nothing, or the keyword None in any case. */
export function isNone(text: string): boolean {
  return text === "" || text.toLowerCase() === "none";
}

/** Decimal digits only. `what` it should be stands in the message. @throws {SyntaxError} on other text and outside of `min` to `max`. */
export function parseWholeNumber(text: string, min: number, max: number, what: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) {
    throw new SyntaxError(`${quoted(text)} is not ${what} from ${min} to ${max}`);
  }
  return value;
}

function parseWord<T>(text: string, words: ReadonlyMap<string, T>, accepted: string): T {
  const value = words.get(text.toLowerCase());
  if (value === undefined) {
    throw new SyntaxError(`${quoted(text)} is not ${accepted}${suggestion(text, words.keys())}`);
  }
  return value;
}
