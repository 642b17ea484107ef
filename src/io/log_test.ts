import { assertEquals, assertMatch } from "../deps/assert.ts";

/** What a program prints on standard error; the log is the process's, so each test has its own process. */
async function logged(code: string): Promise<string[]> {
  const module = new URL("./log.ts", import.meta.url).href;
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", `import { createLog } from ${JSON.stringify(module)};\n${code}`],
    stderr: "piped",
  }).output();
  return new TextDecoder().decode(stderr).trimEnd().split("\n");
}

Deno.test("createLog() writes text with the Call-ID of what a line concerns", async () => {
  const [line] = await logged(`
    const log = createLog("info", "text");
    log.info("session created: {braces} stay", { callId: "3c2a@192.0.2.1", relay: "192.0.2.9:25060" });
  `);
  assertMatch(
    line!,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO {4}\[3c2a@192\.0\.2\.1\] session created: \{braces\} stay relay=192\.0\.2\.9:25060$/,
  );
});

Deno.test("createLog() writes JSON that programs can read", async () => {
  const [line] = await logged(`createLog("info", "json").warning("no ports", { callId: "a", count: 3 });`);
  const { time, ...others } = JSON.parse(line!);
  assertEquals(others, { level: "warning", message: "no ports", callId: "a", count: 3 });
  assertMatch(time, /^\d{4}-\d\d-\d\dT/);
});

Deno.test("createLog() keeps to its level, and toggles debug", async () => {
  const lines = await logged(`
    const log = createLog("warning", "text");
    log.info("hidden");
    log.toggleDebug();
    log.debug("shown");
    log.toggleDebug();
    log.debug("hidden again");
    log.error("always");
  `);
  assertEquals(lines.map((line) => line.split(" ").at(-1)), ["shown", "always"]);
});

Deno.test("createLog() does not let a peer's text forge a line", async () => {
  const lines = await logged(`createLog("info", "text").info("from a\\nERROR forged", { callId: "x\\r\\ny" });`);
  assertEquals(lines.length, 1);
  assertMatch(lines[0]!, /\[x\\x0d\\x0ay\] from a\\x0aERROR forged$/);
});
