/** What the checking scripts share: which files they read, and how they speak. @module */

/** The TypeScript files below `folder` that are neither tests nor declarations. */
export function* sourceFiles(folder: string): Iterable<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* sourceFiles(`${folder}/${name}`);
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts") && !name.endsWith(".d.ts")) yield `${folder}/${name}`;
  }
}

/** Prints the problems and the line that sums them up, and ends the process with the exit code that goes with it. */
export function report(problems: readonly string[], summary: string): never {
  // deno-lint-ignore no-console -- a command's output
  for (const line of [...problems, summary]) console.log(line);
  Deno.exit(problems.length === 0 ? 0 : 1);
}
