import { assertEquals, assertNotEquals, assertStringIncludes, assertThrows } from "../../deps/assert.ts";
import { StartError } from "../../io/program.ts";
import { keptRouteKey, newRouteKey } from "./route_key.ts";

Deno.test("keptRouteKey() makes a key once, for its owner only, and finds it again", () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/route.key`;
  try {
    const key = keptRouteKey(path);
    assertEquals(key.length, 32);
    assertEquals(keptRouteKey(path), key);
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    assertEquals([...Deno.readDirSync(directory)].map(({ name }) => name), ["route.key"]);
    assertNotEquals(newRouteKey(), key);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("keptRouteKey() names a file that is no key, and a place where it cannot make one", () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/route.key`;
  try {
    Deno.writeTextFileSync(path, "short");
    const { message } = assertThrows(() => keptRouteKey(path), StartError);
    assertStringIncludes(message, `Cannot use ${path} ([Proxy] state_dir): it has 5 bytes, 32 are a key; delete it`);
    const nowhere = assertThrows(() => keptRouteKey(`${directory}/missing/route.key`), StartError);
    assertStringIncludes(nowhere.message, `${directory}/missing/route.key`);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
