/**
 * The transcripts: conversations that the original had, as values. There are two kinds of file.
 *
 * `eng_*.txt`, `use_*.txt`: calls through a SIP server. Part (a) is the exact bytes on its connections with times, part
 * (b) what the dispatcher told the relay and the relay's log, then the dispatcher's log.
 * `events_*.txt`: requests sent one by one (`  > 'update...'`, `  < b'...'`) under headings that say what was done.
 * @module
 */
import { parsePython, type PythonValue } from "./python_literal.ts";

/** A line or request that was sent, and what came back. */
export interface Step {
  /** `sip`: a SIP server's connection; `management`: the management port. */
  readonly to: "sip" | "management";
  readonly connection: string;
  /** Since the recording began; `undefined` in `events_*.txt`. */
  readonly atMs: number | undefined;
  /** `undefined` if the transcript does not show it. */
  readonly request: Uint8Array | undefined;
  /** One line each, without its end. */
  readonly answers: string[];
  readonly lineNumber: number;
}

/** Where the phones' packets came from, and after how many answers the relay first saw them. */
export interface Media {
  readonly afterAnswers: number;
  readonly caller: string;
  readonly callee: string;
}

export interface Section {
  readonly title: string;
  readonly steps: Step[];
  /** What went to accounting. */
  readonly statistics: PythonValue[];
  /** The JSON with which dialogs were ended. */
  readonly endedDialogs: string[];
  /** What the dispatcher told the relay: commands without their numbers, with headers. */
  readonly relayCommands: string[];
  media: Media | undefined;
  /** How many packets the phones got, if they were counted. */
  receivedPackets: { readonly caller: number; readonly callee: number } | undefined;
}

function section(title: string): Section {
  return {
    title,
    steps: [],
    statistics: [],
    endedDialogs: [],
    relayCommands: [],
    media: undefined,
    receivedPackets: undefined,
  };
}

/**
 * Parses a transcript; `file` tells its kind.
 * @throws SyntaxError for a line that it cannot place.
 */
export function parseTranscript(file: string, text: string): Section[] {
  const lines = text.split("\n");
  return file.startsWith("events_") ? parseEvents(lines) : [parseCall(lines)];
}

function bytesOf(latin1: string): Uint8Array {
  return Uint8Array.from(latin1, (character) => character.charCodeAt(0));
}

// ---- eng_*.txt, use_*.txt

const BLOCK = /^ +(\d+\.\d{3}) \[(conn \d+)\] (SIP proxy -> dispatcher|dispatcher -> SIP proxy): (?:(\d+) bytes|EOF)$/;
const DISCOVERED = /discovered peer: .*?\(RTP: ([^,]+),.*\(RTP: ([^,]+),/;

function parseCall(lines: readonly string[]): Section {
  const result = section("call");
  const part = (title: RegExp) => lines.findIndex((line) => title.test(line));
  const [wire, relay, log, sdp] = [/^## \(a\)/, /^## \(b\)/, /^## dispatcher log/, /^## \(c\)/].map(part);
  parseWire(lines.slice(0, relay), wire! + 1, result);
  parseRelayLog(lines.slice(relay! + 1, log), result);
  for (const line of lines.slice(log! + 1, sdp)) parseStatistics(line, result);
  return result;
}

function parseWire(lines: readonly string[], from: number, result: Section): void {
  for (let index = from; index < lines.length; index++) {
    const lineNumber = index + 1;
    const [, seconds, connection, direction, count] = BLOCK.exec(lines[index]!) ?? [];
    if (seconds === undefined) {
      if (/^$| opened by /.test(lines[index]!)) continue;
      throw new SyntaxError(`Cannot parse line ${lineNumber}: ${lines[index]}`);
    }
    if (count === undefined) continue; // EOF
    let shown = "";
    while (lines[index + 1]?.startsWith("    ")) shown += lines[++index]!.slice(4);
    const text = shown.replaceAll("\\r\\n", "\r\n");
    if (text.length !== Number(count)) throw new SyntaxError(`Cannot parse line ${lineNumber}: not ${count} bytes`);
    if (direction === "dispatcher -> SIP proxy") {
      result.steps.at(-1)!.answers.push(text.replace(/\r\n$/, ""));
    } else {
      const atMs = Math.round(Number(seconds) * 1000);
      result.steps.push({ to: "sip", connection: connection!, atMs, request: bytesOf(text), answers: [], lineNumber });
    }
  }
}

function parseRelayLog(lines: readonly string[], result: Section): void {
  let answers = 0;
  let command = "";
  for (const line of lines) {
    const [, told] = /^ {4}dispatcher->relay: (.*)$/.exec(line) ?? [];
    if (told !== undefined && told !== "pong") {
      command += `${told.replace(/^(update|remove) \d+$/, "$1")}\n`;
      if (told === "") {
        result.relayCommands.push(command);
        command = "";
      }
    }
    if (line.startsWith("    relay->dispatcher: ")) answers++;
    const [, caller, callee] = DISCOVERED.exec(line) ?? [];
    if (caller === undefined || callee === undefined) continue;
    result.media = { afterAnswers: result.media?.afterAnswers ?? answers, caller, callee };
  }
}

function parseStatistics(line: string, result: Section): void {
  const [, statistics] = / statistics: (\{.*)$/.exec(line) ?? [];
  if (statistics !== undefined) result.statistics.push(parsePython(statistics).value);
}

// ---- events_*.txt

function parseEvents(lines: readonly string[]): Section[] {
  const sections: Section[] = [];
  lines.forEach((line, index) => {
    const [, title] = /^#### (.*)$/.exec(line) ?? [];
    if (title !== undefined) sections.push(section(title));
    if (title !== undefined || line === "") return;
    const current = sections.at(-1);
    if (current === undefined || !line.startsWith("  ")) {
      throw new SyntaxError(`Cannot parse line ${index + 1}: ${line.slice(0, 80)}`);
    }
    parseEvent(line, index + 1, current);
  });
  return sections;
}

function parseEvent(line: string, lineNumber: number, current: Section): void {
  const [, mark, said] = /^ {2}([<>]) (.*)$/.exec(line) ?? [];
  const step = { connection: "conn 1", atMs: undefined, answers: [] as string[], lineNumber };
  if (mark === ">" && /^b?['"]/.test(said!)) {
    current.steps.push({ ...step, to: "sip", request: bytesOf(parsePython(said!).value as string) });
  } else if (mark === ">") {
    current.steps.push({ ...step, to: "management", request: bytesOf(said!.replaceAll("\\r\\n", "\r\n")) });
  } else if (mark === "<") {
    if (current.steps.length === 0) current.steps.push({ ...step, to: "sip", request: undefined });
    const { value } = parsePython(said!);
    if (value !== null) current.steps.at(-1)!.answers.push(String(value).replace(/\r\n$/, ""));
  } else {
    parseNote(line, lineNumber, current);
  }
}

function parseNote(line: string, lineNumber: number, current: Section): void {
  const [, what, answer] = /^ {2}(summary|sessions)[^:]*: (b'.*')$/.exec(line) ?? [];
  if (what !== undefined) {
    const answers = [String(parsePython(answer!).value).replace(/\r\n$/, "")];
    const request = bytesOf(`${what}\r\n`);
    current.steps.push({ to: "management", connection: "conn 1", atMs: undefined, request, answers, lineNumber });
  }
  const [, caller, callee] = /^ {2}endpoint packets received: caller (\d+) callee (\d+)$/.exec(line) ?? [];
  if (caller !== undefined) current.receivedPackets = { caller: Number(caller), callee: Number(callee) };
  const [, ended] = / from RUNDIR\/opensips\.sock: (b'.*')$/.exec(line) ?? [];
  if (ended !== undefined) current.endedDialogs.push(String(parsePython(ended).value));
  if (line.startsWith("    ")) parseStatistics(line, current);
}
