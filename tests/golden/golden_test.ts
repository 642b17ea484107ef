/** Every conversation that was recorded from the original, held with our machines. @module */
import { assert, assertEquals, assertThrows } from "../../src/deps/assert.ts";
import { Comparison } from "./compare.ts";
import { DEVIATIONS } from "./deviations.ts";
import { parsePython } from "./python_literal.ts";
import { replay } from "./replay.ts";
import { SCRIPT } from "./script.ts";
import { parseTranscript } from "./transcript.ts";

const FOLDER = new URL("../transcripts/", import.meta.url);
const FILES = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).toSorted();
const EXPECTED_FILES = 23;
const EXPECTED_STEPS = 173;

function read(file: string): string {
  return Deno.readTextFileSync(new URL(file, FOLDER));
}

/** Requests in a transcript, counted without the parser. */
function countRequests(file: string, text: string): number {
  if (!file.startsWith("events_")) return text.match(/SIP proxy -> dispatcher: \d+ bytes$/gm)?.length ?? 0;
  const shown = text.match(/^ {2}> |^ {2}(summary|sessions on the relay): b'/gm)?.length ?? 0;
  return shown + (text.match(/^#### .*\n {2}< /gm)?.length ?? 0);
}

for (const file of FILES) {
  Deno.test(`replay() of ${file} differs from the original only as listed (PROTOCOL §1, §3)`, async (test) => {
    const sections = parseTranscript(file, read(file));
    const titles = sections.map(({ title }) => title);
    for (const table of [DEVIATIONS[file], SCRIPT[file]]) {
      for (const title of Object.keys(table ?? {})) assert(titles.includes(title), `there is no section "${title}"`);
    }
    for (const { title, differences } of replay(file, sections)) {
      const listed = (DEVIATIONS[file]?.[title] ?? []).map(({ where, theirs, ours }) => ({ where, theirs, ours }));
      await test.step(title, () => assertEquals(differences, listed));
    }
  });
}

Deno.test("replay() leaves out no file and no message", () => {
  assertEquals(FILES.length, EXPECTED_FILES);
  for (const table of [DEVIATIONS, SCRIPT]) for (const file of Object.keys(table)) assert(FILES.includes(file), file);
  let total = 0;
  for (const file of FILES) {
    const text = read(file);
    const replayed = replay(file, parseTranscript(file, text)).reduce((sum, { steps }) => sum + steps, 0);
    assertEquals(replayed, countRequests(file, text), file);
    total += replayed;
  }
  assertEquals(total, EXPECTED_STEPS);
});

Deno.test("Comparison.answers() wants the same port wherever the original has the same, and only there", () => {
  const differences = (...pairs: [string, string][]) => {
    const comparison = new Comparison();
    for (const [theirs, ours] of pairs) comparison.answers("answer", [theirs], [ours]);
    return comparison.differences.length;
  };
  assertEquals(differences(["1.1.1.1 50 60", "1.1.1.1 70 80"], ["1.1.1.1 60 0", "1.1.1.1 80 0"]), 0);
  assertEquals(differences(["1.1.1.1 50", "1.1.1.1 70"], ["1.1.1.1 50", "1.1.1.1 72"]), 1);
  assertEquals(differences(["1.1.1.1 50", "1.1.1.1 70"], ["1.1.1.1 60", "1.1.1.1 70"]), 1);
  assertEquals(differences(["1.1.1.1 50", "1.1.1.1 71"]), 1);
  assertEquals(differences(["1.1.1.1 0", "1.1.1.1 70"]), 1);
  assertEquals(differences(["1.1.1.1 50", "1.1.1.2 70"]), 1);
  assertEquals(differences(["1.1.1.1 50 60", "1.1.1.1 70"]), 1);
});

Deno.test("parsePython() reads what Python shows", () => {
  const { value, rest } = parsePython(`{'a': [1, -2.5, None, True], "it's": b'\\xff\\r\\n\\'', 'b': {}} (1 ms)`);
  assertEquals(value, { a: [1, -2.5, null, true], "it's": "\xff\r\n'", b: {} });
  assertEquals(rest, " (1 ms)");
  for (const text of ["", "x", "'a", "'\\q'", "{1: 2}"]) assertThrows(() => parsePython(text), SyntaxError);
});

Deno.test("parseTranscript() refuses lines that it cannot place", () => {
  for (const [file, text] of [["events_x.txt", "stray"], ["eng_x.txt", "## (a)\nstray\n## (b)\n"]] as const) {
    assertThrows(() => parseTranscript(file, text), SyntaxError, "Cannot parse line");
  }
});
