/** Loads routing scripts, and loads them anew while the proxy runs. @module */
import type { RoutingScript, RoutingScriptExport, ScriptSettings } from "../script.ts";

/** A script that cannot be used; the message names the file and what is wrong. */
export class ScriptError extends Error {
  override name = "ScriptError";
}

const ROUTES = ["request", "branch", "reply", "failure", "local"];

/**
 * Imports a script. TypeScript works with `deno run`; a compiled program has no compiler in it, and takes JavaScript.
 * @throws ScriptError
 */
export async function loadScript(
  path: string,
  settings: ScriptSettings,
  isCompiled: boolean = Deno.build.standalone,
): Promise<RoutingScript> {
  let exported: unknown;
  try {
    exported = (await importAnew(path, isCompiled)).default;
    if (typeof exported === "function") exported = (exported as Exclude<RoutingScriptExport, RoutingScript>)(settings);
  } catch (cause) {
    const reason = `${(cause as Error)?.message ?? cause}`;
    const isSyntax = cause instanceof SyntaxError || reason.startsWith("SyntaxError");
    const advice = isCompiled && isSyntax ? "; a compiled program takes plain JavaScript" : "";
    throw new ScriptError(`Cannot load the routing script ${path}: ${reason}${advice}`, { cause });
  }
  if (typeof exported !== "object" || exported === null) {
    throw new ScriptError(`Cannot use the routing script ${path}: it has no default export with routes`);
  }
  const unknown = Object.keys(exported).find((name) => !ROUTES.includes(name));
  if (unknown !== undefined) {
    throw new ScriptError(
      `Cannot use the routing script ${path}: ${unknown} is none of the routes ${ROUTES.join(", ")}`,
    );
  }
  const wrong = Object.entries(exported).find(([, route]) => route !== undefined && typeof route !== "function");
  if (wrong !== undefined) throw new ScriptError(`Cannot use the routing script ${path}: ${wrong[0]} is no function`);
  if (!("request" in exported)) throw new ScriptError(`Cannot use the routing script ${path}: it has no request route`);
  return exported as RoutingScript;
}

/** What was imported once is never read again, so every version gets a name of its own. */
async function importAnew(path: string, isCompiled: boolean): Promise<{ default?: unknown }> {
  const file = `file://${encodeURI(await Deno.realPath(path))}`;
  if (!isCompiled) return await import(`${file}?version=${crypto.randomUUID()}`);
  const source = await Deno.readTextFile(path);
  return await import(`data:text/javascript,${encodeURIComponent(source)}`);
}
