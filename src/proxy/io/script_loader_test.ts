import { assertEquals, assertRejects, assertStringIncludes } from "../../deps/assert.ts";
import { loadScript, ScriptError } from "./script_loader.ts";

const SETTINGS = { domains: ["example.com"], authenticate: true, ringTimeoutMs: 30_000 };

/** A directory with one script in it. */
class Lab implements Disposable {
  readonly directory = Deno.makeTempDirSync();
  readonly path: string;

  constructor(text: string, name = "my script.ts") {
    this.path = `${this.directory}/${name}`;
    this.write(text);
  }

  write(text: string): void {
    Deno.writeTextFileSync(this.path, text);
  }

  async refusal(isCompiled = false): Promise<string> {
    const { message } = await assertRejects(() => loadScript(this.path, SETTINGS, isCompiled), ScriptError);
    assertStringIncludes(message, this.path);
    return message.replace(this.path, "FILE");
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** Any request will do: these scripts do not look at it. */
const CALL = {} as Parameters<Awaited<ReturnType<typeof loadScript>>["request"]>[0];

Deno.test("loadScript() takes routes in TypeScript, and what it imports beside it", async () => {
  using lab = new Lab(`
    import { answer } from "./other.ts";
    export default { request(call: unknown): number { return answer(call as string); } };
  `);
  Deno.writeTextFileSync(`${lab.directory}/other.ts`, "export const answer = (_: string): number => 42;");
  const script = await loadScript(lab.path, SETTINGS);
  assertEquals(script.request(CALL) as unknown, 42);
});

Deno.test("loadScript() gives a function the configuration", async () => {
  using lab = new Lab("export default (settings) => ({ request: () => settings });");
  const script = await loadScript(lab.path, SETTINGS);
  assertEquals(script.request(CALL) as unknown, SETTINGS);
});

for (const isCompiled of [false, true]) {
  Deno.test(`loadScript() reads a script anew that has changed, ${isCompiled ? "compiled in" : "from its file"}`, async () => {
    using lab = new Lab("export default { request: () => 1 };", "route.js");
    const first = await loadScript(lab.path, SETTINGS, isCompiled);
    lab.write("export default { request: () => 2 };");
    const second = await loadScript(lab.path, SETTINGS, isCompiled);
    assertEquals([first.request(CALL), second.request(CALL)] as unknown, [1, 2]);
  });
}

Deno.test("loadScript() in a compiled program takes JavaScript with any characters, and says what it does not take", async () => {
  using lab = new Lab(`export default { request: () => "100% é # ?" };`, "route.js");
  const script = await loadScript(lab.path, SETTINGS, true);
  assertEquals(script.request(CALL) as unknown, "100% é # ?");
  lab.write("export default { request(call: unknown) {} };");
  assertStringIncludes(await lab.refusal(true), "a compiled program takes plain JavaScript");
});

Deno.test("loadScript() names the file and what is wrong with it", async () => {
  using lab = new Lab("export default {");
  assertStringIncludes(await lab.refusal(), "Cannot load the routing script FILE: ");
  lab.write("throw new Error('not today');");
  assertEquals(await lab.refusal(), "Cannot load the routing script FILE: not today");
  lab.write("export default () => { throw new Error('no such domain'); };");
  assertEquals(await lab.refusal(), "Cannot load the routing script FILE: no such domain");
  lab.write("export const request = () => {};");
  assertEquals(await lab.refusal(), "Cannot use the routing script FILE: it has no default export with routes");
  lab.write("export default { request() {}, onReply() {} };");
  assertEquals(
    await lab.refusal(),
    "Cannot use the routing script FILE: onReply is none of the routes request, branch, reply, failure, local",
  );
  lab.write("export default { request() {}, reply: 7 };");
  assertEquals(await lab.refusal(), "Cannot use the routing script FILE: reply is no function");
  lab.write("export default { reply() {} };");
  assertEquals(await lab.refusal(), "Cannot use the routing script FILE: it has no request route");
  Deno.removeSync(lab.path);
  assertStringIncludes(await lab.refusal(), "No such file");
});
