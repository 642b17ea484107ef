/** Figures and how they are written: percentiles, medians, progress. @module */

/** The value below which `share` (0 to 1) of `sorted` lies; NaN of nothing. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return NaN;
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/** The middle value; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The average; NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** `12,345`, `1.25`, or `-` where there is nothing to say. */
export function numberText(value: number, digits = 0): string {
  if (Number.isNaN(value)) return "-";
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** What is going on, on standard error, so that standard output holds the result alone. */
export function progress(text: string): void {
  // deno-lint-ignore no-console -- a command's progress
  console.error(`bench: ${text}`);
}

/** A result, on standard output. */
export function print(text: string): void {
  // deno-lint-ignore no-console -- a command's output
  console.log(text);
}

/** A figure that was to be reached, and whether it was. */
export interface Target {
  readonly text: string;
  readonly reached: number;
  readonly met: boolean;
}

/** One target a line. */
export function targetsText(targets: readonly Target[]): string {
  return targets.map(({ text, met }) => `${met ? "met   " : "MISSED"}  ${text}`).join("\n");
}
