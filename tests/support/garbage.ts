/** Garbage collection on demand, for tests of what is kept. @module */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects everything that nothing refers to; a WeakRef that was just made or asked holds on for its turn of the loop. */
export async function collectGarbage(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
