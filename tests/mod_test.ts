/** `mod.ts` as a library, imported from a URL: nothing that it reaches may need our deno.json. @module */
import { assertEquals } from "../src/deps/assert.ts";
import { VERSION } from "../src/version.ts";

const PROJECT = new URL("../", import.meta.url);

Deno.test("mod.ts can be imported from a URL, by a program in another directory", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const file = new URL(`.${new URL(request.url).pathname}`, PROJECT);
    const type = file.pathname.endsWith(".json") ? "application/json" : "application/typescript";
    try {
      return new Response(await Deno.readTextFile(file), { headers: { "content-type": type } });
    } catch {
      return new Response("not found", { status: 404 });
    }
  });
  const directory = Deno.makeTempDirSync();
  try {
    const host = `127.0.0.1:${server.addr.port}`;
    Deno.writeTextFileSync(
      `${directory}/user.ts`,
      `import { parseConfig, parseMediaHeader, startDispatcher, startRelay, VERSION } from "http://${host}/mod.ts";
       import { LineFramer } from "http://${host}/src/control/mod.ts";
       const { config } = parseConfig("[Relay]\\nport_range = 50000:50100", "config.ini");
       console.log(JSON.stringify([
         VERSION, config.relay.portRange, parseMediaHeader("audio:[2001:db8::1]:6000:sendrecv:ice=no")[0].address,
         typeof startDispatcher, typeof startRelay, new LineFramer(10).push(new TextEncoder().encode("a\\r\\n")),
       ]));`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-config",
        "--no-lock",
        "--no-prompt",
        "--unstable-net",
        `--allow-import=${host}`,
        `--reload=http://${host}`,
        "user.ts",
      ],
      cwd: directory,
    }).output();
    assertEquals(new TextDecoder().decode(stderr), "");
    assertEquals(JSON.parse(new TextDecoder().decode(stdout)), [
      VERSION,
      { start: 50000, end: 50100 },
      "2001:db8::1",
      "function",
      "function",
      ["a"],
    ]);
  } finally {
    await server.shutdown();
    Deno.removeSync(directory, { recursive: true });
  }
});
