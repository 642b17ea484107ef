/** The units for systemd: they start what there is, and agree on what they share. */
import { assert, assertEquals } from "../src/deps/assert.ts";

const PROJECT = new URL("../", import.meta.url).pathname;
const PROGRAMS = ["dispatcher", "proxy", "relay"];
/** All programs have the same, as they have the same runtime and only other files. */
const SHARED = /^(User|RuntimeDirectory|Environment|NoNewPrivileges|Protect|Private|Restart|Restrict|Lock|SystemCall)/;

/** The lines of a unit that set something. */
function settings(program: string): string[] {
  const text = Deno.readTextFileSync(`${PROJECT}docs/systemd/mediaproxy-${program}.service`);
  return text.split("\n").filter((line) => /^\w+=/.test(line));
}

for (const program of PROGRAMS) {
  Deno.test(`mediaproxy-${program}.service starts a program of the project with a permission set of deno.json`, () => {
    const [command] = settings(program).filter((line) => line.startsWith("ExecStart="));
    const [, set, file] = / -P=(\S+) (\S+)$/.exec(command!)!;
    const { permissions } = JSON.parse(Deno.readTextFileSync(`${PROJECT}deno.json`));
    assert(set! in permissions, `${set} is none`);
    assert(Deno.statSync(PROJECT + file).isFile);
  });
}

Deno.test("the units agree on user, runtime directory, restarts and rights", () => {
  const [first, ...others] = PROGRAMS.map((program) => settings(program).filter((line) => SHARED.test(line)));
  assert(first!.includes("RuntimeDirectoryMode=0750"), "everybody may command the programs");
  for (const other of others) assertEquals(other, first);
});
