/** `mod.ts` as a library, imported from a URL: nothing that it reaches may need our deno.json. @module */
import { assertEquals } from "../src/deps/assert.ts";
import { VERSION } from "../src/version.ts";

const PROJECT = new URL("../", import.meta.url);

/** Serves the project over HTTP, and runs `program` in a directory of its own, which it may write to. */
async function runImporting(program: (url: string, directory: string) => string, permissions: readonly string[]) {
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
    Deno.writeTextFileSync(`${directory}/user.ts`, program(`http://${host}`, directory));
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
        ...permissions,
        "user.ts",
      ],
      cwd: directory,
    }).output();
    return { stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  } finally {
    await server.shutdown();
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("mod.ts can be imported from a URL, by a program in another directory", async () => {
  const { stdout, stderr } = await runImporting(
    (url) =>
      `import { parseConfig, parseMediaHeader, startDispatcher, startProxy, startRelay, VERSION } from "${url}/mod.ts";
     import { LineFramer } from "${url}/src/control/mod.ts";
     const { config } = parseConfig("[Relay]\\nport_range = 50000:50100", "config.ini");
     console.log(JSON.stringify([
       VERSION, config.relay.portRange, parseMediaHeader("audio:[2001:db8::1]:6000:sendrecv:ice=no")[0].address,
       typeof startDispatcher, typeof startRelay, typeof startProxy,
       new LineFramer(10).push(new TextEncoder().encode("a\\r\\n")),
     ]));`,
    [],
  );
  assertEquals(stderr, "");
  assertEquals(JSON.parse(stdout), [
    VERSION,
    { start: 50000, end: 50100 },
    "2001:db8::1",
    "function",
    "function",
    "function",
    ["a"],
  ]);
});

Deno.test("a program that imports mod.ts from a URL runs all three services, and a call goes through them", async () => {
  const { stdout, stderr } = await runImporting(
    (url, directory) =>
      `import { createLog, parseConfig, startDispatcher, startProxy, startRelay } from "${url}/mod.ts";
     import { prepareLocalService } from "${url}/src/io/local_service.ts";
     import { runDemo } from "${url}/src/phone/io/demo.ts";
     import { ask } from "${url}/src/ctl/io/ask.ts";
     const users = [{ name: "alice", password: "a1" }, { name: "bob", password: "b2" }];
     const layout = await prepareLocalService({
       directory: "${directory}", address: "127.0.0.1", users, directNetworks: "127.0.0.0/8", debug: false, say() {},
     });
     const { config } = parseConfig(Deno.readTextFileSync(layout.configFile), "config.ini");
     const paths = {
       configFile: layout.configFile, configDir: "${directory}", runtimeDir: "${directory}", explicit: true,
     };
     const log = createLog("error", "text");
     const dispatcher = await startDispatcher(config, paths, log);
     const relay = await startRelay(config, "${directory}", log);
     while (dispatcher.relayCount === 0) await new Promise((resolve) => setTimeout(resolve, 10));
     const proxy = await startProxy(config, paths, log);
     const tls = { certsPath: "${directory}/tls", name: "dispatcher" };
     const lines: string[] = [];
     const passed = await runDemo({
       proxy: { address: "127.0.0.1", port: layout.sipPort }, domain: "127.0.0.1", users, log,
       sessions: () => ask({ host: "127.0.0.1", port: layout.managementPort, tls }, "sessions"),
       jsonlPath: layout.jsonlPath, say: (text) => void lines.push(text),
     });
     await proxy.close();
     await relay.close();
     await dispatcher.close();
     console.log(passed ? "passed" : lines.join("\\n"));`,
    ["--allow-net", "--allow-read", "--allow-write", "--allow-sys"],
  );
  assertEquals(stdout.trim(), "passed", stderr);
});
