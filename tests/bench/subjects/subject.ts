/** What a run of the load generator measures. @module */
import type { Ports } from "../generator/generator.ts";

/** A program that carries the generator's calls. */
export interface Subject extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** Where the parties send. */
  readonly targets: Ports;
}

/** Starts a subject and sets up a call for each two of `parties`. `prefix` goes before its command line. */
export type StartSubject = (parties: Ports, prefix: readonly string[]) => Promise<Subject>;
