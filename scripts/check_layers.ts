/**
 * Checks which way imports run (the gate calls it).
 *
 * | ring | folders                                                   | may import            | may use                      |
 * | ---- | --------------------------------------------------------- | --------------------- | ---------------------------- |
 * | 1    | `src/env`                                                 | ring 1                | nothing of the system        |
 * | 2    | codecs: `src/control`, `sip`, `sdp`, `stun`, `rtp`, `config`, `tls` | rings 1, 2, `src/deps` | nothing of the system |
 * | 3    | machines: the other folders of `src`, and `relay`         | rings 1 to 3          | nothing of the system        |
 * | 4    | shells: `src/io`, and the `io` of each folder             | rings 1 to 4          | everything                   |
 * | 5    | `src/bin`, `relay/main.ts`, `mod.ts`, `scripts`           | everything            | everything                   |
 *
 * "Of the system" is `Deno`, `node:` modules, timers, clocks, chance, and waiting. Besides: `relay` imports nothing of
 * `src` that belongs to another program, `src` never imports `relay` (`src/bin/start.ts` runs it as a process), no import
 * is circular, `npm:` stands in `src/deps` only, and no file is longer than 450 lines (tests and tables apart).
 * @module
 */
import { report, sourceFiles } from "./source_files.ts";

interface Rule {
  readonly pattern: RegExp;
  readonly ring: number;
  /** What belongs to one program; others keep out of it. */
  readonly program?: string;
}

const RULES: readonly Rule[] = [
  { pattern: /^src\/deps\//, ring: 0 },
  { pattern: /^src\/env\//, ring: 1 },
  { pattern: /^src\/version\.ts$/, ring: 1 },
  { pattern: /^src\/(control|rtp|config|tls|sip|sdp|stun)\//, ring: 2 },
  { pattern: /^src\/certificates\//, ring: 3 },
  { pattern: /^src\/dispatcher\/io\//, ring: 4, program: "dispatcher" },
  { pattern: /^src\/dispatcher\//, ring: 3, program: "dispatcher" },
  { pattern: /^src\/ctl\/io\//, ring: 4, program: "ctl" },
  { pattern: /^src\/ctl\//, ring: 3, program: "ctl" },
  { pattern: /^src\/(transport|mediaproxy|phone)\/io\//, ring: 4 },
  { pattern: /^src\/(transport|transaction|mediaproxy|phone)\//, ring: 3 },
  { pattern: /^src\/(proxy|registrar|server_location)\/io\//, ring: 4, program: "proxy" },
  { pattern: /^src\/(proxy|registrar|server_location|dialog)\//, ring: 3, program: "proxy" },
  { pattern: /^src\/io\//, ring: 4 },
  { pattern: /^relay\/io\//, ring: 4, program: "relay" },
  { pattern: /^relay\/main\.ts$/, ring: 5, program: "relay" },
  { pattern: /^relay\//, ring: 3, program: "relay" },
  { pattern: /^src\/bin\//, ring: 5 },
  { pattern: /^(mod\.ts|scripts\/)/, ring: 5 },
];

const SYSTEM =
  /\bDeno\.|\bperformance\.now\b|\bDate\.now\b|\bnew Date\(\)|\bsetTimeout\b|\bsetInterval\b|\bgetRandomValues\b|\bawait\b|\basync\b/;
const CHANCE = /\bMath\.random\b/;
/**
 * WebCrypto has no synchronous form, so making certificates waits; scripts, DNS and dispatchers answer when they like. What
 * waits for them still touches nothing of the system.
 */
const MAY_WAIT = /^src\/(certificates|mediaproxy|proxy|server_location)\//;
const MAX_LINES = 450;

const problems: string[] = [];
const imports = new Map<string, string[]>();

for (const file of [...sourceFiles("src"), ...sourceFiles("relay"), ...sourceFiles("scripts"), ...existing("mod.ts")]) {
  const text = Deno.readTextFileSync(file);
  const rule = ruleFor(file);
  if (rule === undefined) {
    problems.push(`${file}: belongs to no ring; name its folder in scripts/check_layers.ts`);
    continue;
  }
  checkLength(file, text);
  checkSystem(file, text, rule);
  imports.set(file, checkImports(file, text, rule));
}
for (const cycle of cycles()) problems.push(`circular imports: ${cycle.join(" > ")}`);

report(
  problems,
  problems.length === 0 ? `layers: ${imports.size} files, imports run inward` : `layers: ${problems.length} problems`,
);

function existing(file: string): string[] {
  try {
    Deno.statSync(file);
    return [file];
  } catch {
    return [];
  }
}

function ruleFor(file: string): Rule | undefined {
  return RULES.find(({ pattern }) => pattern.test(file));
}

function checkLength(file: string, text: string): void {
  const lines = text.split("\n").length - 1;
  if (lines > MAX_LINES) problems.push(`${file}: ${lines} lines, more than ${MAX_LINES}; it is no longer one thing`);
}

function checkSystem(file: string, text: string, { ring }: Rule): void {
  const code = withoutCommentsAndStrings(text);
  code.split("\n").forEach((line, index) => {
    const where = `${file}:${index + 1}`;
    if (CHANCE.test(line) && !file.startsWith("scripts/")) {
      problems.push(`${where}: Math.random cannot be seeded; take a RandomSource`);
    }
    const found = SYSTEM.exec(line)?.[0];
    const waits = found === "await" || found === "async";
    if (ring > 0 && ring < 4 && found !== undefined && !(waits && MAY_WAIT.test(file))) {
      problems.push(`${where}: ${found} belongs to a shell (an io folder)`);
    }
  });
}

function checkImports(file: string, text: string, rule: Rule): string[] {
  const found: string[] = [];
  for (const [, specifier = ""] of text.matchAll(/^(?:import|export)\s(?:[^;"]*\sfrom\s)?"([^"]+)";/gm)) {
    if (specifier.startsWith(".")) {
      const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
      found.push(target);
      checkImport(file, rule, target);
    } else if (specifier.startsWith("node:") ? rule.ring > 0 && rule.ring < 4 : rule.ring !== 0) {
      problems.push(
        `${file}: imports ${specifier}; ${
          specifier.startsWith("npm:") ? "that belongs into src/deps" : "that belongs to a shell"
        }`,
      );
    }
  }
  return found;
}

function checkImport(file: string, rule: Rule, target: string): void {
  const targetRule = ruleFor(target);
  if (targetRule === undefined) {
    problems.push(`${file}: imports ${target}, which belongs to no ring`);
  } else if (targetRule.ring > rule.ring) {
    problems.push(`${file} (ring ${rule.ring}): imports ${target} (ring ${targetRule.ring}) outward`);
  } else if (rule.program !== undefined && targetRule.program !== undefined && rule.program !== targetRule.program) {
    problems.push(`${file}: imports ${target}, which belongs to the ${targetRule.program}`);
  } else if (file.startsWith("src/") && target.startsWith("relay/")) {
    problems.push(`${file}: imports ${target}; src never imports relay`);
  } else if (rule.ring === 1 && targetRule.ring === 0) {
    problems.push(`${file}: imports ${target}; src/env imports nothing`);
  }
}

/** Each circle of imports once; type imports count too, as two files that need each other's types are one thing. */
function* cycles(): Iterable<string[]> {
  const done = new Set<string>();
  for (const start of imports.keys()) yield* visit(start, [], done);
}

function* visit(file: string, path: string[], done: Set<string>): Iterable<string[]> {
  if (path.includes(file)) {
    yield [...path.slice(path.indexOf(file)), file];
    return;
  }
  if (done.has(file)) return;
  for (const target of imports.get(file) ?? []) yield* visit(target, [...path, file], done);
  done.add(file);
}

/** Good enough for code that `deno fmt` has formatted: comments and string contents become blanks, lines stay. */
function withoutCommentsAndStrings(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/(^|[^:])\/\/.*$/gm, "$1")
    .replace(/"(?:[^"\\\n]|\\.)*"/g, '""');
}
