import { assertEquals } from "../deps/assert.ts";
import { resolveIn, resolvePaths } from "./paths.ts";

const NONE = { configFile: undefined, configDir: undefined, runtimeDir: undefined };

Deno.test("resolvePaths() has defaults, of which the file need not exist", () => {
  assertEquals(resolvePaths(NONE), {
    configFile: "/etc/mediaproxy/config.ini",
    configDir: "/etc/mediaproxy",
    runtimeDir: "/run/mediaproxy",
    explicit: false,
  });
});

Deno.test("resolvePaths() takes the configuration directory from --config", () => {
  const directories = ["/a/b.ini", "/b.ini", "b.ini", "a/b.ini"].map((configFile) =>
    resolvePaths({ ...NONE, configFile }).configDir
  );
  assertEquals(directories, ["/a", "/", ".", "a"]);
  assertEquals(resolvePaths({ ...NONE, configFile: "/a/b.ini" }).configFile, "/a/b.ini");
  assertEquals(resolvePaths({ ...NONE, configFile: "/a/b.ini" }).explicit, true);
});

Deno.test("resolvePaths() lets --config-dir and --runtime-dir win", () => {
  assertEquals(resolvePaths({ configFile: "/a/b.ini", configDir: "/c", runtimeDir: "/r" }), {
    configFile: "/a/b.ini",
    configDir: "/c",
    runtimeDir: "/r",
    explicit: true,
  });
  assertEquals(resolvePaths({ ...NONE, configDir: "/c/" }).configFile, "/c/config.ini");
});

Deno.test("resolveIn() leaves absolute paths alone", () => {
  assertEquals(resolveIn("/run/mediaproxy", "dispatcher.sock"), "/run/mediaproxy/dispatcher.sock");
  assertEquals(resolveIn("/run/mediaproxy", "/tmp/d.sock"), "/tmp/d.sock");
  assertEquals(resolveIn("/", "a"), "/a");
  assertEquals(resolveIn(".", "a"), "./a");
});
