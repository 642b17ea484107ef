import { assert, assertEquals } from "../deps/assert.ts";
import { defaultConfig, parseConfig, SECTIONS } from "./config.ts";
import { parseIni } from "./ini_file.ts";

const SAMPLE = Deno.readTextFileSync(new URL("../../config.ini.sample", import.meta.url));

/** The sample with its keys switched on. Prose has a space after the semicolon. */
const SWITCHED_ON = SAMPLE.replace(/^;(?=\S)/gm, "");

Deno.test("config.ini.sample as it is gives the defaults, without a warning", () => {
  assertEquals(parseConfig(SAMPLE, "config.ini.sample"), { config: defaultConfig(), warnings: [] });
});

Deno.test("config.ini.sample with every key switched on gives the defaults, without a warning", () => {
  assertEquals(parseConfig(SWITCHED_ON, "config.ini.sample"), { config: defaultConfig(), warnings: [] });
});

Deno.test("config.ini.sample holds every section and key, in the schema's order, and no other", () => {
  const documented = parseIni(SWITCHED_ON).sections.map(({ name, entries }) => [name, entries.map(({ key }) => key)]);
  assertEquals(documented, Object.entries(SECTIONS).map(([name, { keys }]) => [name, [...keys]]));
});

Deno.test("config.ini.sample explains every key", () => {
  const lines = SAMPLE.split("\n");
  lines.forEach((line, index) => {
    if (/^;\S/.test(line)) {
      const before = lines[index - 1]!;
      assert(/^; \S/.test(before) || /_column|_table/.test(before), `line ${index + 1} stands without an explanation`);
    }
  });
});
