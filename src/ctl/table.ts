/** Tables for people who read in a terminal. @module */

export type Alignment = "left" | "right";

export interface Column<T> {
  readonly title: string;
  readonly align?: Alignment;
  text(row: T): string;
}

/**
 * Rows under a line of titles, columns as wide as they need to be.
 *
 * @example
 * ```ts
 * import { assertEquals } from "../deps/assert.ts";
 *
 * const text = table([{ name: "a", count: 12 }], [
 *   { title: "NAME", text: ({ name }) => name },
 *   { title: "CALLS", align: "right", text: ({ count }) => String(count) },
 * ]);
 * assertEquals(text, "NAME  CALLS\na        12");
 * ```
 */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map((column) => column.text(row)))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]!.length)));
  return cells.map((line) =>
    line.map((cell, index) =>
      columns[index]!.align === "right" ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!)
    ).join("  ").trimEnd()
  ).join("\n");
}

/** A duration such as `3:07` or `1:02:45`. */
export function durationText(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = String(Math.floor(seconds) % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** A bit rate such as `1.3 Mbit/s`. */
export function bitRateText(bitsPerSecond: number): string {
  const units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"];
  let value = bitsPerSecond;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
