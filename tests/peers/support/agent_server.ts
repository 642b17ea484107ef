/** Lets a test command a program in another network namespace: a line of JSON for each command and each answer. @module */

/** What a program can do, by name. */
// deno-lint-ignore no-explicit-any -- the test that commands it knows the types
export type Handlers = Readonly<Record<string, (argument: any) => unknown>>;

/** Executes commands from standard input, one after the other, until it ends. */
export async function serve(handlers: Handlers): Promise<void> {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const { name, argument } = JSON.parse(line);
      let answer: unknown;
      try {
        answer = { result: await handlers[name]!(argument) ?? null };
      } catch (error) {
        answer = { error: String(error instanceof Error ? error.stack : error) };
      }
      await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(answer)}\n`));
    }
  }
}
