/** The key of our Record-Routes' signatures: made once, and kept, so that calls outlive a restart. @module */
import { StartError } from "../../io/program.ts";

const KEY_BYTES = 32;

/**
 * Reads the key at `path`, or makes one there, readable by its owner only.
 * @throws StartError if it can be neither read nor made, or is no key
 */
export function keptRouteKey(path: string): Uint8Array {
  try {
    return read(path) ?? make(path);
  } catch (cause) {
    if (cause instanceof StartError || cause instanceof Deno.errors.NotCapable) throw cause;
    throw new StartError(`Cannot use ${path} ([Proxy] state_dir): ${(cause as Error).message}`, { cause });
  }
}

/** A key for this run alone. */
export function newRouteKey(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(KEY_BYTES));
}

function read(path: string): Uint8Array | undefined {
  let key: Uint8Array;
  try {
    key = Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  if (key.length === KEY_BYTES) return key;
  throw new StartError(
    `Cannot use ${path} ([Proxy] state_dir): it has ${key.length} bytes, ${KEY_BYTES} are a key; delete it, and another ` +
      "is made: calls that are up may not be ended by their phones then",
  );
}

function make(path: string): Uint8Array {
  const key = newRouteKey();
  // Written beside it first: a file that is there is whole, whatever happens meanwhile.
  const fresh = `${path}.new`;
  Deno.writeFileSync(fresh, key, { mode: 0o600 });
  Deno.renameSync(fresh, path);
  return key;
}
