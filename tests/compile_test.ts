/** Executable files of the programs: what is in them. They are made with Deno in the place of the runtime that is downloaded. @module */
import { assert, assertEquals } from "../src/deps/assert.ts";

const PROJECT = new URL("../", import.meta.url).pathname;

/** The objects of a file's metadata that are called `name`. */
function embedded(text: string, name: string): Record<string, unknown> {
  const [, json] = new RegExp(`"${name}":(\\{[^{}]*\\})`).exec(text) ?? [];
  if (json === undefined) throw new Error(`there is no ${name}`);
  return JSON.parse(json);
}

Deno.test("compile makes files that have their permissions, never ask, and hold the code of the relay's isolates", async () => {
  const directory = Deno.makeTempDirSync();
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "scripts/compile.ts", directory],
      cwd: PROJECT,
      env: { DENORT_BIN: Deno.execPath() },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    assertEquals(
      [...Deno.readDirSync(directory)].map(({ name }) => name).toSorted(),
      ["mediaproxy-ctl", "mediaproxy-dispatcher", "mediaproxy-proxy", "mediaproxy-relay"],
    );
    const relay = new TextDecoder("latin1").decode(Deno.readFileSync(`${directory}/mediaproxy-relay`));
    const { allow_net, allow_read, allow_run, allow_sys, allow_write, prompt } = embedded(relay, "permissions");
    assertEquals(
      [allow_net, allow_read, allow_run, allow_sys, allow_write, prompt],
      [[], ["/etc/mediaproxy", "/run/mediaproxy"], null, ["networkInterfaces"], null, false],
    );
    assert(relay.includes("internal error at ${command}"), "io/worker.ts is not in the relay");
    assert(relay.includes('"features":["net"]'), "listenDatagram is not switched on");
    assert(relay.includes('"--initial-old-space-size=128"]'), "packets wait for the garbage collector");
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
